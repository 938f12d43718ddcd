"""Whatever is damaged in a dataset: its pull ends with a report, and what passes can be read to the end."""

import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.looking import errors, look
from tests.data.pet_data import archive
from tests.data.scene_data import changing, parts, texts, videos
from tests.data.special_data import class_folders, mapped, persons, products, squares, words

from tunesmith.data.classification import ClassificationData
from tunesmith.data.custom_images import CustomImages
from tunesmith.data.frames import COLOURS, FLOW, FrameData
from tunesmith.data.icdar import IcdarData, read_regions
from tunesmith.data.inspection import InspectionData
from tunesmith.data.levircd import LevirData, read_change
from tunesmith.data.market1501 import SPLITS, Market1501Data
from tunesmith.data.metric_learning import PARTS, MetricLearningData
from tunesmith.data.square_images import SquareData
from tunesmith.data.words import WordData

Files = dict[str, bytes]


def read_changes(folder: Path) -> bool:
    pairs = LevirData.open(folder).pairs("train")
    return all(pair.label and read_change(pair.label).size for pair in pairs)


def read_videos(folder: Path) -> bool:
    videos = FrameData.open(folder).videos("train").videos
    return any(video.has(COLOURS) or video.has(FLOW) for video in videos)


def read_texts(folder: Path) -> bool:
    regions = [read_regions(sample.regions) for sample in IcdarData.open(folder).samples("train")]
    return any(regions)


CUSTOM = {
    "images_val.tar.gz": archive(class_folders(range(2), 2)),
    "val.csv": b"path,label\n0/0.png,zero\n1/1.png,one\n",
}
SETS: dict[tuple[str, str], tuple[Files, Callable[[Path], object]]] = {
    ("image_classification", "classification_tf2"): (
        mapped(),
        lambda folder: ClassificationData.open(folder).samples("train"),
    ),
    ("image_classification", "ssl"): (
        {"images_train.tar.gz": archive(class_folders(range(2), 2))},
        lambda folder: ClassificationData.open(folder).images("train"),
    ),
    ("image_classification", "custom"): (CUSTOM, lambda folder: CustomImages.open(folder).labelled()),
    ("action_recognition", "default"): (videos(1, 2), read_videos),
    ("ml_recog", "default"): (
        products(1),
        lambda folder: all(MetricLearningData.open(folder).images(part) for part in PARTS),
    ),
    ("re_identification", "default"): (
        persons(2),
        lambda folder: all(Market1501Data.open(folder).split(split).images for split in SPLITS),
    ),
    ("ocdnet", "default"): (texts(2), read_texts),
    ("ocrnet", "default"): (words(), lambda folder: WordData.open(folder).samples("train")),
    ("optical_inspection", "default"): (
        parts(1, 1, ("Red", "Blue")),
        lambda folder: InspectionData.open(folder).parts(),
    ),
    ("visual_changenet", "visual_changenet_segment"): (changing({"train": 2, "val": 1}), read_changes),
    ("stylegan_xl", "default"): (squares(1), lambda folder: SquareData.open(folder).samples()),
}


def members(data: bytes) -> Files:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {one.name: file.read() for one in tar if (file := tar.extractfile(one))}


def damaged(files: Files, seed: int) -> Files:
    """Loses, shortens, renames or changes a file, or a file of an archive; texts more often than images."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    name = chance.choice(sorted(files))
    inner = members(files[name]) if name.endswith(".tar.gz") else {name: files[name]}
    readable = [one for one in inner if not one.endswith((".png", ".jpg"))]
    chosen = chance.choice(sorted(readable if readable and chance.random() < 0.7 else inner))
    data = inner.pop(chosen)
    match chance.randrange(5):
        case 0 if name.endswith(".tar.gz"):
            pass
        case 1 if name.endswith(".tar.gz"):
            inner[f"{chosen[:-5]}x{chosen[-4:]}"] = data
        case 2:
            inner[chosen] = data[: chance.randrange(len(data))]
        case 3:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            inner[chosen] = b"\n".join(lines[1:])
        case _:
            changed = bytearray(data)
            for _ in range(chance.randrange(1, 6)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            inner[chosen] = bytes(changed)
    return files | {name: archive(inner) if name.endswith(".tar.gz") else inner[name]}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("pair", SETS)
def test_what_passes_can_be_read_to_the_end(tmp_path, pair, seed):
    (dataset_type, dataset_format), (files, read) = pair, SETS[pair]
    report = look(tmp_path, dataset_type, dataset_format, damaged(files, seed), ["training"])
    assert report.model_dump_json()
    assert all(finding.remedy for finding in report.findings)
    if report.valid:
        assert read(tmp_path / "cache")


@pytest.mark.parametrize("pair", SETS)
def test_what_is_whole_has_no_finding(tmp_path, pair):
    (dataset_type, dataset_format), (files, read) = pair, SETS[pair]
    found = look(tmp_path, dataset_type, dataset_format, files, ["training"])
    assert errors(found) == []
    assert read(tmp_path / "cache")
