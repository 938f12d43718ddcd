"""The demo from its first line to its last, on a server of its own."""

import importlib.util
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tunesmith.client import JobFailedError, TunesmithError
from tunesmith.client.commands import ExitCode
from tunesmith.demo import outcome, pictures
from tunesmith.demo.data import archive_of
from tunesmith.demo.errors import DemoError
from tunesmith.demo.outcome import Figures
from tunesmith.demo.screen import Screen
from tunesmith.demo.server import running_server
from tunesmith.demo.settings import Recipe
from tunesmith.demo.story import Jobs, Story

NEEDED = ("torch", "timm", "onnxruntime", "sklearn", "matplotlib")
_LOG_LINES = 15


def run(out: Path, picture: Path | None = None, recipe: Recipe | None = None) -> int:
    """Run it; the exit code. Results go to `out`, and if a `picture` is wanted, what was printed to it.

    Whatever happens, the server and all that it started are gone at the end.
    """
    screen = Screen(picture)
    log = out / "server.log"
    try:
        with _terminated_like_interrupted():
            _check_installed()
            out.mkdir(parents=True, exist_ok=True)
            log.unlink(missing_ok=True)
            _run(screen, out, log, recipe or Recipe())
    except KeyboardInterrupt:
        screen.failure("interrupted; everything that was started is stopped.")
        return ExitCode.INTERRUPTED
    except JobFailedError as error:
        screen.failure(str(error), [*error.job.progress.log_tail, *_tail(log)])
        return ExitCode.FAILED
    except (DemoError, TunesmithError, OSError) as error:
        screen.failure(str(error), _tail(log))
        return ExitCode.FAILED
    screen.save_picture()
    return ExitCode.OK


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Being told to end (SIGTERM) is treated like Ctrl-C: what was started is stopped first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(screen: Screen, out: Path, log: Path, recipe: Recipe) -> None:
    screen.head("tunesmith", "from login to a trained, exported and queried classifier")
    with tempfile.TemporaryDirectory(prefix="tunesmith-demo-") as scratch:
        workspace = Path(scratch) / "workspace"
        workspace.mkdir()
        with ExitStack() as running:
            with screen.step("server", "Server") as step:
                server = running.enter_context(running_server(Path(scratch) / "data", workspace, log))
                step.result = f"{server.url}, embedded database, local storage"
            jobs = Story(screen, recipe, workspace, out / "files").tell(server)
        figures = _figures(jobs, out / "files", screen.seconds)
        pictures.draw_curve(jobs.train.progress, out / "training.png")
        predictions = outcome.read_predictions(out / "files" / "inference")
        pictures.draw_predictions(predictions, archive_of(workspace, "test"), out / "predictions.png")
    figures.write(out / "summary.json")
    screen.table(_rows(figures, out))
    screen.say("Next: `make serve` leaves a server running and prints how to log in.")


def _figures(jobs: Jobs, files: Path, seconds: Mapping[str, float]) -> Figures:
    torch_says = outcome.read_predictions(files / "inference")
    onnx_says = outcome.read_predictions(files / "inference_onnx")
    return Figures(
        val_accuracy=outcome.figure_of(jobs.evaluate, "val_acc_1"),
        test_accuracy=outcome.accuracy(torch_says),
        onnx_max_abs_diff=outcome.figure_of(jobs.export, "onnx_max_abs_diff"),
        onnx_agreement=outcome.agreement(torch_says, onnx_says),
        worst_pair=outcome.worst_pair(torch_says),
        seconds=seconds,
    )


def _rows(figures: Figures, out: Path) -> Iterator[tuple[str, str]]:
    yield "validation accuracy", f"{figures.val_accuracy:.1%}"
    yield "test accuracy", f"{figures.test_accuracy:.1%}"
    yield "worst confusion", figures.worst_pair
    yield "ONNX against torch", f"differs by {figures.onnx_max_abs_diff:.1e} at most"
    yield "the two agree on", f"{figures.onnx_agreement:.1%} of the test images"
    yield "all steps took", f"{sum(figures.seconds.values()):.0f} s"
    yield "pictures", f"{out / 'training.png'}, {out / 'predictions.png'}"
    yield "these figures", str(out / "summary.json")
    yield "model and results", f"{out / 'files'}"


def _check_installed() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise DemoError(f"The demo needs {', '.join(missing)}: pip install 'tunesmith[train,demo]'.")


def _tail(log: Path) -> list[str]:
    """The server's last lines, if it got that far."""
    if not log.exists():
        return []
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return [f"The server's log ({log}) ends:", *lines]
