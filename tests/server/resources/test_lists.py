"""What a page of a list costs, and that its total is right however rows come and go."""

import pytest
from tests.server.resources.house import House, Person
from tests.statements import statements


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else None


def total(person: Person, kind: str, **query: object) -> int:
    found: int = person.get(kind, skip=0, size=1, **query)["pagination_info"]["total_records"]
    return found


def everything(person: Person, kind: str) -> int:
    return len(person.get(kind)[kind])


def experiment(house: House, person: Person, **fields: object) -> str:
    body = {"network_arch": "classification_pyt", "workspace": house.workspace(person)} | fields
    identity: str = person.post("experiments", body)["id"]
    return identity


def test_totals_follow_what_comes_changes_and_goes(house: House, ada: Person, bob: Person, eve: Person):
    people = (ada, bob, eve)

    def totals() -> list[int]:
        counted = [total(one, "experiments") for one in people]
        assert counted == [everything(one, "experiments") for one in people]
        return counted

    assert totals() == [0, 0, 0]
    mine = experiment(house, ada)
    assert totals() == [1, 0, 0]
    ada.patch(f"experiments/{mine}", {"shared": True})
    assert totals() == [1, 1, 0]
    ada.patch(f"experiments/{mine}", {"public": True, "name": "seen by all"})
    assert totals() == [1, 1, 1]
    ada.patch(f"experiments/{mine}", {"public": False, "shared": False})
    assert totals() == [1, 0, 0]
    ada.delete(f"experiments/{mine}")
    assert totals() == [0, 0, 0]


def test_totals_of_datasets(ada: Person, bob: Person):
    body = {"type": "image_classification", "format": "raw"}
    identity = ada.post("datasets", body)["id"]
    assert total(ada, "datasets") == everything(ada, "datasets") == 1
    assert total(bob, "datasets") == 0
    ada.delete(f"datasets/{identity}")
    assert total(ada, "datasets") == 0


def test_a_page_behind_the_end_and_a_filter_know_their_totals(house: House, ada: Person):
    for name in ("ant", "bee", "cat"):
        experiment(house, ada, name=name)
    info = ada.get("experiments", skip=10, size=2)["pagination_info"]
    assert (info["total_records"], info["total_pages"], info["page_index"]) == (3, 2, 5)
    assert total(ada, "experiments", name="!bee") == 2
    assert total(ada, "experiments", search="ant") == 1
    assert total(ada, "experiments", user_only="true") == 3


@pytest.mark.parametrize("kind", ["experiments", "datasets", "workspaces"])
def test_a_page_takes_as_many_queries_for_many_rows_as_for_one(house: House, ada: Person, kind: str):
    """One for the caller, one for the page and its total, one for the jobs of its rows."""
    for _ in range(3):
        experiment(house, ada)
        ada.post("datasets", {"type": "image_classification", "format": "raw"})
    most = 2 if kind == "workspaces" else 3
    for query in ({"skip": 0, "size": 1}, {"skip": 0, "size": 3}, {}, {"search": "e", "skip": 0, "size": 3}):
        with statements(house.database) as seen:
            ada.get(kind, **query)
        assert len(seen) == most, seen
