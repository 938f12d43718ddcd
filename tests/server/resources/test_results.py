import io
import tarfile

import pytest
from tests.server.resources.house import Lab

from tunesmith.server.jobs.states import Status

FILES = {
    "model_best.pth": b"best" * 100_000,
    "model_latest.pth": b"latest",
    "model_epoch_002.pth": b"",
    "model_epoch_010.pth": b"ten",
    "plots/Kurve über \u65e5 'q\".png": b"picture",
    "events/epoch_007_step_00100.txt": b"no checkpoint",
}


@pytest.fixture
def trained(lab: Lab) -> str:
    job = lab.trained()
    lab.leave_files(job, FILES)
    return job


def log_to(lab: Lab, job: str, text: bytes) -> None:
    folder = lab.house.folder(job)
    folder.root.mkdir(parents=True, exist_ok=True)
    folder.log_path.write_bytes(text)


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}:list_files")
def test_files_are_listed_as_they_lie_in_the_workspace(lab: Lab, trained: str):
    names = lab.ada.get(f"{lab.path}/jobs/{trained}:list_files")
    assert sorted(names) == sorted(f"results/{trained}/{key}" for key in FILES)
    assert lab.ada.get(f"{lab.path}/jobs/{lab.post('train', {})}:list_files") == []


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}:download")
def test_download_brings_every_file_and_the_log(lab: Lab, trained: str):
    log_to(lab, trained, b"epoch 1\n")
    reply = lab.ada.ask("GET", f"{lab.path}/jobs/{trained}:download")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert f"{trained}.tar.gz" in reply.headers["content-disposition"]
    expected = {f"{trained}/{key}": content for key, content in FILES.items()}
    assert unpacked(reply.content) == expected | {f"{trained}.txt": b"epoch 1\n"}


def test_a_download_without_files_is_an_empty_archive(lab: Lab):
    reply = lab.ada.ask("GET", f"{lab.path}/jobs/{lab.post('train', {})}:download")
    assert unpacked(reply.content) == {}


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}:download_selective_files")
def test_some_files_by_either_name(lab: Lab, trained: str):
    path = f"{lab.path}/jobs/{trained}:download_selective_files"
    wanted = ["model_epoch_010.pth", f"results/{trained}/model_latest.pth", "model_latest.pth"]
    reply = lab.ada.ask("GET", path, file_lists=wanted, best_model="True", tar_files="true")
    assert list(unpacked(reply.content)) == [
        f"{trained}/model_epoch_010.pth",
        f"{trained}/model_latest.pth",
        f"{trained}/model_best.pth",
    ]


@pytest.mark.parametrize("spelling", ["False", "false", "0"])
def test_a_single_file_can_come_as_it_is(lab: Lab, trained: str, spelling: str):
    path = f"{lab.path}/jobs/{trained}:download_selective_files"
    reply = lab.ada.ask("GET", path, latest_model="true", tar_files=spelling)
    assert reply.content == b"latest"
    odd = next(name for name in FILES if "Kurve" in name)
    reply = lab.ada.ask("GET", path, file_lists=odd, tar_files=spelling)
    assert reply.content == b"picture"
    assert "\n" not in reply.headers["content-disposition"]
    both = lab.ada.ask("GET", path, latest_model="true", best_model="true", tar_files=spelling)
    assert len(unpacked(both.content)) == 2


@pytest.mark.parametrize(
    "name",
    [
        "nothing.pth",
        "../../../secret.key",
        "results/../secret.key",
        "/etc/passwd",
        "model_best.pth/",
        "./model_best.pth",
        "plots",
        "",
        "a'; rm -rf /",
    ],
)
def test_only_listed_files_can_be_had(lab: Lab, trained: str, name: str):
    path = f"{lab.path}/jobs/{trained}:download_selective_files"
    said = lab.ada.refused(404, "GET", path, file_lists=["model_best.pth", name])
    assert repr(name) in said


def test_the_files_of_another_job_cannot_be_had(lab: Lab, trained: str):
    other = lab.trained()
    lab.leave_files(other, {"mine.txt": b"x"})
    path = f"{lab.path}/jobs/{other}:download_selective_files"
    lab.ada.refused(404, "GET", path, file_lists=[f"results/{trained}/model_best.pth"])
    lab.ada.refused(404, "GET", path, file_lists=[f"../{trained}/model_best.pth"])


