"""The rehearsal: nothing it tries leaves a trace, and auto takes what is fast and sound."""

import pytest
import torch
from torch import nn

from tunesmith.protocol import Cause
from tunesmith.training.engine.memory import is_out_of_memory
from tunesmith.training.engine.numerics import Numerics, is_convolutional, lay_out
from tunesmith.training.engine.rehearsal import Rehearsal, Trial, choose, choose_numerics
from tunesmith.training.engine.training import Training
from tunesmith.training.failures import JobError

CPU = torch.device("cpu")


class Squares(Training[torch.Tensor]):
    def forward(self, batch):
        return {"loss": self.model(batch).square().mean()}


def convolutional():
    torch.manual_seed(0)
    return Squares(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten()))


def test_a_trial_changes_neither_the_model_nor_the_generators():
    training = convolutional()
    before = {name: value.clone() for name, value in training.state_dict().items()}
    batch = torch.randn(4, 3, 8, 8)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    rehearsal = Rehearsal(training, CPU)
    rehearsal.try_step(batch, "a test")
    rehearsal.fastest(batch, channels_last=True)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(value, before[name]) for name, value in training.state_dict().items())
    assert all(parameter.grad is None for parameter in training.parameters())


def test_what_fails_is_named_with_the_librarys_reason():
    with pytest.raises(JobError, match=r"images of 2 pixels fails with: .*[Kk]ernel") as failed:
        Rehearsal(convolutional(), CPU).try_step(torch.randn(4, 3, 2, 2), "a tiny net on images of 2 pixels")
    assert failed.value.cause is Cause.BAD_SPEC


def test_a_lack_of_memory_is_not_taken_for_a_bad_spec():
    class Greedy(Squares):
        def forward(self, batch):
            return {"loss": batch.new_empty(1 << 60)}

    with pytest.raises(RuntimeError) as failed:
        Rehearsal(Greedy(nn.Linear(1, 1)), CPU).try_step(torch.zeros(1), "a greedy net")
    assert is_out_of_memory(failed.value)


def test_all_formats_are_tried_on_a_convolutional_model():
    trials = Rehearsal(convolutional(), CPU).fastest(torch.randn(4, 3, 8, 8), channels_last=True)
    assert trials[0].numerics == Numerics("fp32", channels_last=False)
    assert {trial.numerics.precision for trial in trials} == {"fp32", "bf16"}
    assert all(trial.seconds > 0 for trial in trials)
    assert trials[1].loss == pytest.approx(trials[0].loss, rel=0.02)


PLAIN = Trial(Numerics(), 1.0, 2.0)
FAST = Trial(Numerics("bf16", channels_last=True), 0.5, 2.01)


@pytest.mark.parametrize(
    ("trials", "chosen"),
    [
        ([PLAIN], PLAIN),
        ([PLAIN, FAST], FAST),
        ([PLAIN, Trial(Numerics("bf16"), 0.95, 2.0)], PLAIN),  # hardly faster
        ([PLAIN, Trial(Numerics("bf16"), 0.1, 2.5)], PLAIN),  # unsound
        ([PLAIN, Trial(Numerics("bf16"), 0.1, float("nan"))], PLAIN),
        ([PLAIN, Trial(Numerics("bf16"), 0.6, 2.0), FAST], FAST),
    ],
)
def test_auto_takes_the_fastest_that_is_sound_and_clearly_faster(trials, chosen):
    assert choose(trials) == chosen.numerics


@pytest.mark.parametrize(("asked", "layout"), [("fp32", False), ("bf16", True), ("fp16", True)])
def test_a_named_precision_depends_on_no_clock(asked, layout):
    training = convolutional()
    rehearsal = Rehearsal(training, CPU)
    chosen, reason = choose_numerics(asked, rehearsal, training, lambda _: None, 4, 1.0)
    assert (chosen, reason) == (Numerics(asked, layout), "")
    other, _ = choose_numerics(asked, rehearsal, training, lambda _: None, 4, 1.0, channels_last=not layout)
    assert other == Numerics(asked, not layout)


def test_long_steps_are_probed_on_a_part_of_a_batch():
    training = convolutional()
    sizes = []

    def batch_of(count):
        sizes.append(count)
        return torch.randn(count, 3, 8, 8)

    _, reason = choose_numerics("auto", Rehearsal(training, CPU), training, batch_of, 64, step_seconds=1.0)
    assert 2 <= sizes[0] < 64
    assert "fp32: " in reason
    rehearsal = Rehearsal(training, CPU)
    for layout in (True, False):
        chosen, _ = choose_numerics("auto", rehearsal, training, batch_of, 64, 1.0, channels_last=layout)
        assert chosen.channels_last is layout


def test_threads_are_measured_and_given_back():
    training = convolutional()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert Rehearsal(training, CPU).threads(torch.randn(4, 3, 8, 8)) in (1, 2)
    assert torch.get_num_threads() == 2
    Numerics(threads=1).apply(training)
    assert torch.get_num_threads() == 1
    Numerics().apply(training)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_the_layout_changes_weights_of_convolutions_alone():
    training = convolutional()
    assert is_convolutional(training.model)
    assert not is_convolutional(nn.Linear(3, 3))
    lay_out(training, channels_last=True)
    assert training.model[0].weight.is_contiguous(memory_format=torch.channels_last)
    lay_out(training, channels_last=False)
    assert training.model[0].weight.is_contiguous()
