"""Looks into pulled inspection datasets: whether each part has its photographs and a label."""

from collections import Counter

from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside
from tunesmith.data.inspection import COLUMNS, PASS, TABLE, InspectedPart, InspectionData, photographs
from tunesmith.data.types import Intent

_USUAL_LIGHTS = ("LowAngleLight", "SolderLight", "UniformLight", "WhiteLight")
_MOST_LABELS = 1000


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by label and light, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = InspectionData(inside.folder)
    try:
        rows = len(data.rows)
        lights = data.lights
    except FileFlawError as flaw:
        inside.flawed("table", inside.file(TABLE), flaw)
        return {"images": data.images}
    if not rows:
        remedy = f"Write a line for each with the columns {','.join(COLUMNS)}."
        inside.findings.error("empty", TABLE, "names no part", remedy)
        return {"images": data.images}
    parts = _parts(inside, data)
    labels = Counter(part.label for part in parts)
    _check_labels(inside, labels)
    _check_lights(inside, lights)
    used = photographs(parts)
    if spare := data.images - len(used):
        fault = f"holds {spare} images that no line of {TABLE} names: they are left out"
        inside.findings.warning("unnamed", "images.tar.gz", fault, "Add their lines, or remove them.")
    return {
        "images": data.images,
        "pairs": len(parts),
        "classes": {TABLE: dict(labels.most_common(_MOST_LABELS))},
        "lights": {light: len(parts) for light in lights if light},
        "decoded": inside.decode(used),
    }


def _parts(inside: Inside, data: InspectionData) -> list[InspectedPart]:
    found = []
    for row in data.rows:
        inside.keep_going()
        try:
            part = data.resolve(row)
        except FileFlawError as flaw:
            inside.flawed("row", inside.file(TABLE), flaw)
            continue
        found.append(part)
        if not part.label and not inside.only_for_testing:
            fault = f"has no label in line {row.number}"
            inside.findings.error("label", TABLE, fault, f"Write {PASS}, or the name of the defect.")
    return found


def _check_labels(inside: Inside, labels: Counter[str]) -> None:
    """Whether there is something to tell apart: nothing is learnt from good parts alone, or bad ones."""
    if inside.only_for_testing or not labels:
        return
    learns = not inside.intents or Intent.TRAINING in inside.intents
    note = inside.findings.error if learns else inside.findings.warning
    if not labels[PASS]:
        note("one label", TABLE, f"has no part with the label {PASS}", "Add parts without a defect.")
    elif len(labels) == 1:
        note("one label", TABLE, "has no part with a defect", "Add parts whose label names a defect.")


def _check_lights(inside: Inside, lights: tuple[str, ...]) -> None:
    if lights not in (_USUAL_LIGHTS, ("",)):
        inside.findings.warning(
            "lights",
            "images.tar.gz",
            f"has the lights {', '.join(lights)[:200]}, not {', '.join(_USUAL_LIGHTS)}",
            "Name them in input_map of the training's specs, if it is set there.",
        )
