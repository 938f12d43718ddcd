import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.client.tiny_server import Reply, TinyServer
from typer.testing import CliRunner, Result

from tunesmith.client.commands import ExitCode, build

ORG = "/api/v1/orgs/acme"
E1_JOBS = f"{ORG}/experiments/e1/jobs"
JOB: dict[str, Any] = {"id": "j1", "experiment_id": "e1", "action": "train", "status": "Pending"}
DONE = JOB | {
    "status": "Done",
    "job_details": {"j1": {"epoch": 2, "max_epoch": 2, "kpi": [{"metric": "acc", "values": {"2": 0.98765}}]}},
}
FAILED = JOB | {
    "status": "Error",
    "job_details": {
        "j1": {
            "failure": {
                "cause": "out of memory",
                "message": "The batch does not fit",
                "advice": "Lower dataset.batch_size.",
                "log_tail": ["epoch 1", "killed"],
            }
        }
    },
}

Run = Callable[..., Result]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "private" / "config.json"
    monkeypatch.setenv("TUNESMITH_CONFIG", str(path))
    for name in ("URL", "ORG", "TOKEN", "API_KEY"):
        monkeypatch.delenv(f"TUNESMITH_{name}", raising=False)
    return path


@pytest.fixture
def stranger(config: Path) -> Run:
    """The command line of somebody who is not logged in."""
    return lambda *words, **rest: CliRunner().invoke(build(), [str(word) for word in words], **rest)


@pytest.fixture
def run(tiny: TinyServer, stranger: Run) -> Run:
    """The command line of somebody who is logged in to the tiny server."""
    tiny.on("POST", "/api/v1/login", {"user_id": "u1", "user_name": "ada", "token": "t0ken"})
    result = stranger("login", "--url", tiny.url, "--org", "acme", "--api-key", "key")
    assert result.exit_code == 0
    tiny.asked.clear()
    return stranger


def test_login_is_remembered_in_a_private_file(tiny: TinyServer, run: Run, config: Path):
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert json.loads(config.read_text()) == {
        "url": tiny.url,
        "org": "acme",
        "user": "ada",
        "token": "t0ken",
    }
    assert [path.name for path in config.parent.iterdir()] == ["config.json"]


def test_the_key_is_asked_for_and_not_shown(tiny: TinyServer, stranger: Run, config: Path):
    tiny.on("POST", "/api/v1/login", {"user_id": "u1", "token": "t"})
    result = stranger("login", "--url", tiny.url, input="acme\nsecret\n")
    assert result.exit_code == 0
    assert "secret" not in result.output
    assert tiny.asked[0].body["ngc_key"] == "secret"
    assert "secret" not in config.read_text()


def test_a_refused_login_changes_nothing(tiny: TinyServer, stranger: Run, config: Path):
    tiny.on("POST", "/api/v1/login", Reply(401, {"error_desc": "Wrong key", "error_code": 401}))
    result = stranger("login", "--url", tiny.url, "--org", "acme", "--api-key", "bad")
    assert result.exit_code == ExitCode.NOT_LOGGED_IN
    assert "Wrong key" in result.stderr
    assert not config.exists()


def test_logout_forgets(run: Run, config: Path):
    assert run("logout").exit_code == 0
    assert not config.exists()
    assert run("workspaces", "list").exit_code == ExitCode.NOT_LOGGED_IN


def test_without_a_login_nothing_is_sent(tiny: TinyServer, stranger: Run):
    result = stranger("jobs", "show", "j1")
    assert result.exit_code == ExitCode.NOT_LOGGED_IN
    assert result.stdout == ""
    assert "Log in with `tunesmith login`." in result.stderr
    assert tiny.asked == []


def test_the_environment_wins_but_a_token_never_goes_to_another_server(
    tiny: TinyServer, run: Run, monkeypatch: pytest.MonkeyPatch
):
    other = TinyServer()
    other.on("GET", f"{ORG}/workspaces/w1", {"id": "w1"})
    monkeypatch.setenv("TUNESMITH_URL", other.url)
    assert run("workspaces", "show", "w1").exit_code == ExitCode.NOT_LOGGED_IN
    assert other.asked == []
    monkeypatch.setenv("TUNESMITH_TOKEN", "theirs")
    assert run("workspaces", "show", "w1").exit_code == 0
    assert other.asked[0].headers["authorization"] == "Bearer theirs"
    other.stop()


