"""COCO's panoptic datasets in their folders: annotations brought together with images and PNG files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.findings import Findings
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.json_stream import ignore_chunk
from tunesmith.data.label_maps import LabelEntry, read_label_map
from tunesmith.data.panoptic import SegmentTable
from tunesmith.data.panoptic_reading import PanopticEntry, PanopticFile, parse_panoptic
from tunesmith.data.pulled import PulledFolder

ANNOTATIONS, LABEL_MAP = "annotations_panoptic.json", "label_map_panoptic.json"
IMAGES, PNGS = "images.tar.gz", "images_panoptic.tar.gz"


@dataclass(frozen=True, slots=True)
class PanopticSample:
    """An image, and the PNG file of its segment ids, which `panoptic.read_panoptic` reads."""

    path: Path
    png: Path
    entry: PanopticEntry


@dataclass(frozen=True, eq=False)
class PanopticData:
    """A dataset, ready to be used.

    Attributes:
        categories: the classes of the label map, sorted by id: the index is the label to learn.
        samples: those images whose files are there.
        segments: those of the samples, in the same order.
    """

    categories: tuple[LabelEntry, ...]
    samples: tuple[PanopticSample, ...]
    segments: SegmentTable

    @classmethod
    def open(
        cls, pulled: Path, *, annotations: Path | None = None, label_map: Path | None = None
    ) -> "PanopticData":
        """The dataset in the cache folder of a finished pull.

        `annotations` and `label_map` are files in the place of the dataset's own.

        Raises:
            DatasetError: with everything that is wrong with it.
        """
        findings = Findings()
        folder = PulledFolder(pulled)
        entries = read_label_map(label_map or folder.files / LABEL_MAP)
        images = ImageFiles(folder.extracted / "images")
        pngs = ImageFiles(folder.extracted / "images_panoptic")
        parsed = parse_panoptic(annotations or folder.files / ANNOTATIONS, index_of(entries), findings)
        data = bring_together(parsed, entries, (images, pngs), findings)
        findings.raise_errors()
        return data


def index_of(entries: tuple[LabelEntry, ...]) -> dict[int, int]:
    """The indices of classes by their ids."""
    return {entry.id: index for index, entry in enumerate(entries)}


def bring_together(
    parsed: PanopticFile,
    categories: tuple[LabelEntry, ...],
    files: tuple[ImageFiles, ImageFiles],
    findings: Findings,
    on_step: Callable[[], None] = ignore_chunk,
) -> PanopticData:
    """The annotations whose image and PNG file, found in `files`, are there; missing ones are errors."""
    images, pngs = files
    samples, rows = [], []
    taken: set[Path] = set()
    for row, entry in enumerate(parsed.entries):
        on_step()
        path, png = images.find(entry.image.name), pngs.find(entry.png)
        for archive, name, found in ((IMAGES, entry.image.name, path), (PNGS, entry.png, png)):
            if found is None:
                fault = f"holds no {name[:100]!r}, which {ANNOTATIONS} names"
                findings.error(f"no file {archive}", archive, fault, "Add it, or remove its annotation.")
            elif found in taken:
                fault = f"names {name[:100]!r} for two images"
                findings.error("same file", ANNOTATIONS, fault, "Give each image files of its own.")
        if path and png and not {path, png} & taken:
            samples.append(PanopticSample(path, png, entry))
            rows.append(row)
            taken.update((path, png))
    return PanopticData(categories, tuple(samples), parsed.segments.of(rows))
