"""Operations on many objects at once, and on none: bulk deletion, tags, schemas without an experiment."""

import pytest
from tests.server.resources.house import House, Lab, Person

MISSING = "0" * 8 + "-0000-4000-8000-" + "0" * 12


def new_dataset(person: Person, **fields: object) -> str:
    identity: str = person.post("datasets", {"type": "image_classification", "format": "raw"} | fields)["id"]
    return identity


@pytest.mark.shows("DELETE /datasets")
def test_several_datasets_go_and_each_has_an_outcome(lab: Lab, ada: Person, bob: Person):
    free, shown = new_dataset(ada), new_dataset(bob, shared=True)
    reply = ada.ask("DELETE", "datasets", {"dataset_ids": [free, lab.train, shown, MISSING, "x"]}).json()
    assert [(one["id"], one.get("status")) for one in reply["results"]] == [
        (free, "success"),
        (lab.train, "failed"),
        (shown, "failed"),
        (MISSING, "success"),
        ("x", "failed"),
    ]
    errors = [one.get("error_desc", "") for one in reply["results"]]
    assert "in use" in errors[1]
    assert "not change it" in errors[2]
    ada.refused(404, "GET", f"datasets/{free}")
    ada.get(f"datasets/{lab.train}")
    bob.get(f"datasets/{shown}")


@pytest.mark.shows("DELETE /experiments")
def test_several_experiments_go_and_each_has_an_outcome(lab: Lab, ada: Person):
    body = {"network_arch": "classification_pyt", "workspace": lab.space}
    free, public = ada.post("experiments", body)["id"], ada.post("experiments", body | {"public": True})["id"]
    lab.post("train", {})
    reply = ada.ask("DELETE", "experiments", {"experiment_ids": [free, public, lab.id]}).json()
    assert [one["status"] for one in reply["results"]] == ["success", "failed", "failed"]
    assert "Public" in reply["results"][1]["error_desc"]
    assert "in use by job" in reply["results"][2]["error_desc"]
    ada.refused(404, "GET", f"experiments/{free}")


@pytest.mark.parametrize("path", ["datasets", "experiments"])
@pytest.mark.parametrize("body", [{}, [], None, {"dataset_ids": 1, "experiment_ids": "x"}])
def test_a_bulk_deletion_that_makes_no_sense_is_refused(ada: Person, path: str, body: object):
    ada.refused(400, "DELETE", path, body)


@pytest.mark.shows("GET /experiments:get_tags")
def test_tags_differ_in_more_than_case(house: House, ada: Person, bob: Person, eve: Person):
    def tagged(person: Person, tags: list[str], **fields: object) -> None:
        space = house.workspace(person)
        person.post(
            "experiments",
            {"network_arch": "classification_pyt", "workspace": space, "tags": tags} | fields,
        )

    assert ada.get("experiments:get_tags") == {"tags": []}
    tagged(ada, ["Night", "rain"])
    tagged(ada, ["NIGHT"])
    tagged(bob, ["Rain", "snow"], shared=True)
    tagged(bob, ["hidden"])
    tagged(eve, ["elsewhere"], shared=True, public=True)
    assert sorted(ada.get("experiments:get_tags")["tags"]) == ["NIGHT", "Rain", "snow"]


@pytest.mark.shows(
    "GET /specs/{action}/schema", "GET /experiments/{experiment_id}/specs/{action}/schema:base"
)
def test_a_schema_needs_no_experiment(lab: Lab, ada: Person):
    schema = ada.get(f"experiments/{lab.id}/specs/train/schema")
    assert ada.get("specs/train/schema", network="classification_pyt", format="raw") == schema
    assert ada.get(f"experiments/{lab.id}/specs/train/schema:base") == schema
    assert "fly requested not in train" in ada.refused(
        404, "GET", "specs/fly/schema", network="classification_pyt"
    )
    assert "'nonet' is not available" in ada.refused(400, "GET", "specs/train/schema", network="nonet")
    assert "network" in ada.refused(400, "GET", "specs/train/schema")