def test_a_key_in_the_environment_is_enough(
    tiny: TinyServer, stranger: Run, monkeypatch: pytest.MonkeyPatch, config: Path
):
    tiny.on("POST", "/api/v1/login", {"user_id": "u1", "token": "t"})
    tiny.on("GET", f"{ORG}/datasets", {"datasets": []})
    monkeypatch.setenv("TUNESMITH_URL", tiny.url)
    monkeypatch.setenv("TUNESMITH_ORG", "acme")
    monkeypatch.setenv("TUNESMITH_API_KEY", "key")
    assert stranger("datasets", "list").exit_code == 0
    assert not config.exists()


def test_a_damaged_configuration_says_what_to_do(stranger: Run, config: Path):
    config.parent.mkdir()
    config.write_text("{not json")
    result = stranger("workspaces", "list")
    assert result.exit_code == ExitCode.FAILED
    assert f"{config} cannot be read." in result.stderr
    assert "Delete it, then log in again." in result.stderr


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ExitCode.FAILED),
        (401, ExitCode.NOT_LOGGED_IN),
        (403, ExitCode.NOT_LOGGED_IN),
        (404, ExitCode.NOT_FOUND),
        (409, ExitCode.FAILED),
        (500, ExitCode.FAILED),
    ],
)
def test_exit_codes_tell_why(tiny: TinyServer, run: Run, status: int, code: ExitCode):
    tiny.on("GET", f"{ORG}/workspaces/w1", Reply(status, {"error_desc": "Because of this"}))
    result = run("workspaces", "show", "w1", "--json")
    assert result.exit_code == code
    assert result.stdout == ""
    assert "Error: Because of this" in result.stderr


def test_no_server_has_its_own_exit_code(tiny: TinyServer, run: Run):
    tiny.stop()
    result = run("workspaces", "list")
    assert result.exit_code == ExitCode.NO_CONNECTION
    assert "tunesmith serve" in result.stderr


@pytest.mark.parametrize("words", [["jobs", "run"], ["jobs", "dance"], ["experiments", "set", "e1"]])
def test_wrong_usage_is_explained_before_anything_is_sent(tiny: TinyServer, run: Run, words: list[str]):
    assert run(*words).exit_code == ExitCode.USAGE
    assert tiny.asked == []


def test_a_workspace_is_created_and_its_id_can_be_caught(tiny: TinyServer, run: Run):
    tiny.on("POST", f"{ORG}/workspaces", {"id": "w1", "name": "Lab"})
    result = run("workspaces", "create", "--name", "Lab", "--path", "/srv/lab")
    assert result.stdout == "w1\n"
    assert "tunesmith datasets create --workspace w1" in result.stderr
    assert tiny.asked[0].body == {
        "name": "Lab",
        "cloud_type": "self_hosted",
        "cloud_specific_details": {"path": "/srv/lab"},
    }


def test_datasets_of_a_workspace_are_found(tiny: TinyServer, run: Run):
    found = {"dataset_paths": ["/data/cars", "/data/pets"], "complete": False}
    tiny.on("GET", f"{ORG}/workspaces/w1:get_datasets", found)
    result = run(
        "workspaces", "search", "w1", "--type", "vlm", "--use-for", "training", "--use-for", "testing"
    )
    assert result.stdout == "/data/cars\n/data/pets\n"
    assert "there may be more" in result.stderr
    assert tiny.asked[0].query == {"dataset_type": ["vlm"], "dataset_intention": ["training", "testing"]}
    assert json.loads(run("workspaces", "search", "w1", "--json").stdout) == found


