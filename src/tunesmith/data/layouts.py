"""Which files a dataset of each type and format consists of, told from a listing alone."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from tunesmith.data.errors import DatasetError
from tunesmith.data.findings import Finding, Findings
from tunesmith.data.types import DATASET_TYPES, DatasetFormat, DatasetType, Intent, formats_of

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")


@dataclass(frozen=True)
class Need:
    """Files of which one at least must be there; with an intent, only if the dataset is meant for it."""

    any_of: tuple[str, ...]
    intent: Intent | None = None


@dataclass(frozen=True)
class Layout:
    """One format of one type.

    Attributes:
        intents: what datasets of this format may be used for.
        needs: what must be there.
        classes: the file that lists the classes, or none.
    """

    type: DatasetType
    format: DatasetFormat
    intents: tuple[Intent, ...]
    needs: tuple[Need, ...]
    classes: str | None = None

    def missing(self, keys: Collection[str], intents: Iterable[str] = ()) -> list[Finding]:
        """What forbids the use of a folder that holds these keys: wrong intents and missing files."""
        found = Findings()
        wanted = tuple(intents)
        for intent in wanted:
            if intent not in self.intents:
                found.error("intent", "use_for", *self._wrong_intent(intent))
        for need in self.needs:
            applies = need.intent is None or not wanted or need.intent in wanted
            if applies and not any(name in keys for name in need.any_of):
                found.error("missing", " or ".join(need.any_of), "is missing", _remedy(need, keys))
        return list(found.all())

    def files(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of the keys that belong to the dataset, sorted."""
        names = {name for need in self.needs for name in need.any_of}
        return tuple(sorted(names.intersection(keys)))

    def _wrong_intent(self, intent: str) -> tuple[str, str]:
        allowed = ", ".join(self.intents)
        return (
            f"{intent!r} is not possible with the format {self.format} of {self.type}",
            f"Use it for: {allowed}; or choose another format.",
        )


def archive_stem(key: str) -> str | None:
    """The name of an archive without its suffix; None if the key does not name an archive."""
    name = key.rsplit("/", maxsplit=1)[-1]
    suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if name.endswith(suffix)), None)
    return name.removesuffix(suffix) if suffix else None


def layout_for(dataset_type: str, dataset_format: str) -> Layout:
    """The layout of a format.

    Raises:
        DatasetError: it is unknown, or not available here; the message names those that are.
    """
    found = layouts().get((dataset_type, dataset_format))
    if found:
        return found
    available = ", ".join(f"{kind} {form}" for kind, form in layouts())
    if dataset_type not in DATASET_TYPES:
        raise DatasetError(f"The dataset type {dataset_type!r} is unknown; available here: {available}.")
    if dataset_format not in formats_of(dataset_type):
        known = ", ".join(formats_of(dataset_type))
        raise DatasetError(
            f"The type {dataset_type} has no format {dataset_format!r}; it has: {known}. "
            f"Available here: {available}."
        )
    raise DatasetError(
        f"Datasets of type {dataset_type} and format {dataset_format} are not available here; "
        f"available: {available}."
    )


@cache
def layouts() -> dict[tuple[str, str], Layout]:
    """All layouts whose inside can be validated and read, by type and format."""
    return {(layout.type, layout.format): layout for layout in _CLASSIFICATION}


def _remedy(need: Need, keys: Collection[str]) -> str:
    for name in need.any_of:
        for key in sorted(keys):
            if key.endswith(f"/{name}"):
                return f"It is in {key.removesuffix(name)}: add that folder to cloud_file_path."
        if near := get_close_matches(name, keys, n=1, cutoff=0.8):
            return f"Rename {near[0]} to {name}, if that is what it is."
    return "Upload it to the folder that cloud_file_path names."


_ALL = (Intent.TRAINING, Intent.EVALUATION, Intent.TESTING)
_SPLITS = Need(("images_train.tar.gz", "images_val.tar.gz", "images_test.tar.gz"))


def _classification(
    dataset_format: DatasetFormat, intents: tuple[Intent, ...] = _ALL, classes: str | None = None
) -> Layout:
    needs = (_SPLITS, Need((classes,))) if classes else (_SPLITS,)
    kind = DatasetType.IMAGE_CLASSIFICATION
    return Layout(kind, dataset_format, intents, needs, classes)


_CLASSIFICATION = (
    _classification(DatasetFormat.CLASSIFICATION_PYT, classes="classes.txt"),
    _classification(DatasetFormat.DEFAULT),
    _classification(DatasetFormat.RAW, (Intent.TESTING,)),
)