def test_nothing_selected_is_refused(lab: Lab, trained: str):
    path = f"{lab.path}/jobs/{trained}:download_selective_files"
    assert "No files passed" in lab.ada.refused(400, "GET", path)
    assert "best_model" in lab.ada.refused(400, "GET", path, best_model="maybe")
    assert "has no file 'model_best.pth'" in lab.ada.refused(
        404, "GET", f"{lab.path}/jobs/{lab.trained()}:download_selective_files", best_model="1"
    )


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}:get_epoch_numbers")
def test_epoch_numbers_are_epochs(lab: Lab, trained: str):
    assert lab.ada.get(f"{lab.path}/jobs/{trained}:get_epoch_numbers") == {"data": [2, 10]}


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}/logs")
def test_a_log_can_be_read_while_it_is_written(lab: Lab):
    job = lab.post("train", {})
    path = f"{lab.path}/jobs/{job}/logs"
    before = lab.ada.ask("GET", path)
    assert before.text == "Logs for the job are not available yet. Waits for the scheduler\n"
    lab.house.move(job, Status.RUNNING)
    said = lab.ada.refused(404, "GET", path)
    assert said == "Logs for the job are not available yet."
    log_to(lab, job, "Épocha 1\n".encode())
    reply = lab.ada.ask("GET", path)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.text == "Épocha 1\n"
    assert "automl_experiment_index" in lab.ada.refused(400, "GET", path, automl_experiment_index="x")
    said = lab.ada.refused(404, "GET", path, automl_experiment_index=3)
    assert f"Job {job} is no search and has no experiment 3" in said


def test_a_log_that_is_no_text_does_no_harm(lab: Lab):
    job = lab.trained()
    log_to(lab, job, b"\xff\xfe\x00" * 100_000)
    assert lab.ada.ask("GET", f"{lab.path}/jobs/{job}/logs").content == b"\xff\xfe\x00" * 100_000


def test_a_store_that_is_gone_is_named(lab: Lab, trained: str):
    lab.house.folder_of(lab.ada).rename(lab.house.settings.data_dir / "moved")
    said = lab.ada.refused(503, "GET", f"{lab.path}/jobs/{trained}:list_files")
    assert str(lab.house.folder_of(lab.ada)) in said


def test_a_link_out_of_the_results_is_no_file(lab: Lab, trained: str):
    secret = lab.house.settings.data_dir / "secret"
    secret.write_bytes(b"hidden")
    (lab.house.folder_of(lab.ada) / "results" / trained / "link").symlink_to(secret)
    assert f"results/{trained}/link" not in lab.ada.get(f"{lab.path}/jobs/{trained}:list_files")
    lab.ada.refused(404, "GET", f"{lab.path}/jobs/{trained}:download_selective_files", file_lists="link")


@pytest.mark.shows(
    "GET /datasets/{dataset_id}/jobs",
    "GET /datasets/{dataset_id}/jobs/{job_id}",
    "GET /datasets/{dataset_id}/jobs/{job_id}/logs",
    "GET /datasets/{dataset_id}/jobs/{job_id}/schema",
    "GET /datasets/{dataset_id}/jobs/{job_id}:download",
    "DELETE /datasets/{dataset_id}/jobs/{job_id}",
)
def test_jobs_of_datasets_are_read_alike(lab: Lab):
    job = lab.house.insert(lab.ada, lab.train, "dataset_convert", "Done")
    like = lab.house.job(lab.trained())
    assert like is not None
    lab.house.change(job, inputs=like.inputs)
    log_to(lab, job, b"converted\n")
    path = f"datasets/{lab.train}/jobs"
    assert [one["id"] for one in lab.ada.get(path)["jobs"]] == [job]
    assert lab.ada.get(f"{path}/{job}")["dataset_id"] == lab.train
    assert lab.ada.ask("GET", f"{path}/{job}/logs").text == "converted\n"
    assert unpacked(lab.ada.ask("GET", f"{path}/{job}:download").content) == {f"{job}.txt": b"converted\n"}
    assert "dataset_convert have no schema" in lab.ada.refused(404, "GET", f"{path}/{job}/schema")
    lab.ada.delete(f"{path}/{job}")
    lab.ada.refused(404, "GET", f"{path}/{job}")