def test_a_dataset_may_come_from_an_address(tiny: TinyServer, run: Run):
    tiny.on("POST", f"{ORG}/datasets", {"id": "d1", "status": "starting"})
    url = "https://example.com/pets.tar.gz"
    result = run("datasets", "create", "--type", "vlm", "--format", "raw", "--url", url)
    assert result.stdout == "d1\n"
    assert tiny.asked[0].body == {"type": "vlm", "format": "raw", "url": url, "use_for": []}


def test_secrets_of_a_store_come_from_stdin(tiny: TinyServer, run: Run):
    tiny.on("POST", f"{ORG}/workspaces", {"id": "w1"})
    keys = {"access_key": "a", "secret_key": "s"}
    run(
        "workspaces",
        "create",
        "--name",
        "Bucket",
        "--cloud-type",
        "aws",
        "--details",
        "-",
        input=json.dumps(keys),
    )
    assert tiny.asked[0].body["cloud_specific_details"] == keys


def test_a_list_in_a_pipe_is_a_line_an_entry(tiny: TinyServer, run: Run):
    workspaces = [{"id": "w1", "name": "Lab\t[red]\n", "cloud_type": "aws"}, {"id": "w2"}]
    tiny.on("GET", f"{ORG}/workspaces", {"workspaces": workspaces})
    assert run("workspaces", "list").stdout == "w1\tLab [red]\taws\t\nw2\t\t\t\n"


def test_json_is_what_the_server_said(tiny: TinyServer, run: Run):
    found = {"id": "d1", "name": "digits", "status": "pull_complete", "extra": [1, None]}
    tiny.on("GET", f"{ORG}/datasets", {"datasets": [found]})
    result = run("datasets", "list", "--json")
    assert json.loads(result.stdout) == [found]
    assert result.stderr == ""


def test_a_dataset_can_be_waited_for(tiny: TinyServer, run: Run):
    tiny.on("POST", f"{ORG}/datasets", {"id": "d1", "status": "starting"})
    tiny.on("GET", f"{ORG}/datasets/d1", {"id": "d1", "status": "pull_complete"})
    words = ["--workspace", "w1", "--type", "image_classification", "--format", "raw", "--path", "/data/x"]
    result = run("datasets", "create", *words, "--use-for", "training")
    assert "Dataset d1 is being pulled. Watch it: tunesmith datasets wait d1" in result.stderr
    assert tiny.asked[0].body["use_for"] == ["training"]
    assert "Dataset d1 is ready." in run("datasets", "wait", "d1").stderr


def test_an_unusable_dataset_fails_the_wait(tiny: TinyServer, run: Run):
    found = {"id": "d1", "name": "x", "status": "invalid_pull", "status_reason": "classes.txt is missing."}
    tiny.on("GET", f"{ORG}/datasets/d1", found)
    result = run("datasets", "wait", "d1")
    assert result.exit_code == ExitCode.FAILED
    assert "classes.txt is missing." in result.stderr


def test_what_the_validation_found_is_shown(tiny: TinyServer, run: Run):
    finding = {
        "severity": "warning",
        "file": "images_train/7/a.png",
        "message": "cannot be decoded",
        "remedy": "Replace the file.",
        "count": 3,
    }
    validation = {"counts": {"images": {"train": 12, "val": 3}}, "findings": [finding]}
    found = {"id": "d1", "status": "pull_complete", "validation": validation}
    tiny.on("GET", f"{ORG}/datasets/d1", found)
    sentence = "warning: images_train/7/a.png: cannot be decoded (and 2 more like it). Replace the file."
    assert run("datasets", "show", "d1").stdout.splitlines()[-2:] == ["images\ttrain 12 val 3", sentence]
    assert sentence in run("datasets", "wait", "d1").stderr


def test_an_experiment_is_created_with_its_datasets(tiny: TinyServer, run: Run):
    tiny.on("POST", f"{ORG}/experiments", {"id": "e1"})
    tiny.on("PATCH", f"{ORG}/experiments/e1", {"id": "e1", "train_datasets": ["d1", "d2"]})
    run("experiments", "create", "classification_pyt", "--workspace", "w1", "--train", "d1", "--train", "d2")
    assert [one.body for one in tiny.asked] == [
        {"network_arch": "classification_pyt", "workspace": "w1"},
        {"train_datasets": ["d1", "d2"]},
    ]


