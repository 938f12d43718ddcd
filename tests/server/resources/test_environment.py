"""Which of an experiment's variables its jobs get."""

import pytest

from tunesmith.server.jobs.environment import job_environment

TRACKERS = {
    "WANDB_API_KEY": "0123",
    "WANDB_MODE": "offline",
    "WANDB_BASE_URL": "https://wandb.lab.example",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000",
    "MLFLOW_TRACKING_PASSWORD": "p",
}


def test_those_of_trackers_pass():
    found = job_environment(TRACKERS | {"WANDB_ENTITY": None}, ())
    assert found.passed == TRACKERS
    assert found.withheld == {}


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "PYTHONPATH",
        "PATH",
        "CUDA_VISIBLE_DEVICES",
        "TUNESMITH_JOB_TOKEN",
        "WANDB_DIR",
        "WANDB__EXECUTABLE",
        "_WANDB_CORE_PATH",
        "MLFLOW_REGISTRY_URI",
    ],
)
def test_others_pass_only_if_the_operator_says_so(name: str):
    found = job_environment({name: "x"}, ())
    assert found.passed == {}
    assert "TUNESMITH_JOB_VARIABLES" in found.withheld[name]
    assert job_environment({name: "x"}, ("OTHER", name)).passed == {name: "x"}
    assert job_environment({name: "x"}, (f"{name[:4]}*",)).passed == {name: "x"}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc", "http"),
        ("sqlite:////var/lib/x.db", "http"),
        ("/srv/mlruns", "http"),
        ("databricks", "http"),
        ("https://", "http"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://[fe80::1]:80/", "fe80::1"),
        ("http://[::ffff:169.254.169.254]/", "169.254.169.254"),
        ("http://[", "no address"),
    ],
)
def test_trackers_are_elsewhere_and_not_in_files_of_this_machine(url: str, why: str):
    found = job_environment({"MLFLOW_TRACKING_URI": url}, ())
    assert found.passed == {}
    assert why in found.withheld["MLFLOW_TRACKING_URI"]


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("A=B", "x"), ("WANDB_NOTES", "a\0b")])
def test_what_no_environment_can_hold_is_left_out(name: str, value: str):
    assert job_environment({name: value}, ("*",)).passed == {}
