"""Looks into pulled pose classification datasets: arrays of skeletons, and labels that fit them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.decoding import sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside
from tunesmith.data.progress import PullProgress
from tunesmith.data.skeletons import JOINTS, SPLITS, SkeletonData, Split, read_labels, read_sequences


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    graphs = [graph for graph in JOINTS if inside.file(graph).is_dir()]
    if len(graphs) > 1:
        inside.findings.warning(
            "two",
            "kinetics",
            "lies beside nvidia and is left out",
            "Keep skeletons of the two kinds in folders of their own, with a dataset each.",
        )
    data = SkeletonData(inside.folder, graphs[0])
    samples: dict[str, int] = {}
    classes: dict[str, dict[str, int]] = {}
    read = 0
    for split in SPLITS:
        sequences = _sequences(inside, data, split)
        labels = _labels(inside, data, split)
        samples[split] = 0 if sequences is None else len(sequences)
        classes[split] = {str(label): count for label, count in sorted(Counter(labels).items())}
        if sequences is not None:
            read += _check_values(inside, data, split, sequences)
            if labels and len(labels) != len(sequences):
                inside.findings.error(
                    "labels",
                    inside.member(data.label_file(split)),
                    f"holds {len(labels)} labels for {len(sequences)} samples",
                    "Save a label for each sample, in the same order.",
                )
    _check_classes(inside, data, classes)
    return {"samples": samples, "classes": classes, "read": read}


def _sequences(inside: Inside, data: SkeletonData, split: Split) -> NDArray[np.floating[Any]] | None:
    path = data.data_file(split)
    if not _is_there(inside, path):
        return None
    try:
        sequences = read_sequences(path, JOINTS[data.graph])
    except FileFlawError as flaw:
        inside.flawed("array", path, flaw)
        return None
    if sequences.dtype != np.float32:
        inside.findings.warning(
            "type",
            inside.member(path),
            f"holds {sequences.dtype} values, which are read as float32",
            "Save them as float32 to be sure of what is trained on.",
        )
    return sequences


def _labels(inside: Inside, data: SkeletonData, split: Split) -> list[int]:
    path = data.label_file(split)
    if not _is_there(inside, path):
        return []
    try:
        return [int(label) for label in read_labels(path)[1]]
    except FileFlawError as flaw:
        inside.flawed("pickle", path, flaw)
        return []


def _is_there(inside: Inside, path: Path) -> bool:
    if not path.exists():
        inside.findings.error(
            "missing",
            inside.member(path),
            "is missing: the other files are of the other kind",
            "Keep all four files in one folder.",
        )
    return path.exists()


def _check_values(
    inside: Inside, data: SkeletonData, split: Split, sequences: NDArray[np.floating[Any]]
) -> int:
    member = inside.member(data.data_file(split))
    places: Sequence[int] = range(len(sequences))
    chosen = list(places) if inside.all_images else sample(places)
    for done, place in enumerate(chosen):
        inside.keep_going()
        inside.on_progress(PullProgress("checking", done, len(chosen)))
        with np.errstate(over="ignore"):
            values = np.asarray(sequences[place], dtype=np.float32)
        if not np.isfinite(values).all():
            inside.findings.error(
                "no number",
                member,
                f"has values in sample {place} that are no (float32) numbers",
                "Write zeros for joints that were not seen, or remove the sample and its label.",
            )
        elif not values.any():
            inside.findings.warning(
                "zeros",
                member,
                f"has no skeleton in sample {place}: all values are zero",
                "Remove the sample and its label: nothing can be learnt from it.",
            )
    return len(chosen)


def _check_classes(inside: Inside, data: SkeletonData, classes: dict[str, dict[str, int]]) -> None:
    learnt = classes["train"]
    for label in classes["val"]:
        if learnt and label not in learnt:
            inside.findings.warning(
                "unlearned",
                inside.member(data.label_file("val")),
                f"has samples of the class {label}, of which the training samples have none",
                "Add training samples of the class, or remove these.",
            )
    highest = max(map(int, learnt), default=-1)
    if highest + 1 > len(learnt):
        inside.findings.warning(
            "gap",
            inside.member(data.label_file("train")),
            f"has no sample of {highest + 1 - len(learnt)} of the classes 0 to {highest}",
            "Number the classes from 0 without gaps if that is not meant.",
        )