def test_a_base_experiment_is_found_and_chosen(tiny: TinyServer, run: Run):
    known = {"num_parameters": "26M", "license_name": "apache-2.0"}
    base = {"id": "b1", "ngc_path": "timm/resnet50:a1_in1k", "network_arch": "classification_pyt"}
    tiny.on("GET", f"{ORG}/experiments:base", {"experiments": [base | {"base_experiment_metadata": known}]})
    listed = run("experiments", "bases", "--network", "classification_pyt").stdout
    assert listed.split() == ["b1", "timm/resnet50:a1_in1k", "classification_pyt", "26M", "apache-2.0"]
    assert tiny.asked[-1].query["network_arch"] == ["classification_pyt"]
    tiny.on("PATCH", f"{ORG}/experiments/e1", {"id": "e1", "base_experiment": ["b1"]})
    run("experiments", "set", "e1", "--base", "b1")
    assert tiny.asked[-1].body == {"base_experiment": ["b1"]}


def test_a_spec_is_written_to_be_edited(tiny: TinyServer, run: Run, tmp_path: Path):
    default = {"train": {"num_epochs": 10}}
    tiny.on("GET", f"{ORG}/experiments/e1/specs/train/schema", {"default": default, "properties": {}})
    assert json.loads(run("specs", "show", "e1", "train").stdout) == default
    assert json.loads(run("specs", "show", "e1", "train", "--schema").stdout)["properties"] == {}
    result = run("specs", "show", "e1", "train", "--output", tmp_path / "spec.json")
    assert json.loads((tmp_path / "spec.json").read_text()) == default
    assert "tunesmith jobs run e1 train --spec" in result.stderr


def test_a_job_takes_a_spec_and_edits(tiny: TinyServer, run: Run, tmp_path: Path):
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"train": {"num_epochs": 10, "optim": {"lr": 0.1}}, "name": "old"}))
    tiny.on("POST", E1_JOBS, "j1")
    tiny.on("GET", f"{E1_JOBS}/j1", JOB)
    edits = [
        "train.num_epochs=3",
        "train.optim.lr=1e-3",
        "train.gpu_ids=[0]",
        "name=new",
        "dataset.augment=true",
    ]
    words = [word for edit in edits for word in ("--set", edit)]
    result = run("jobs", "run", "e1", "train", "--spec", spec, *words, "--parent", "j0")
    assert result.stdout == "j1\n"
    assert "Watch it: tunesmith jobs watch j1" in result.stderr
    assert tiny.asked[0].body == {
        "action": "train",
        "parent_job_id": "j0",
        "specs": {
            "train": {"num_epochs": 3, "optim": {"lr": 0.001}, "gpu_ids": [0]},
            "name": "new",
            "dataset": {"augment": True},
        },
    }


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("train.num_epochs", "--set train.num_epochs=10"),
        ("=3", "has no value"),
        ("train.x=3", "train is a value, not a section"),
    ],
)
def test_an_edit_that_makes_no_sense_is_explained(
    tiny: TinyServer, run: Run, tmp_path: Path, edit: str, message: str
):
    spec = tmp_path / "spec.json"
    spec.write_text('{"train": 1}')
    result = run("jobs", "run", "e1", "train", "--spec", spec, "--set", edit)
    assert result.exit_code == ExitCode.FAILED
    assert message in result.stderr
    assert tiny.asked == []


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"a": 1e999}'])
def test_a_spec_file_that_is_no_spec_is_explained(tiny: TinyServer, run: Run, tmp_path: Path, content: str):
    spec = tmp_path / "spec.json"
    spec.write_text(content)
    result = run("jobs", "run", "e1", "train", "--spec", spec)
    assert result.exit_code == ExitCode.FAILED
    assert "JSON" in result.stderr


