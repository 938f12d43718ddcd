import io
from typing import Any

import pytest
from rich.console import Console

from tunesmith.client import Job
from tunesmith.client.commands.watching import JobBar, headline, left, watch


def job(status: str = "Running", **details: Any) -> Job:
    return Job(id="j1", action="train", status=status, job_details={"j1": details})


def curve(metric: str, *values: float) -> dict[str, Any]:
    return {"metric": metric, "values": {str(epoch): value for epoch, value in enumerate(values, start=1)}}


def drawn(state: Job) -> str:
    console = Console(file=io.StringIO(), width=120)
    bar = JobBar(console)
    bar.show(state)
    console.print(bar)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip()


def test_the_bar_shows_epoch_loss_accuracy_and_time_left():
    graphs = [curve("train_loss", 0.9, 0.5), curve("val_loss", 1.0), curve("val_acc_1", 0.7, 0.8125)]
    line = drawn(job(epoch=3, max_epoch=10, eta="0:00:42", graphical=graphs))
    assert line.endswith("epoch 3/10 train_loss 0.5000  val_acc_1 0.8125 0:00:42 left")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (job("Pending", detailed_status={"message": "waits for a free slot"}), "waits for a free slot"),
        (job(eta="0:01:02.500"), "0:01:02 left"),
        (job(eta="0:00:00.200", detailed_status={"message": "reading images"}), "reading images"),
        (job("Canceled", eta="0:01:02"), "Canceled"),
    ],
)
def test_beside_the_bar_stands_what_is_awaited(state: Job, words: str):
    assert left(state) == words
    assert words in drawn(state)


def test_a_network_without_accuracy_shows_its_own_metric():
    assert headline(job(graphical=[curve("lr", 0.1), curve("val_mAP50", 0.25)]).progress) == [
        "val_mAP50 0.2500"
    ]
    assert headline(job().progress) == []


def test_a_terminal_gets_one_line_that_is_gone_at_the_end():
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    states = [job("Pending"), job(epoch=1, max_epoch=2), job("Done", epoch=2, max_epoch=2)]
    assert watch(states, screen) == [states[-1]]
    assert isinstance(screen.file, io.StringIO)
    written = screen.file.getvalue()
    assert "train" in written
    assert written.endswith("\x1b[2K"), "the line is erased"


def test_several_jobs_have_a_line_each_with_their_ids():
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    other = Job(id="j2", action="export", status="Done")
    assert watch([job("Pending"), other, job("Done")], screen, named=True) == [job("Done"), other]
    assert isinstance(screen.file, io.StringIO)
    assert "train j1" in screen.file.getvalue()
    assert "export j2" in screen.file.getvalue()
