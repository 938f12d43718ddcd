"""The weights of published models: fetched once, continued where a download stopped, verified."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunesmith.protocol import Cause, ModelInput, Progress
from tunesmith.storage.download import PartFile, Version
from tunesmith.storage.weights import WeightsFolder, sha256_of
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run

_SHA256 = re.compile("[0-9a-f]{64}")
_SECONDS_BETWEEN_REPORTS = 0.5
_TIMEOUT = 30.0
_ADVICE = (
    "Check that the hub can be reached (TUNESMITH_HUB_URL), or bring the file to the server's machine: "
    "tunesmith models add FILE --ngc-path {name}"
)


def pull_model(run: Run) -> dict[str, Any]:
    """The action `pull_model`: bring the weights of the request's models onto this machine."""
    for model in run.request.base_models:
        weights_of(run, model)
    return {"valid": True}


def weights_of(run: Run, model: ModelInput) -> Path:
    """The file with a model's weights; fetched if it is not here or not whole.

    Raises:
        JobError: it is not here and cannot be had.
        StoppedError: asked to stop; the next attempt goes on where this one was.
        StorageError: the disk refuses.
    """
    return run.interruptible(lambda: _have(run, model))


def _have(run: Run, model: ModelInput) -> Path:
    folder = WeightsFolder(model.folder)
    with folder.held():
        if found := folder.whole():
            return found
        if model.hub is None:
            raise JobError(
                Cause.STORAGE,
                f"The weights of {model.name} are not on this server, which fetches nothing "
                "(TUNESMITH_OFFLINE is set).",
                f"Bring them to the server's machine: tunesmith models add FILE --ngc-path {model.name}",
            )
        return _fetch(run, model, model.hub, folder)


def _fetch(run: Run, model: ModelInput, hub: str, folder: WeightsFolder) -> Path:
    # The library takes a third of a second to import, and jobs that fetch nothing need none of it.
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    def url(revision: str) -> str:
        return hf_hub_url(model.repo, model.file, revision=revision, endpoint=hub)

    with _named(model, hub):
        facts = get_hf_file_metadata(url(model.revision), token=False, timeout=_TIMEOUT)
    commit = facts.commit_hash or model.revision
    target = folder.root / f"arriving{Path(model.file).suffix}"
    part, version = PartFile(target), Version(model.file, facts.size or 0, facts.etag or "")
    run.note(f"The weights of {model.name} come from {url(commit)}.")
    arrived = _download(run, model, url(commit), part, version)
    if facts.size is not None and arrived != facts.size:
        raise _not_had(model, f"the hub announced {facts.size} bytes, and {arrived} arrived")
    part.finish(time.time())
    _verify(model, target, facts.etag or "")
    card = folder.keep(target, f"{hub}/{model.repo}", commit)
    return folder.root / card.file


def _download(run: Run, model: ModelInput, url: str, part: PartFile, version: Version) -> int:
    """Fill the part file; how many bytes it has. A connection that breaks is taken up while more arrives."""
    while True:
        start = part.begin(version)
        try:
            with _named(model, url):
                tell = _teller(run, model, start, version.size or 0)
                return part.write(_chunks(run, url, start), start, tell)
        except JobError:
            if part.begin(version) <= start:
                raise


def _chunks(run: Run, url: str, start: int) -> Iterator[bytes]:
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, though not marked so
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    headers = build_hf_headers(token=False) | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as reply:
        if reply.status_code == 416:
            return  # all of it had arrived
        hf_raise_for_status(reply)
        skip = start if reply.status_code == 200 else 0  # a mirror that cannot send a part sends it all
        for chunk in reply.iter_raw():
            run.raise_if_stopped()
            rest = chunk[skip:]
            skip = max(0, skip - len(chunk))
            yield rest


def _teller(run: Run, model: ModelInput, start: int, size: int) -> Callable[[int], None]:
    """Reports how much has arrived, now and then."""
    arrived, told = start, 0.0

    def tell(count: int) -> None:
        nonlocal arrived, told
        arrived += count
        if time.monotonic() - told >= _SECONDS_BETWEEN_REPORTS:
            told = time.monotonic()
            text = f"downloading {model.name}: {arrived / 1e6:.1f} of {size / 1e6:.1f} MB"
            run.report(Progress(message=text))

    return tell


def _verify(model: ModelInput, path: Path, etag: str) -> None:
    """Refuse what is not the file that the hub announced, or no weights."""
    from safetensors import SafetensorError, safe_open

    wrong = ""
    if _SHA256.fullmatch(etag) and (found := sha256_of(path)) != etag:
        wrong = f"what arrived is damaged: its SHA-256 is {found}, and the hub announced {etag}"
    elif path.suffix == ".safetensors":
        try:
            with safe_open(path, "numpy") as opened:
                wrong = "" if opened.keys() else "the file on the hub holds no weights"
        except SafetensorError as error:
            wrong = f"the file on the hub is no safetensors file: {error}"
    if wrong:
        path.unlink()
        raise _not_had(model, wrong)


@contextmanager
def _named(model: ModelInput, hub: str) -> Iterator[None]:
    """Say in a sentence why the hub gives nothing."""
    import httpx2
    from huggingface_hub.errors import FileMetadataError, HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise _not_had(model, f"{hub} answers with status {status} for {model.repo}") from error
    except OfflineModeIsEnabled as error:
        raise _not_had(model, "HF_HUB_OFFLINE is set, so the hub is not asked") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise _not_had(model, f"{hub} does not answer: {reason}") from error
    except FileMetadataError as error:
        raise _not_had(model, f"{hub} does not answer as a hub does") from error


def _not_had(model: ModelInput, reason: str) -> JobError:
    advice = _ADVICE.format(name=model.name)
    return JobError(Cause.STORAGE, f"The weights of {model.name} could not be fetched: {reason}.", advice)
