"""Looks into pulled text detection datasets: images against regions, and regions against images."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tunesmith.data.decoding import sample
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.icdar import IcdarData, Region, Split, all_regions
from tunesmith.data.images import upright_size
from tunesmith.data.inside import Inside
from tunesmith.data.stems import Stems

_CORNERS = "Correct its corners: they are pixels, counted from the top left corner."
_TOLERATED = 2.0
"""Pixels by which annotators often overshoot: not worth a word."""


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = IcdarData(inside.folder)
    images = {split: data.images(split) for split in data.splits()}
    regions = {str(split): _check_split(inside, split, images[split], data.labels(split)) for split in images}
    return {
        "images": {str(split): len(found.by_stem) for split, found in images.items()},
        "regions": regions,
        "decoded": inside.decode([path for found in images.values() for path in found.by_stem.values()]),
    }


def _check_split(inside: Inside, split: Split, images: Stems, labels: Stems) -> dict[str, int]:
    shared = sorted(images.by_stem.keys() & labels.by_stem.keys())
    _check_partners(inside, images, labels)
    if not shared:
        inside.findings.error(
            "empty",
            f"{split}.tar.gz",
            "holds no image with regions",
            "Put img/<stem>.jpg and gt/gt_<stem>.txt into it and upload it again.",
        )
        return {}
    counts = _count_regions(inside, {stem: labels.by_stem[stem] for stem in shared}, images.by_stem)
    if not counts["texts"]:
        fault = "has no text to find: every region is marked ### or *, or covers nothing"
        inside.findings.error("no text", f"{split}.tar.gz", fault, "Write what the regions say.")
    return dict(counts)


def _check_partners(inside: Inside, images: Stems, labels: Stems) -> None:
    note = inside.findings.warning
    for stem in sorted(images.by_stem.keys() - labels.by_stem.keys()):
        member = inside.member(images.by_stem[stem])
        note("no regions", member, "has no file of regions and is left out", f"Add gt/gt_{stem}.txt.")
    for stem in sorted(labels.by_stem.keys() - images.by_stem.keys()):
        member = inside.member(labels.by_stem[stem])
        note("no image", member, "has no image and is left out", f"Add img/{stem}.jpg, or remove it.")
    for path in [*images.repeated, *labels.repeated]:
        fault = "has the name of another file and is left out"
        note("repeated", inside.member(path), fault, "Give each image a name of its own.")


def _count_regions(inside: Inside, labels: Mapping[str, Path], images: Mapping[str, Path]) -> Counter[str]:
    counts = Counter({"texts": 0, "ignored": 0})
    paths = list(labels.values())
    measured = set(paths if inside.all_images else sample(paths))
    for stem, path in labels.items():
        inside.keep_going()
        try:
            regions = all_regions(path)
        except FileFlawError as flaw:
            inside.flawed("regions", path, flaw)
            continue
        size = _size(images[stem]) if path in measured else None
        counts.update(
            "ignored" if region.ignored else "texts"
            for region in regions
            if _is_usable(inside, path, region, size)
        )
    return counts


def _size(image: Path) -> tuple[int, int] | None:
    try:
        return upright_size(image)
    except DatasetError:
        return None  # decoding the image says why


def _is_usable(inside: Inside, path: Path, region: Region, size: tuple[int, int] | None) -> bool:
    """Whether a region covers a part of its image; if it does not, or leaves it, that is a finding."""
    note, member, line = inside.findings.warning, inside.member(path), region.line
    if not region.usable:
        note("no area", member, f"has a region of no area in line {line}: it is left out", _CORNERS)
        return False
    if size is None:
        return True
    image = f"its image of {size[0]} x {size[1]} in line {line}"
    if not region.within(*size).usable:
        note("outside", member, f"has a region outside {image}: it is left out", _CORNERS)
        return False
    if region.reach(*size) > _TOLERATED:
        note("cut", member, f"has a region that leaves {image}: it is cut at the edge", _CORNERS)
    return True
