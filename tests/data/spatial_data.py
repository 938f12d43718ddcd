"""Small real datasets of objects in space: sweeps, labels, calibrations and annotated images."""

import json
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from tests.data.pet_data import archive, noise

Changes = Mapping[str, bytes | None]

CAR = "Car 0.00 0 1.57 100 120 200 220 1.50 1.60 3.90 2.0 1.7 12.0 -1.57"
CARE = "DontCare -1 -1 -10 500 100 520 120 -1 -1 -1 -1000 -1000 -1000 -10"
# A camera that looks along the lidar's x axis: right is -y, down is -z.
CALIBRATION = """P0: 700 0 600 0 0 700 180 0 0 0 1 0
P2: 700 0 600 45 0 700 180 0.2 0 0 1 0.003
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27

"""


def sweep(count: int = 50, seed: int = 0) -> bytes:
    """Points within 40 m, with intensities from 0 to 1."""
    random = np.random.default_rng(seed)
    points = random.uniform([-40, -40, -3, 0], [40, 40, 2, 1], (count, 4))
    return points.astype("<f4").tobytes()


def pointpillars(top: str = "", changes: Changes = MappingProxyType({})) -> dict[str, bytes]:
    """Archives of three sweeps a split. Changes replace or remove members of both: `lidar/0.bin`."""
    return {f"{split}.tar.gz": archive(_sweeps(top, changes)) for split in ("train", "val")}


def _sweeps(top: str, changes: Changes) -> dict[str, bytes]:
    members: dict[str, bytes | None] = {}
    for index in range(3):
        members[f"lidar/{index}.bin"] = sweep(seed=index)
        members[f"label/{index}.txt"] = f"{CAR}\n{CARE}\n".encode()
    return {f"{top}{name}": data for name, data in (members | dict(changes)).items() if data is not None}


def kitti(top: bool = True, changes: Changes = MappingProxyType({})) -> dict[str, bytes]:
    """The archives of a KITTI dataset with four frames to train and measure on and two to test on.

    Changes replace or remove members: `training/velodyne/000001.bin`. Without `top`, the archives hold no
    folder of their own name.
    """
    lists = {"train": "000000\n000001\n000002\n", "val": "000003\n", "test": "000000\n000001\n"}
    members: dict[str, bytes | None] = {
        f"ImageSets/{name}.txt": text.encode() for name, text in lists.items()
    }
    for folder, count in (("training", 4), ("testing", 2)):
        for index in range(count):
            members |= _frame(folder, f"{index:06}")
    whole = {name: data for name, data in (members | dict(changes)).items() if data is not None}
    return {f"{one}.tar.gz": _packed(one, whole, top) for one in ("ImageSets", "training", "testing")}


def _packed(folder: str, members: dict[str, bytes], top: bool) -> bytes:
    own = {name: data for name, data in members.items() if name.startswith(f"{folder}/")}
    return archive(own if top else {name.removeprefix(f"{folder}/"): data for name, data in own.items()})


def _frame(folder: str, name: str) -> dict[str, bytes | None]:
    frame: dict[str, bytes | None] = {
        f"{folder}/image_2/{name}.png": noise(int(name), 16),
        f"{folder}/velodyne/{name}.bin": sweep(seed=int(name)),
        f"{folder}/calib/{name}.txt": CALIBRATION.encode(),
    }
    labels = f"{CAR.replace('Car', 'Pedestrian')}\n{CARE}\n".encode()
    return frame | ({f"{folder}/label_2/{name}.txt": labels} if folder == "training" else {})


def pose(**changes: object) -> dict[str, object]:
    """An Objectron annotation of one bike."""
    corners = [[x, y, z] for x in (-0.5, 0.5) for y in (-0.4, 0.4) for z in (3.8, 4.2)]
    points = np.array([[0, 0, 4], *corners])
    one: dict[str, object] = {
        "class": "bike",
        "projected_cuboid": (points[:, :2] / points[:, 2:] * 600 + [300, 400]).tolist(),
        "keypoints_3d": points.tolist(),
        "scale": [1.0, 0.8, 0.4],
        "quaternion_xyzw": [0.0, 0.0, 0.0, 1.0],
        "location": [0.0, 0.0, 4.0],
    }
    return one | changes


def annotation(*objects: dict[str, object], **intrinsics: object) -> bytes:
    """An Objectron annotation file."""
    camera = {"fx": 600.0, "fy": 600.0, "cx": 300.0, "cy": 400.0} | intrinsics
    return json.dumps({"camera_data": {"intrinsics": camera}, "objects": list(objects)}).encode()


def objectron(split: str, top: str = "", changes: Changes = MappingProxyType({})) -> bytes:
    """An archive of one video of two frames with annotations. Changes: `bike_1/00000.png`."""
    members: dict[str, bytes | None] = {}
    for index in range(2):
        members[f"bike_1/{index:05}.png"] = noise(index, 16)
        members[f"bike_1/{index:05}.json"] = annotation(pose())
    whole = {name: data for name, data in (members | dict(changes)).items() if data is not None}
    return archive({f"{top}{split}/{name}": data for name, data in whole.items()})
