"""Brings together images and their labels by stem: a.jpg and gt_a.txt, a.jpg and a.png."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.data.classes import canonical


@dataclass(frozen=True)
class Stems:
    """Files by stem, sorted. `repeated` are those whose stem another file has already."""

    by_stem: dict[str, Path] = field(default_factory=dict)
    repeated: list[Path] = field(default_factory=list)


def by_stem(paths: Iterable[Path], prefix: str = "") -> Stems:
    """The files by stem, without a prefix if they have it. Copies of the same size are no repetition."""
    found: dict[str, Path] = {}
    repeated: list[Path] = []
    for path in sorted(paths):
        stem = canonical(path.stem.removeprefix(prefix))
        first = found.setdefault(stem, path)
        if first is not path and first.stat().st_size != path.stat().st_size:
            repeated.append(path)
    return Stems(dict(sorted(found.items())), repeated)
