"""Whatever is damaged in a dataset, a pull ends with findings that have a remedy, and never with a crash."""

import random

import pytest
from tests.data.looking import errors, look, warnings
from tests.data.media_files import HDF5, MP4
from tests.data.pet_data import archive, noise
from tests.data.skeleton_data import skeletons
from tests.data.spatial_data import CALIBRATION, CAR, annotation, kitti, objectron, pointpillars, pose, sweep

from tunesmith.data.findings import DatasetReport


class Damage:
    """Damages files: cuts one of five off, and writes some other bytes into the others."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def __call__(self, data: bytes) -> bytes:
        if self._random.random() < 0.2:
            return data[: self._random.randrange(len(data))]
        damaged = bytearray(data)
        for _ in range(self._random.randrange(1, 6)):
            damaged[self._random.randrange(len(data))] = self._random.randrange(256)
        return bytes(damaged)


def datasets(damage: Damage) -> dict[tuple[str, str], dict[str, bytes]]:
    label, points = damage(CAR.encode()), damage(sweep())
    frames = {
        "training/calib/000000.txt": damage(CALIBRATION.encode()),
        "training/label_2/000001.txt": label,
        "ImageSets/val.txt": damage(b"000003\n"),
        "testing/velodyne/000000.bin": points,
    }
    talks = b'[{"conversations": [{"from": "human", "value": "What?"}]}]'
    return {
        ("pointpillars", "default"): pointpillars(changes={"lidar/0.bin": points, "label/1.txt": label}),
        ("bevfusion", "default"): kitti(changes=frames),
        ("centerpose", "default"): {
            "train.tar.gz": objectron("train", changes={"bike_1/00000.json": damage(annotation(pose()))}),
            "test.tar.gz": damage(objectron("test")),
        },
        ("pose_classification", "default"): {name: damage(data) for name, data in skeletons().items()},
        ("vlm", "default"): {"dataset.yaml": damage(b"a:\n  data_path: a.json\n"), "a.json": damage(talks)},
        ("vlm", "raw"): {"a.mp4": damage(MP4), "b.tar": damage(archive({"a.png": noise(0, 8)}))},
        ("not_restricted", "default"): {"a.png": damage(noise(0, 8)), "b.tgz": damage(archive({}))},
        ("maxine_dataset", "maxine_gaze"): {"data.h5": damage(HDF5[0])},
        ("user_custom", "monai"): {"dataset.json": damage(b'{"training": ["a.nii"]}'), "a.nii": b"none"},
    }


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("pair", datasets(Damage(0)))
def test_a_damaged_dataset_is_reported(tmp_path, pair, seed):
    kind, form = pair
    report = look(tmp_path, kind, form, datasets(Damage(seed))[pair])
    assert report.valid is not bool(errors(report))
    assert all(message for _, message in warnings(report))
    assert DatasetReport.model_validate_json(report.model_dump_json()) == report
