"""Finds the text encoder that a spec names: in the workspace, or in the server's cache of the hub."""

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from tunesmith.networks.grounding_dino.text import TextError, TextFiles
from tunesmith.protocol import Cause
from tunesmith.storage.errors import InvalidKeyError
from tunesmith.storage.locations import Location
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run

KEY = "model.text_encoder_type"
_CONFIGURATION = "config.json"
_TOKENIZER = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_ADVICE = (
    "Put the folder of the text encoder, as transformers saves it ({files}), into the experiment's workspace "
    f"and name it in {KEY}; or bring it into the server's cache of the hub (hf download {{name}})."
)


@dataclass(frozen=True)
class TextEncoder:
    """A text encoder on this machine.

    Attributes:
        files: what it is built of.
        weights: the file of its weights; None if it has none.
        source: where it was found, in words.
    """

    files: TextFiles
    weights: Path | None
    source: str


def text_encoder(run: Run, name: str) -> TextEncoder:
    """The text encoder of that name. Nothing is fetched from the hub.

    Raises:
        JobError: it is nowhere, or it is none that can be used.
        StoppedError: asked to stop meanwhile.
        StorageError: the workspace cannot be reached.
    """
    for folder, source in ((_from_workspace(run, name), "the workspace"), (_cached(name), "the hub's cache")):
        if folder is not None:
            try:
                files = TextFiles.read(folder)
            except TextError as error:
                raise _unusable(name, f"{source}: {name} {error}") from error
            weights = next((folder / one for one in _WEIGHTS if (folder / one).exists()), None)
            return TextEncoder(files, weights, source)
    raise _unusable(name, f"there is no text encoder {name!r} in the workspace or in the hub's cache here")


def _from_workspace(run: Run, name: str) -> Path | None:
    """A copy of the workspace's folder of that name; None if there is none."""
    key = name.strip("/")
    if run.request.results is None or not key:
        return None
    files = run.files(Location(store=run.request.results.location.store))
    target = run.scratch / f"text_encoder_{run.seat.rank}"

    def fetch() -> Path | None:
        if not files.exists(f"{key}/{_CONFIGURATION}"):
            return None
        target.mkdir(parents=True, exist_ok=True)
        weights = next((one for one in _WEIGHTS if files.exists(f"{key}/{one}")), None)
        for one in (_CONFIGURATION, *_TOKENIZER, *([weights] if weights else [])):
            if files.exists(f"{key}/{one}"):
                files.download(f"{key}/{one}", target / one)
        return target

    try:
        return run.interruptible(fetch)
    except InvalidKeyError:
        return None


def _cached(name: str) -> Path | None:
    """The folder of the newest copy in the hub's cache; None if there is none."""
    for repo in (name, f"google-bert/{name}"):
        try:
            found = try_to_load_from_cache(repo, _CONFIGURATION)
        except HFValidationError:  # no name of a repository
            continue
        if isinstance(found, str):
            return Path(found).parent
    return None


def _unusable(name: str, fault: str) -> JobError:
    files = ", ".join((_CONFIGURATION, *_TOKENIZER[:2], _WEIGHTS[0]))
    return JobError(Cause.BAD_SPEC, f"{KEY}: {fault}.", _ADVICE.format(files=files, name=name))
