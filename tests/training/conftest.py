"""A bench to run jobs on, and a model trained once for the tests of what comes after training."""

from pathlib import Path

import pytest
from tests.training.jobs import SMALL, Bench, Finished

from tunesmith.protocol import DatasetInput


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def digits(bench: Bench, digits_dataset: Path) -> DatasetInput:
    """A few hundred digits of 32 x 32 pixels, with train, val and test images."""
    return bench.dataset(digits_dataset)


@pytest.fixture(scope="session")
def trained(bench: Bench, digits: DatasetInput) -> Finished:
    """A small model, trained until it is clearly good."""
    specs = SMALL | {
        "model_name": "digit reader",
        "train.num_epochs": 8,
        "dataset.batch_size": 16,
        "model.head.topk": [1, 5],
        "train.checkpoint_interval": 3,
    }
    return bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