def test_the_problems_of_a_spec_are_listed(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{ORG}/experiments/e1/specs/train/schema", {"default": {}})
    problems = [{"key": "train.num_epoch", "rule": "unknown key", "value": 3, "nearest": "train.num_epochs"}]
    body = {"error_desc": "The specs have 1 problem(s).", "error_code": 400, "problems": problems}
    tiny.on("POST", E1_JOBS, Reply(400, body))
    result = run("jobs", "run", "e1", "train", "--set", "train.num_epoch=3")
    assert "train.num_epoch: unknown key, got 3. Did you mean train.num_epochs?" in result.stderr


def test_watching_shows_progress_and_what_to_do_next(tiny: TinyServer, run: Run):
    curve = [{"metric": "train_loss", "values": {"1": 0.5}}, {"metric": "val_acc_1", "values": {"1": 0.9}}]
    details = {"j1": {"epoch": 1, "max_epoch": 2, "graphical": curve}}
    running = JOB | {"status": "Running", "job_details": details}
    begun = JOB | {"status": "Running", "job_details": {"j1": {**details["j1"], "epoch": 2}}}
    tiny.on("GET", f"{E1_JOBS}/j1", JOB, JOB, running, begun, DONE)
    result = run("jobs", "watch", "j1", "--experiment", "e1", "--interval", "0.05")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "train Pending",
        "train Running epoch 1/2 train_loss 0.5000 val_acc_1 0.9000",
        "train Done",
        "Job j1 is Done. Fetch its files: tunesmith jobs download j1",
    ]


