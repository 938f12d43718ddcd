"""Looks into pulled PointPillars datasets."""

from tunesmith.data.checks.clouds import check_clouds, count_objects
from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside
from tunesmith.data.partners import Kind
from tunesmith.data.pointpillars import SPLITS, PointPillarsData, Split


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = PointPillarsData(inside.folder)
    clouds = {split: data.clouds(split) for split in SPLITS}
    labels = {split: data.labels(split) for split in SPLITS}
    sweeps: dict[str, int] = {}
    objects: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        _check_partners(inside, split, clouds[split], labels[split])
        sweeps[split] = len(clouds[split].by_key)
        shared = clouds[split].by_key.keys() & labels[split].by_key.keys()
        objects[split] = count_objects(inside, {key: labels[split].by_key[key] for key in sorted(shared)})
        if shared and not objects[split]:
            inside.findings.error(
                "no label", f"{split}.tar.gz", "labels no object at all", "Label the objects of its sweeps."
            )
    _check_classes(inside, objects)
    return {
        "sweeps": sweeps,
        "objects": objects,
        "read": check_clouds(inside, [path for one in clouds.values() for path in one.by_key.values()]),
    }


def _check_partners(inside: Inside, split: Split, clouds: Kind, labels: Kind) -> None:
    findings = inside.findings
    if not clouds.by_key:
        findings.error(
            "empty",
            f"{split}.tar.gz",
            "holds no point cloud",
            "Put lidar/*.bin and label/*.txt into it and upload it again.",
        )
    for key in sorted(clouds.by_key.keys() - labels.by_key.keys()):
        member = inside.member(clouds.by_key[key])
        findings.error("unlabelled", member, "has no label", "Add label/<the same name>.txt, or remove it.")
    for key in sorted(labels.by_key.keys() - clouds.by_key.keys()):
        member = inside.member(labels.by_key[key])
        findings.warning(
            "no cloud", member, "has no point cloud and is left out", "Add lidar/<the same name>.bin."
        )
    for path in [*clouds.repeated, *labels.repeated]:
        findings.warning(
            "repeated",
            inside.member(path),
            "has the name of another file and is left out",
            "Give each sweep a name of its own.",
        )


def _check_classes(inside: Inside, objects: dict[str, dict[str, int]]) -> None:
    for name in sorted(objects["val"].keys() - objects["train"].keys()):
        inside.findings.warning(
            "unlearned",
            "val.tar.gz",
            f"labels {objects['val'][name]} of the class {name[:40]!r}, of which train.tar.gz has none",
            "Add objects of the class to the training sweeps, or leave the class out.",
        )
