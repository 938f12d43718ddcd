"""What a format of a dataset type consists of: its files, its uses, and who looks inside."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from tunesmith.data.findings import Finding, Findings
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
ALL_INTENTS = (Intent.TRAINING, Intent.EVALUATION, Intent.TESTING)


@dataclass(frozen=True)
class Need:
    """Files of which one at least must be there; with an intent, only if the dataset is meant for it.

    The names are relative to the dataset's folder. They may be patterns: `*` stands for any text, slashes
    included.

    Attributes:
        called: what people call these files, where the patterns say too much.
    """

    any_of: tuple[str, ...]
    intent: Intent | None = None
    called: str | None = None


@dataclass(frozen=True)
class Layout:
    """One format of one type.

    Attributes:
        intents: what datasets of this format may be used for.
        needs: what must be there.
        check: the module with `check(Inside) -> counts`, which looks into pulled files; workers import it.
        classes: the file that lists the classes, or none.
        optional: further files that belong to it where they are; patterns too.
        one_intent: whether a dataset is used for exactly one of the intents.
    """

    type: DatasetType
    format: DatasetFormat
    intents: tuple[Intent, ...]
    needs: tuple[Need, ...]
    check: str
    classes: str | None = None
    optional: tuple[str, ...] = ()
    one_intent: bool = False

    def missing(self, keys: Collection[str], intents: Iterable[str] = ()) -> list[Finding]:
        """What forbids the use of a folder that holds these keys: wrong intents and missing files."""
        found = Findings()
        wanted = tuple(intents)
        for intent in wanted:
            if intent not in self.intents:
                found.error("intent", "use_for", *self._wrong_intent(intent))
        if self.one_intent and len(wanted) > 1:
            found.error("intent", "use_for", *self._several_intents())
        for need in self.needs:
            applies = need.intent is None or not wanted or need.intent in wanted
            if applies and not _matching(need.any_of, keys):
                named = need.called or " or ".join(need.any_of)
                found.error("missing", named, "is missing", _remedy(need, keys))
        return list(found.all())

    def files(self, keys: Collection[str]) -> tuple[str, ...]:
        """Those of the keys that belong to the dataset, sorted."""
        names = [name for need in self.needs for name in need.any_of]
        return tuple(sorted(_matching([*names, *self.optional], keys)))

    def _several_intents(self) -> tuple[str, str]:
        return f"must name one use for {self.type}", f"Name one of: {', '.join(self.intents)}."

    def _wrong_intent(self, intent: str) -> tuple[str, str]:
        allowed = ", ".join(self.intents)
        return (
            f"{intent!r} is not possible with the format {self.format} of {self.type}",
            f"Use it for: {allowed}; or choose another format.",
        )


def archive_stem(key: str) -> str | None:
    """A key without the suffix of its archive; None if the key does not name an archive."""
    suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if key.endswith(suffix)), None)
    stem = key.removesuffix(suffix) if suffix else ""
    return None if not stem or stem.endswith("/") else stem


def _matching(names: Iterable[str], keys: Collection[str]) -> set[str]:
    plain = {name for name in names if "*" not in name}
    endings = tuple({name[1:] for name in names if re.fullmatch(r"\*[^*?\[]+", name)})
    patterns = [name for name in names if name not in plain and name[1:] not in endings]
    found = plain.intersection(keys)
    # Most patterns are suffixes, and listings long: this is far faster than to match each pattern.
    found.update(key for key in keys if key.endswith(endings))
    return found | {key for key in keys if any(fnmatchcase(key, pattern) for pattern in patterns)}


def _remedy(need: Need, keys: Collection[str]) -> str:
    for name in need.any_of:
        if "*" in name:
            continue
        for key in sorted(keys):
            if key.endswith(f"/{name}"):
                return f"It is in {key.removesuffix(name)}: add that folder to cloud_file_path."
        if near := get_close_matches(name, keys, n=1, cutoff=0.8):
            return f"Rename {near[0]} to {name}, if that is what it is."
    return "Upload it to the folder that cloud_file_path names."