def test_watching_in_json_prints_the_end_alone(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{E1_JOBS}/j1", JOB, DONE)
    result = run("jobs", "watch", "j1", "--experiment", "e1", "--json")
    assert json.loads(result.stdout) == DONE
    assert result.stderr == ""


def test_a_job_that_failed_fails_the_command_and_shows_why(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{ORG}/experiments/e1/specs/train/schema", {"default": {}})
    tiny.on("POST", E1_JOBS, "j1")
    tiny.on("GET", f"{E1_JOBS}/j1", FAILED)
    result = run("jobs", "run", "e1", "train", "--watch")
    assert result.exit_code == ExitCode.FAILED
    assert "out of memory: The batch does not fit" in result.stderr
    assert "  killed" in result.stderr
    assert "Lower dataset.batch_size." in result.stderr


def test_a_job_is_shown_with_its_results(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{ORG}/experiments", {"experiments": [{"id": "e1", "jobs": {"j1": {}}}]})
    tiny.on("GET", f"{E1_JOBS}/j1", DONE)
    lines = run("jobs", "show", "j1").stdout.splitlines()
    assert "status\tDone" in lines
    assert "acc\t0.9877" in lines


def test_several_jobs_are_watched_to_the_end_of_the_last(tiny: TinyServer, run: Run):
    second = {**FAILED, "id": "j2"}
    tiny.on("GET", f"{E1_JOBS}/j1", JOB, JOB, JOB | {"status": "Running"}, DONE)
    tiny.on("GET", f"{E1_JOBS}/j2", second)
    result = run("jobs", "watch", "j1", "j2", "--experiment", "e1", "--interval", "0.05")
    assert result.exit_code == ExitCode.FAILED
    lines = result.stderr.splitlines()
    assert lines[:3] == ["j1 train Pending", "j2 train Error", "j1 train Running"]
    assert "Job j1 is Done. Fetch its files: tunesmith jobs download j1" in lines
    assert "Error: The train job j2 ended as Error" in result.stderr
    everything = run("jobs", "watch", "j1", "j2", "--experiment", "e1", "--json")
    assert [one["id"] for one in json.loads(everything.stdout)] == ["j1", "j2"]


def events(*parts: str) -> Reply:
    return Reply(
        200, "".join(f"{part}\n\n" for part in parts).encode(), {"Content-Type": "text/event-stream"}
    )


def test_a_log_is_followed_over_connections_that_break_to_its_end(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{E1_JOBS}/j1", JOB, FAILED)
    broken = events(
        "retry: 1000", 'event: status\ndata: {"status": "Running"}', "id: 9\ndata: one\ndata: two [/x]"
    )
    torn = Reply(200, b"id: 14\ndata: three\n\nid: 99\ndata: half", broken.headers)
    expired = events('event: error\ndata: {"error_desc": "The token has expired", "error_code": 401}')
    busy = Reply(503, {"error_desc": "too many", "error_code": 503})
    end = events(": keep-alive", 'event: end\ndata: {"status": "Error"}')
    tiny.on("GET", f"{E1_JOBS}/j1/logs", broken, torn, expired, busy, end)
    result = run("jobs", "logs", "j1", "--experiment", "e1", "-f")
    assert (result.exit_code, result.stdout) == (0, "one\ntwo [/x]\nthree\n")
    asked = [one.headers for one in tiny.asked if one.path.endswith("/logs")]
    assert {one["accept"] for one in asked} == {"text/event-stream"}
    assert [one.get("last-event-id") for one in asked][:3] == [None, "9", "14"]


def test_following_a_log_can_tell_how_the_job_ended(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{E1_JOBS}/j1", FAILED)
    tiny.on("GET", f"{E1_JOBS}/j1/logs", events('event: end\ndata: {"status": "Error"}'))
    result = run("jobs", "logs", "j1", "--experiment", "e1", "-f", "--exit-status")
    assert result.exit_code == ExitCode.FAILED
    assert "out of memory: The batch does not fit" in result.stderr


def test_a_log_that_may_no_longer_be_read(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{E1_JOBS}/j1", JOB)
    gone = events("id: 4\ndata: one", 'event: error\ndata: {"error_desc": "not found", "error_code": 404}')
    tiny.on("GET", f"{E1_JOBS}/j1/logs", gone)
    result = run("jobs", "logs", "j1", "--experiment", "e1", "-f")
    assert (result.exit_code, result.stdout) == (ExitCode.NOT_FOUND, "one\n")


def test_the_history_of_a_job_says_who_and_why(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{E1_JOBS}/j1", JOB)
    change = {"at": "2026-11-25T10:00:00+00:00", "from_status": "Running", "to_status": "Canceling"}
    change |= {"actor": "ada", "reason": "cancelled on request"}
    tiny.on("GET", f"{E1_JOBS}/j1:history", {"changes": [change]})
    (line,) = run("jobs", "history", "j1", "--experiment", "e1").stdout.splitlines()
    assert line.split("\t")[1:] == ["Running", "Canceling", "ada", "cancelled on request"]
    assert (
        json.loads(run("jobs", "history", "j1", "--experiment", "e1", "--json").stdout)[0]["actor"] == "ada"
    )


def test_cancelling_says_how_the_job_stands(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{E1_JOBS}/j1", JOB, JOB | {"status": "Canceling"})
    tiny.on("POST", f"{E1_JOBS}/j1:cancel", Reply(200))
    assert "Job j1 is Canceling." in run("jobs", "cancel", "j1", "--experiment", "e1").stderr


def test_every_command_explains_itself_and_takes_json(run: Run):
    help_of_all = run("--help").output
    for group in ("workspaces", "datasets", "experiments", "specs", "jobs"):
        assert group in help_of_all
    app = build()
    commands = [*app.registered_commands]
    for one in app.registered_groups:
        assert one.typer_instance is not None
        commands.extend(one.typer_instance.registered_commands)
    for command in commands:
        assert command.callback is not None
        assert command.callback.__doc__
        assert "as_json" in command.callback.__annotations__, command.callback


def test_ctrl_c_while_watching_leaves_the_job_alone(tiny: TinyServer, run: Run, config: Path):
    tiny.on("GET", f"{E1_JOBS}/j1", JOB)
    command = [sys.executable, "-m", "tunesmith", "jobs", "watch", "j1", "--experiment", "e1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stderr is not None
    assert process.stderr.readline() == "train Pending\n"
    process.send_signal(2)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Job j1 goes on. Stop it: tunesmith jobs cancel j1" in rest
    assert not any(path.endswith(":cancel") for path in tiny.paths("POST"))


def test_the_command_starts_without_the_server_or_torch():
    script = "import sys, tunesmith.__main__; print(*sorted(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = listed.stdout.split()
    assert not {"torch", "sqlalchemy", "fastapi", "tunesmith.server", "tunesmith.demo", "numpy"} & set(loaded)
