"""What a check gets to look into a pulled dataset, and where it says what it found."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tunesmith.data.decoding import flaws, sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Findings
from tunesmith.data.layout import Layout, archive_stem
from tunesmith.data.progress import (
    OnProgress,
    PullProgress,
    ShouldStop,
    ignore_progress,
    never_stop,
    raise_if,
)
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.types import Intent


@dataclass(frozen=True)
class Inside:
    """A pulled dataset whose archives are extracted.

    Attributes:
        intents: what the dataset is for; nothing if that is not said.
        all_images: whether to decode every image of a large set too.
    """

    layout: Layout
    folder: PulledFolder
    intents: tuple[str, ...] = ()
    all_images: bool = False
    findings: Findings = field(default_factory=Findings)
    on_progress: OnProgress = ignore_progress
    should_stop: ShouldStop = never_stop

    @property
    def only_for_testing(self) -> bool:
        """Whether labels may be missing."""
        return set(self.intents) == {Intent.TESTING}

    def file(self, key: str) -> Path:
        """A file as it lies in the store, e.g. annotations.json. It may be absent."""
        return self.folder.files / key

    def archive(self, stem: str) -> Path:
        """The folder of an extracted archive, e.g. images or images/train. It may be absent."""
        return self.folder.extracted / stem

    def member(self, path: Path) -> str:
        """A file as the user knows it: its key, or its archive and the path in that."""
        if not path.is_relative_to(self.folder.extracted):
            return path.relative_to(self.folder.files).as_posix()
        inner = path.relative_to(self.folder.extracted).as_posix()
        stem = max((stem for stem in self._archives if inner.startswith(f"{stem}/")), key=len, default="")
        return self._archives.get(stem, stem) + inner.removeprefix(stem)

    def flawed(self, kind: str, path: Path, flaw: FileFlawError) -> None:
        """Report what a reader refused."""
        self.findings.error(kind, self.member(path), flaw.fault, flaw.remedy)

    def keep_going(self) -> None:
        """Call this at least once a second of work.

        Raises:
            PullStoppedError: asked to stop.
        """
        raise_if(self.should_stop)

    def decode(self, images: Collection[Path], *, tolerant: bool = False) -> int:
        """Decode images, or a sample of a large set, and report those that cannot be; how many were.

        If `tolerant`, they are warnings: for uses that expect broken images.

        Raises:
            PullStoppedError: asked to stop.
        """
        chosen = list(images) if self.all_images else sample(list(images))

        def on_image(done: int) -> None:
            self.keep_going()
            self.on_progress(PullProgress("checking", done, len(chosen)))

        on_image(0)
        for path, reason in flaws(chosen, on_image):
            self._unreadable(path, reason, tolerant)
        for path in set(images).difference(chosen):  # the cheap part of the check is for all
            if not path.stat().st_size:
                self._unreadable(path, "is empty", tolerant)
        return len(chosen)

    @cached_property
    def _archives(self) -> dict[str, str]:
        """The keys of the archives by their stems."""
        keys = (path.relative_to(self.folder.files).as_posix() for path in self.folder.files.rglob("*"))
        return {stem: key for key in keys if (stem := archive_stem(key))}

    def _unreadable(self, path: Path, reason: str, tolerant: bool) -> None:
        note = self.findings.warning if tolerant else self.findings.error
        note("unreadable", self.member(path), reason, "Replace or remove the image.")
