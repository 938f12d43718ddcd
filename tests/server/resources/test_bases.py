"""Base experiments: the catalogue, and what choosing one means."""

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from tests.server.resources.house import Lab, Person

from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.experiments.bases import check_base_experiments
from tunesmith.server.jobs.tables import Job, Queue
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.models.pulls import set_pulled
from tunesmith.server.scheduling.servers import fleet
from tunesmith.server.scheduling.waiting import look_at_new

FAN = "pretrained_fan_classification_imagenet:fan_hybrid_tiny"


def base(of: Person, ending: str) -> str:
    """As existing clients find one: by the end of its name."""
    found = of.get("experiments:base", network_arch="classification_pyt")["experiments"]
    identity: str = next(one["id"] for one in found if one["ngc_path"].endswith(ending))
    return identity


@pytest.mark.shows("GET /experiments:base")
def test_the_catalogue_is_listed_as_clients_read_it(ada: Person):
    reply = ada.get("experiments:base")
    assert "pagination_info" not in reply
    for one in reply["experiments"]:
        assert all(
            one[name] for name in ("name", "version", "ngc_path", "network_arch", "read_only", "public")
        )
        assert not {"encryption_key", "status"}.intersection(one)
        assert one["workspace"] is None
        assert set(one["base_experiment_metadata"]) >= {"backbone_class", "license", "num_parameters"}
    (found,) = (one for one in reply["experiments"] if one["ngc_path"] == "timm/resnet50:tv_in1k")
    known = found["base_experiment_metadata"]
    assert known["license_name"] == "bsd-3-clause"
    assert (known["num_parameters"], known["accuracy"]) == ("26M", "76.1%")
    assert known["accuracy_source"].startswith("torchvision")
    assert known["specs"] == {"model": {"backbone": {"type": "resnet50"}}}


def names(of: Person, **query: object) -> list[str]:
    return [one["name"] for one in of.get("experiments:base", **query)["experiments"]]


def test_filters(ada: Person):
    every = names(ada)
    assert names(ada, type="vision", read_only=True) == every
    by_network = [names(ada, network_arch=arch) for arch in ("classification_pyt", "classification_tf2")]
    assert by_network[1] == [f"efficientnet_b{size}" for size in range(6)]
    assert set(by_network[0]).isdisjoint(by_network[1])
    assert set(by_network[0] + by_network[1]) <= set(every)
    assert names(ada, network_arch="centerpose") == names(ada, type="medical") == names(ada, tag="x") == []
    assert names(ada, shared=True) == names(ada, read_only=False) == names(ada, status="Done") == []
    named = names(ada, name="resnet50.a1_in1k", network_arch="segformer")
    assert named == ["resnet50.a1_in1k"]
    assert names(ada, name="!resnet50.a1_in1k") == [one for one in every if one != "resnet50.a1_in1k"]
    found = names(ada, search="SWIN_tiny", network_arch="segformer")
    assert found == ["swin_tiny_patch4_window7_224.ms_in22k_ft_in1k"]
    assert names(ada, tags="!x", shared=False) == every


def test_sorting_and_paging(ada: Person):
    every = names(ada)
    assert names(ada, sort="name-ascending") == sorted(every)
    assert names(ada, sort="name-descending") == sorted(every, reverse=True)
    reply = ada.get("experiments:base", skip=4, size=2)
    assert [one["name"] for one in reply["experiments"]] == every[4:6]
    info = reply["pagination_info"]
    assert (info["total_records"], info["page_size"], info["page_index"]) == (len(every), 2, 2)
    assert names(ada, skip=len(every) - 1) == every[-1:]
    assert names(ada, skip=10**6, size=1) == names(ada, skip=0, size=0) == []


