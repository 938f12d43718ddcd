"""Actions on datasets by themselves: offered, described, accepted, or refused with a reason."""

from typing import Any

import pytest
from tests.server.resources.house import House, Lab, Person, new_dataset

ACTION = "convert_efficientdet_tf2"


@pytest.fixture
def boxes(house: House, ada: Person, space: str) -> str:
    """A dataset of boxes that is pulled."""
    dataset = new_dataset(
        ada, space, type="object_detection", format="coco", cloud_file_path="boxes", use_for=["training"]
    )
    house.settle_pull(dataset)
    return dataset


def specs(ada: Person, dataset: str) -> dict[str, Any]:
    default: dict[str, Any] = ada.get(f"datasets/{dataset}/specs/{ACTION}/schema")["default"]
    return default


def test_a_dataset_tells_what_can_be_done_with_it(ada: Person, boxes: str, lab: Lab):
    assert ada.get(f"datasets/{boxes}")["actions"] == [ACTION]
    assert ada.get(f"datasets/{lab.train}")["actions"] == []


@pytest.mark.shows("GET /datasets/{dataset_id}/specs/{action}/schema", "POST /datasets/{dataset_id}/jobs")
def test_the_default_is_edited_and_posted(house: House, ada: Person, boxes: str):
    edited = specs(ada, boxes)
    edited["dataset_convert"] |= {"num_shards": 4, "tag": "train"}
    body = {"action": ACTION, "specs": edited, "parent_job_id": None}
    job = ada.post(f"datasets/{boxes}/jobs", body)
    shown = ada.get(f"datasets/{boxes}/jobs/{job}", return_specs=True)
    assert (shown["action"], shown["dataset_id"], shown["parent_id"]) == (ACTION, boxes, None)
    assert shown["specs"]["dataset_convert"]["num_shards"] == 4
    schema = ada.get(f"datasets/{boxes}/jobs/{job}/schema")
    assert schema["default"]["dataset_convert"]["tag"] == "train"
    stored = house.job(job)
    assert stored
    assert (stored.slot, stored.network) == ("cpu", None)
    assert [one["id"] for one in stored.inputs["train_datasets"]] == [boxes]


def test_a_conversion_may_follow_another_and_a_training_both(house: House, ada: Person, boxes: str, space):
    first = ada.post(f"datasets/{boxes}/jobs", {"action": ACTION, "specs": specs(ada, boxes)})
    follows = {"action": ACTION, "specs": specs(ada, boxes), "parent_job_id": first}
    second = ada.post(f"datasets/{boxes}/jobs", follows)
    assert ada.get(f"datasets/{boxes}/jobs/{second}")["parent_id"] == first
    body = {"network_arch": "efficientdet_tf2", "workspace": space, "train_datasets": [boxes]}
    experiment = ada.post("experiments", body)["id"]
    train = {"action": "train", "specs": {}, "parent_job_id": second}
    job = ada.post(f"experiments/{experiment}/jobs", train)
    assert ada.get(f"experiments/{experiment}/jobs/{job}")["parent_id"] == second


@pytest.mark.parametrize(
    ("status", "change", "said"),
    [
        (404, {"action": "augment"}, f"there are {ACTION} on this server"),
        (400, {"specs": None}, "specs: are missing; GET specs/convert_efficientdet_tf2/schema"),
        (400, {"specs": {"dataset_convert": {"num_shard": 3}}}, "Did you mean dataset_convert.num_shards?"),
        (404, {"parent_job_id": "0c2e2d2a-0d3c-4b6e-8a55-111111111111"}, "not found"),
    ],
)
def test_what_cannot_run_is_refused(ada: Person, boxes: str, status, change, said):
    body = {"action": ACTION, "specs": {}} | change
    assert said in ada.refused(status, "POST", f"datasets/{boxes}/jobs", body)


def test_datasets_of_other_kinds_have_no_such_action(lab: Lab):
    said = lab.ada.refused(404, "POST", f"datasets/{lab.train}/jobs", {"action": ACTION, "specs": {}})
    assert "there is none on this server" in said
    assert "requested not in" in lab.ada.refused(404, "GET", f"datasets/{lab.train}/specs/{ACTION}/schema")


def test_a_dataset_that_is_not_usable_is_not_converted(house: House, ada: Person, space: str):
    dataset = new_dataset(ada, space, type="object_detection", format="coco", use_for=["training"])
    house.settle_pull(dataset, "invalid_pull", "annotations.json: is no JSON.")
    said = ada.refused(400, "POST", f"datasets/{dataset}/jobs", {"action": ACTION, "specs": {}})
    assert "is not usable. annotations.json: is no JSON." in said
