from uuid import UUID

import pytest

from tunesmith.server.jobs.checkpoints import NoSuchModelError, choose_files, epochs_of

JOB = UUID("11111111-2222-3333-4444-555555555555")
TRAINED = ["log.csv", "model_best.pth", "model_latest.pth", "model_epoch_001.pth", "model_epoch_1000.pth"]
FROM_EPOCH = f"from_epoch_number_{JOB}"


@pytest.mark.parametrize(
    ("method", "epochs", "chosen"),
    [
        ("best_model", {}, "model_best.pth"),
        ("latest_model", {}, "model_latest.pth"),
        ("from_epoch_number", {FROM_EPOCH: 1}, "model_epoch_001.pth"),
        ("from_epoch_number", {FROM_EPOCH: 1000}, "model_epoch_1000.pth"),
        ("best_model", {f"best_model_{JOB}": 1}, "model_best.pth"),
    ],
)
def test_the_experiment_chooses_the_checkpoint(method: str, epochs: dict[str, int], chosen: str):
    assert choose_files("train", method, epochs, JOB, TRAINED) == (chosen,)


@pytest.mark.parametrize(
    ("action", "listing", "chosen"),
    [
        ("export", ["labels.txt", "model.onnx", "other.onnx"], ("model.onnx",)),
        ("gen_trt_engine", ["cal.bin", "model.engine"], ("model.engine",)),
        ("prune", ["a.txt", "model.pth"], ("model.pth",)),
        ("evaluate", ["results.json"], ()),
        ("dataset_convert", [], ()),
    ],
)
def test_other_actions_leave_one_model_or_none(action: str, listing: list[str], chosen: tuple[str, ...]):
    assert choose_files(action, "best_model", {}, JOB, listing) == chosen


@pytest.mark.parametrize(
    ("action", "method", "epochs", "said"),
    [
        (
            "train",
            "best_model",
            {},
            'do not hold model_best.pth. Use another one: PATCH the experiment with {"check',
        ),
        ("train", "latest_model", {}, "do not hold model_latest.pth. It was stopped before its first"),
        ("train", "from_epoch_number", {}, f'{{"checkpoint_epoch_number": {{"{FROM_EPOCH}": EPOCH}}}}'),
        ("train", "from_epoch_number", {FROM_EPOCH: 3}, "There are checkpoints of the epochs 2, 5."),
        ("export", "best_model", {}, "hold no model"),
    ],
)
def test_a_file_that_is_missing_is_explained(action: str, method: str, epochs: dict[str, int], said: str):
    listing = ["model_epoch_005.pth", "model_epoch_002.pth"]
    with pytest.raises(NoSuchModelError, match=str(JOB)) as refusal:
        choose_files(action, method, epochs, JOB, listing)
    assert said in str(refusal.value)


def test_only_whole_names_are_epochs():
    names = ["model_epoch_010.pth", "model_epoch_9.pth", "x/model_epoch_001.pth", "model_epoch_1.pth.part"]
    assert epochs_of(names) == [9, 10]