@pytest.mark.shows("GET /experiments/{experiment_id}/specs/{action}/schema:base")
def test_one_of_the_catalogue_is_read_like_an_experiment(ada: Person, eve: Person):
    identity = base(ada, "timm/test_resnet:r160_in1k")
    for reader in (ada, eve):
        assert reader.get(f"experiments/{identity}")["ngc_path"] == "timm/test_resnet:r160_in1k"
    for ending in ("schema", "schema:base"):
        default = ada.get(f"experiments/{identity}/specs/train/{ending}")["default"]
        assert default["model"]["backbone"]["type"] == "test_resnet"
        assert default["dataset"]["img_size"] == 160
    assert ada.refused(404, "PATCH", f"experiments/{identity}", {"name": "mine"})
    assert ada.refused(404, "GET", f"experiments/{identity}/specs/dance/schema")


def test_choosing_one_sets_the_default_of_the_specs(lab: Lab):
    path = f"experiments/{lab.id}"
    chosen = base(lab.ada, FAN)
    changed = lab.ada.patch(path, {"base_experiment": [chosen, chosen]})
    assert changed["base_experiment"] == [chosen]
    default = lab.ada.get(f"{path}/specs/train/schema")["default"]
    assert default["model"]["backbone"]["type"] == "fan_tiny_8_p4_hybrid"
    lab.ada.patch(path, {"base_experiment": [None]})
    assert lab.ada.get(path)["base_experiment"] == []


def test_what_cannot_be_chosen(lab: Lab):
    path = f"experiments/{lab.id}"
    one, other = base(lab.ada, "resnet18:a1_in1k"), base(lab.ada, "resnet50:a1_in1k")

    def refused(*ids: str) -> str:
        return lab.ada.refused(400, "PATCH", path, {"base_experiment": list(ids)})

    assert "Provided base_experiment cannot be added" in refused(str(uuid4()))
    assert "one sets model.backbone.type to resnet18" in refused(one, other)
    assert lab.ada.refused(400, "PATCH", path, {"base_experiment": [one] * 3})
    with pytest.raises(BadRequestError, match="is for classification_pyt, and this is dino"):
        check_base_experiments([UUID(one)], "dino")
    unknown = {"base_experiment": [str(uuid4())]}
    assert "not in the catalogue" in lab.ada.refused(400, "PATCH", f"datasets/{lab.train}", unknown)
    changed = lab.ada.patch(f"datasets/{lab.train}", {"base_experiment": [one]})
    assert changed["base_experiment"] == [one]


def test_specs_must_fit_the_weights(lab: Lab):
    path = f"experiments/{lab.id}"
    lab.ada.patch(path, {"base_experiment": [base(lab.ada, "timm/test_resnet:r160_in1k")]})

    def train(specs: dict[str, object]) -> dict[str, object]:
        job = lab.ada.post(f"{path}/jobs", {"action": "train", "specs": specs})
        found: dict[str, object] = lab.ada.get(f"{path}/jobs/{job}", return_specs=True)["specs"]
        return found

    left_out = train({"dataset": {"img_size": 32}})
    assert '"type": "test_resnet"' in json.dumps(left_out)
    assert left_out["dataset"]["img_size"] == 32  # type: ignore[index]
    train({"model": {"backbone": {"type": "timm/test_resnet"}}})
    body = {"action": "train", "specs": {"model": {"backbone": {"type": "resnet18"}}}}
    said = lab.ada.refused(400, "POST", f"{path}/jobs", body)
    assert "model.backbone.type: must be test_resnet" in said
    assert "timm/test_resnet:r160_in1k" in said
    assert "PATCH the experiment" in said


def pulls(lab: Lab) -> list[Job]:
    """The pulls of weights, the first one first."""
    with lab.house.database.read() as session:
        query = select(Job).where(Job.action == "pull_model").order_by(Job.created_on)
        return list(session.scalars(query))


def settle(lab: Lab, identity: str, status: PullStatus, reason: str = "") -> None:
    with lab.house.database.write() as session:
        set_pulled(session, UUID(identity), status, reason)


