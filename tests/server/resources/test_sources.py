"""Workspaces of every kind, datasets from addresses and hubs, and the search for datasets."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.cloud_services import ACCOUNT, KEY, AzureServer, GcsServer
from tests.server.resources.house import House, Person, new_dataset
from tests.web_services import HubServer

from tunesmith.protocol import JobRequest
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.kit.caller import Caller
from tunesmith.server.scheduling.claims import Claim
from tunesmith.server.scheduling.requests import build_orders
from tunesmith.server.workspaces.finding import SearchQuery, find_datasets
from tunesmith.storage.files import Files
from tunesmith.storage.locations import HubStore, Location, UrlStore
from tunesmith.workers.base import Demand, Slot

PETS = {"type": "image_classification", "format": "classification_pyt"}
GOOGLE_KEY = {"client_email": "a@b", "private_key": "a-very-private-key", "private_key_id": "1"}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    server = HubServer()
    server.files = {"classes.txt": b"cat\n"}
    yield server
    server.close()


def configure(house: House, **settings: object) -> None:
    house.app.state.settings = house.settings.model_copy(update=settings)


def workspace(person: Person, cloud_type: str, **details: object) -> str:
    body = {"name": cloud_type, "cloud_type": cloud_type, "cloud_specific_details": details}
    identity: str = person.post("workspaces", body)["id"]
    return identity


def refusal(person: Person, cloud_type: str, **details: object) -> str:
    body = {"cloud_type": cloud_type, "cloud_specific_details": details}
    return person.refused(400, "POST", "workspaces", body)


def everything_stored(house: House) -> str:
    """All that is in the database, as text."""
    with house.database.read() as session:
        tables = session.scalars(text("select name from sqlite_master where type = 'table'")).all()
        rows = [session.execute(text(f'select * from "{table}"')).all() for table in tables]  # noqa: S608
    return str(rows)


def source_of(house: House, dataset_id: str) -> Location:
    return FrozenInputs.load(house.pull_of(dataset_id).inputs).train_datasets[0].source


def told_to_worker(house: House, dataset_id: str) -> tuple[JobRequest, dict[str, dict[str, str]]]:
    claim = Claim(house.pull_of(dataset_id).id, UUID(int=1), Demand(Slot.IO), ())
    request, secrets, _ = build_orders(house.database, house.vault, house.settings, claim)
    return request, secrets


# --- kinds of workspaces ---


@pytest.fixture
def azure(house: House, azure_server: AzureServer) -> dict[str, str]:
    """Details of a container."""
    configure(house, azure_endpoint=azure_server.url)
    return {"account_name": ACCOUNT, "cloud_bucket_name": azure_server.container(), "access_key": KEY}


def test_a_container_of_azure_becomes_a_workspace(house: House, ada: Person, azure: dict[str, str]):
    made = workspace(ada, "azure", **azure, cloud_region="westeurope")
    assert KEY not in json.dumps(ada.get(f"workspaces/{made}"))
    assert KEY not in everything_stored(house)
    changed = ada.patch(f"workspaces/{made}", {"cloud_specific_details": {"cloud_region": "northeurope"}})
    assert changed["cloud_type"] == "azure"
    with house.database.read() as session:
        stored = session.scalars(text("select store from workspaces")).one()
    assert json.loads(stored)["region"] == "northeurope"
    experiment = ada.post("experiments", {"network_arch": "classification_pyt", "workspace": made})
    assert experiment["workspace"] == made


def test_azure_is_tried_before_it_is_kept(house: House, ada: Person, azure: dict[str, str]):
    other = "bm90IHRoZSBrZXkgb2YgdGhlIGFjY291bnQ="
    assert "permission was refused" in refusal(ada, "azure", **azure | {"access_key": other})
    assert "does not exist" in refusal(ada, "azure", **azure | {"cloud_bucket_name": "no-such"})
    assert "account_name" in refusal(ada, "azure", **azure | {"account_name": "evil.example.com/"})
    assert "Extra inputs" in refusal(ada, "azure", **azure | {"endpoint_url": "http://169.254.169.254"})
    assert ada.get("workspaces") == []


def test_a_bucket_of_google_becomes_a_workspace(house: House, ada: Person, gcs_server: GcsServer):
    configure(house, gcs_endpoint=gcs_server.url)
    bucket = gcs_server.bucket()
    for key in (GOOGLE_KEY, json.dumps(GOOGLE_KEY)):
        made = workspace(ada, "gcp", cloud_bucket_name=bucket, service_account_key=key)
        assert ada.get(f"workspaces/{made}")["cloud_type"] == "gcp"
    assert "a-very-private-key" not in everything_stored(house)
    assert "no-such" in refusal(ada, "gcp", cloud_bucket_name="no-such", service_account_key=GOOGLE_KEY)
    assert "HMAC" in refusal(ada, "gcp", bucket=bucket)


def test_a_key_that_google_did_not_make_is_refused(ada: Person):
    said = refusal(ada, "gcp", cloud_bucket_name="mine", service_account_key='{"private_key": "hidden"}')
    assert "service_account_key" in said
    assert "hidden" not in said


def test_a_hub_becomes_a_workspace_for_datasets_alone(house: House, ada: Person, hub: HubServer):
    configure(house, hub_url=hub.url)
    made = workspace(ada, "huggingface", token=hub.TOKEN)
    assert hub.TOKEN not in everything_stored(house)
    dataset = new_dataset(ada, made, cloud_file_path="acme/pets@v1.0/sets")
    assert source_of(house, dataset) == Location(
        store=HubStore(id=made, endpoint_url=hub.url), prefix="acme/pets@v1.0/sets"
    )
    assert told_to_worker(house, dataset)[1] == {made: {"token": hub.TOKEN}}
    said = ada.refused(400, "POST", "experiments", {"network_arch": "classification_pyt", "workspace": made})
    assert "can only be read" in said
    for path in ("/data pets/x", "pets", "/", "acme/pets@"):
        body = PETS | {"workspace": made, "cloud_file_path": path}
        assert "OWNER/NAME" in ada.refused(400, "POST", "datasets", body)


def test_a_token_that_the_hub_does_not_know_is_refused(house: House, ada: Person, hub: HubServer):
    configure(house, hub_url=hub.url)
    said = refusal(ada, "huggingface", token="hf_notATokenOfThisHub")
    assert "token" in said
    assert "hf_notATokenOfThisHub" not in said


def test_a_storage_server_is_never_where_a_machine_finds_its_own_credentials(ada: Person):
    details = {"cloud_bucket_name": "latest", "endpoint_url": "http://169.254.169.254"}
    assert "no address of a storage server" in refusal(ada, "self_hosted", **details)


# --- addresses ---


def test_a_dataset_comes_from_an_address_whose_query_nobody_sees(house: House, ada: Person):
    url = "https://files.example.com/sets/pets.tar.gz"
    made = ada.post("datasets", PETS | {"url": f"{url}?signature=verysecret&x=1#part"})
    assert (made["url"], made["status"], made["workspace"]) == (url, "starting", None)
    source = source_of(house, made["id"])
    assert isinstance(source.store, UrlStore)
    assert (source.store.url, source.store.max_bytes) == (url, 100 * 10**9)
    request, secrets = told_to_worker(house, made["id"])
    assert secrets == {made["id"]: {"query": "signature=verysecret&x=1"}}
    assert "verysecret" not in request.model_dump_json()
    assert "verysecret" not in everything_stored(house)


def test_the_address_as_it_is_shown_keeps_its_query(house: House, ada: Person, space: str):
    url = "https://files.example.com/pets.zip"
    made = ada.post("datasets", PETS | {"url": f"{url}?key=verysecret"})["id"]
    house.settle_pull(made, "invalid_pull", "no")
    assert ada.patch(f"datasets/{made}", {"url": url})["status"] == "starting"
    assert told_to_worker(house, made)[1] == {made: {"query": "key=verysecret"}}
    house.settle_pull(made)
    moved = ada.patch(f"datasets/{made}", {"workspace": space, "cloud_file_path": "data/pets"})
    assert (moved["url"], moved["cloud_file_path"]) == (None, "data/pets")
    assert source_of(house, made).prefix == "data/pets"
    house.settle_pull(made)
    back = ada.patch(f"datasets/{made}", {"url": "https://files.example.com/other.zip"})
    assert (back["url"], back["cloud_file_path"]) == ("https://files.example.com/other.zip", None)
    assert told_to_worker(house, made)[1][made] == {}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://files.example.com/x.zip", "must begin with https://"),
        ("ftp://files.example.com/x.zip", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://ada:word@files.example.com/x.zip", "no user name"),
        ("https://169.254.169.254/latest", "TUNESMITH_PRIVATE_HOSTS"),
        ("https://[::1]/x.zip", "TUNESMITH_PRIVATE_HOSTS"),
        ("https://localhost/x.zip", "TUNESMITH_PRIVATE_HOSTS"),
        ("https://10.1.2.3:8443/x.zip", "TUNESMITH_PRIVATE_HOSTS"),
        ("https://huggingface.co/acme/model", "shows no dataset"),
        ("https://exa mple.com:x/", "cannot be read"),
    ],
)
def test_an_address_that_could_never_be_read_is_refused(ada: Person, url: str, said: str):
    assert said in ada.refused(400, "POST", "datasets", PETS | {"url": url})


def test_the_operator_allows_hosts_of_its_own(house: House, ada: Person):
    configure(house, private_hosts=("files.lab", "10.0.0.0/8"), max_download_gb=2)
    for url in ("http://files.lab/x.zip", "https://10.1.2.3/x.zip", "http://10.1.2.3/x.zip"):
        store = source_of(house, ada.post("datasets", PETS | {"url": url})["id"]).store
        assert isinstance(store, UrlStore)
        assert store.private_hosts == ("files.lab", "10.0.0.0/8")
        assert store.max_bytes == 2 * 10**9
    assert "https" in ada.refused(400, "POST", "datasets", PETS | {"url": "http://other.lab/x.zip"})


def test_an_address_of_the_hub_becomes_a_dataset_of_the_hub(house: House, ada: Person, hub: HubServer):
    page = "https://huggingface.co/datasets/acme/pets/tree/v1.0/sets"
    alone = ada.post("datasets", PETS | {"url": page})["id"]
    assert source_of(house, alone) == Location(store=HubStore(id=alone), prefix="acme/pets@v1.0/sets")
    configure(house, hub_url=hub.url)
    made = workspace(ada, "huggingface", token=hub.TOKEN)
    url = f"{hub.url}/datasets/acme/pets"
    private = ada.post("datasets", PETS | {"url": url, "workspace": made})["id"]
    assert source_of(house, private).store == HubStore(id=made, endpoint_url=hub.url)
    assert told_to_worker(house, private)[1] == {made: {"token": hub.TOKEN}}


# --- the search ---


def search(person: Person, space: str, **query: Any) -> list[str]:
    reply = person.get(f"workspaces/{space}:get_datasets", **query)
    assert reply["complete"] is True
    paths: list[str] = reply["dataset_paths"]
    return paths


@pytest.mark.shows("GET /workspaces/{workspace_id}:get_datasets")
def test_folders_that_would_make_a_dataset_are_found(house: House, ada: Person, space: str):
    root = house.folder_of(ada)
    for name in (
        "data/pets/images_train.tar.gz",
        "data/pets/classes.txt",
        "data/cars/images_test.tar.gz",
        "data/faces/data.h5",
        "data/notes/readme.txt",
        "elsewhere/data.h5",
        "results/data.h5",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    assert search(ada, space) == ["/data/cars", "/data/faces", "/data/pets"]
    assert search(ada, space, dataset_type="maxine_dataset") == ["/data/faces"]
    assert search(ada, space, **{f"dataset_{key}": value for key, value in PETS.items()}) == ["/data/pets"]
    raw = {"dataset_type": "image_classification", "dataset_format": "raw"}
    assert search(ada, space, **raw, dataset_intention="testing") == ["/data/cars", "/data/pets"]
    assert search(ada, space, **raw, dataset_intention=["testing", "training"]) == []
    found = search(ada, space, dataset_type="image_classification", dataset_format="classification_pyt")
    dataset = new_dataset(ada, space, cloud_file_path=found[0])
    assert source_of(house, dataset).prefix == "data/pets"


def test_a_container_of_azure_is_searched(house: House, ada: Person, azure: dict[str, str]):
    made = workspace(ada, "azure", **azure)
    assert search(ada, made) == []
    with house.database.read() as session:
        stored = json.loads(session.scalars(text("select store from workspaces")).one())
    files = Files(Location.model_validate({"store": stored}), {"access_key": KEY})
    for name in ("classes.txt", "images_val.tar.gz"):
        files.write(f"data/deep/pets/{name}", b"")
    assert search(ada, made, dataset_format="classification_pyt") == ["/data/deep/pets"]


def test_what_cannot_be_searched_is_told(house: House, ada: Person, eve: Person, space: str, hub: HubServer):
    path = f"workspaces/{space}:get_datasets"
    assert "dataset_type" in ada.refused(400, "GET", path, dataset_type="dogs")
    assert "there are:" in ada.refused(400, "GET", path, dataset_type="vlm", dataset_format="kitti")
    assert "dataset_intention" in ada.refused(400, "GET", path, dataset_intention="guessing")
    eve.refused(404, "GET", path)
    house.folder_of(ada).rmdir()
    assert "does not exist" in ada.refused(503, "GET", path)
    configure(house, hub_url=hub.url)
    whole_hub = workspace(ada, "huggingface", token=hub.TOKEN)
    assert "whole hub" in ada.refused(400, "GET", f"workspaces/{whole_hub}:get_datasets")


def test_a_search_ends_in_time_with_what_it_has(house: House, ada: Person, space: str):
    (house.folder_of(ada) / "data" / "faces").mkdir(parents=True)
    (house.folder_of(ada) / "data" / "faces" / "data.h5").write_bytes(b"")
    caller = Caller(ada.user_id, ada.org_id, ada.org, ada.name)
    found = find_datasets(house.database, house.vault, caller, UUID(space), SearchQuery(), seconds=-1)
    assert (found.dataset_paths, found.complete) == ([], False)