def test_weights_are_asked_for_once(lab: Lab, bob: Person):
    chosen = base(lab.ada, "timm/test_resnet:r160_in1k")
    woken = lab.house.hint.woken
    changed = lab.ada.patch(lab.path, {"base_experiment": [chosen]})
    assert changed["base_experiment_pull_complete"] == "starting"
    assert lab.house.hint.woken > woken
    lab.ada.patch(f"datasets/{lab.train}", {"base_experiment": [chosen]})
    body = {"network_arch": "classification_pyt", "workspace": lab.house.workspace(bob)}
    assert bob.post("experiments", body | {"base_experiment": [chosen]})["base_experiment_pull_complete"]
    (pull,) = pulls(lab)
    assert (pull.internal, pull.slot, pull.network) == (True, "io", None)
    assert lab.ada.get(f"{lab.path}/jobs")["jobs"] == []


def test_how_far_the_weights_are_is_shown_everywhere(lab: Lab):
    chosen = base(lab.ada, "timm/test_resnet:r160_in1k")
    assert "base_experiment_pull_complete" not in lab.ada.get(f"experiments/{chosen}")
    lab.ada.patch(lab.path, {"base_experiment": [chosen]})
    lab.ada.patch(f"datasets/{lab.train}", {"base_experiment": [chosen]})
    settle(lab, chosen, PullStatus.INVALID_PULL, "The hub is away.")
    listed = lab.ada.get("experiments", search=lab.id)["experiments"]
    listed += lab.ada.get("datasets", search=lab.train)["datasets"]
    query = {"name": "test_resnet.r160_in1k", "network_arch": "classification_pyt"}
    listed += lab.ada.get("experiments:base", **query)["experiments"]
    for path in (lab.path, f"datasets/{lab.train}", f"experiments/{chosen}"):
        listed.append(lab.ada.get(path))
    assert len(listed) == 6
    for one in listed:
        assert one["base_experiment_pull_complete"] == "invalid_pull"
        assert one["base_experiment_pull_reason"] == "The hub is away."
    again = lab.ada.patch(lab.path, {"base_experiment": [chosen]})
    assert again["base_experiment_pull_complete"] == "starting"
    assert "base_experiment_pull_reason" not in again
    assert len(pulls(lab)) == 2


def test_a_training_waits_for_the_weights_and_fails_without_them(lab: Lab):
    chosen = base(lab.ada, "timm/test_resnet:r160_in1k")
    lab.ada.patch(lab.path, {"base_experiment": [chosen]})
    first = lab.post("train", {})

    def obstacle(job_id: str) -> Job:
        with lab.house.database.write() as session:
            look_at_new(session, fleet(session))
            return session.get_one(Job, UUID(job_id))

    waiting = obstacle(first)
    assert waiting.waits_for == "Waits for the weights of timm/test_resnet:r160_in1k to be fetched"
    settle(lab, chosen, PullStatus.INVALID_PULL, "The hub is away.")
    failed = obstacle(first)
    assert failed.status == "Error"
    assert failed.details["cause"] == "storage"
    assert "cannot be had: The hub is away." in failed.details["message"]
    second = lab.post("train", {})
    assert len(pulls(lab)) == 2, "posting a training tries again"
    settle(lab, chosen, PullStatus.PULL_COMPLETE)
    assert obstacle(second).queue == Queue.READY


def test_many_who_ask_at_once_start_one_pull(lab: Lab):
    chosen = base(lab.ada, "timm/test_resnet:r160_in1k")
    body = {"network_arch": "classification_pyt", "workspace": lab.space, "base_experiment": [chosen]}
    with ThreadPoolExecutor(8) as crowd:
        replies = list(crowd.map(lambda _: lab.ada.post("experiments", body), range(8)))
    assert {one["base_experiment_pull_complete"] for one in replies} == {"starting"}
    assert len(pulls(lab)) == 1
