"""The action `convert_efficientdet_tf2`: a COCO dataset as TFRecord files."""

import json
import time
from pathlib import Path, PurePosixPath
from typing import Any

from tunesmith.data.coco_data import ANNOTATIONS, CocoData
from tunesmith.data.coco_records import Shards, write_shards
from tunesmith.networks.efficientdet_tf2.spec import EfficientDetSpec
from tunesmith.protocol import Metrics, Progress
from tunesmith.specs import SpecError, SpecProblem, validate_spec
from tunesmith.training.run import Run
from tunesmith.training.tasks.datasets import fetched

_SECONDS_BETWEEN_REPORTS = 1.0


def convert_efficientdet_tf2(run: Run) -> dict[str, Any]:
    """Write the one dataset of the request into the results.

    The files are `<tag>-00000-of-00256.tfrecord` and so on. What is wrong with annotations that are left out
    or cut stands in `<tag>_warnings.json`.

    Returns:
        tag, shards, images, objects (by category), seconds.

    Raises:
        StoppedError: asked to stop.
        SpecError, DatasetError, StorageError: the dataset cannot be converted.
    """
    started = time.monotonic()
    spec = validate_spec(EfficientDetSpec, run.request.specs).dataset_convert
    tag = spec.tag or PurePosixPath(ANNOTATIONS).stem
    _check(tag, spec.num_shards)
    (dataset,) = run.request.train_datasets
    pulled = fetched(run, dataset)
    data = CocoData.open(pulled.folder, masks=spec.include_masks)
    if spec.include_masks and (lacking := _without_masks(pulled.folder, data)):
        rule = f"needs a mask of each object, and {lacking} of them have none"
        raise SpecError([SpecProblem("dataset_convert.include_masks", rule, True)])
    run.results.mkdir(parents=True, exist_ok=True)
    write_shards(
        data,
        Shards(run.results, tag, spec.num_shards),
        masks=spec.include_masks,
        on_image=_Teller(run, len(data.paths)).take,
    )
    if found := [one.model_dump(mode="json") for one in pulled.report.warnings]:
        (run.results / f"{tag}_warnings.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    objects = data.annotated.per_category()
    counts = {name: float(count) for name, count in objects.items()}
    run.report(Metrics(values={}, per_category={"num_objects": counts}))
    return {
        "tag": tag,
        "shards": spec.num_shards,
        "images": len(data.paths),
        "objects": objects,
        "seconds": round(time.monotonic() - started, 3),
    }


def _check(tag: str, shards: int) -> None:
    problems = []
    if PurePosixPath(tag).name != tag or tag.startswith("."):
        problems.append(SpecProblem("dataset_convert.tag", "must be the beginning of a file's name", tag))
    if not 1 <= shards < 100_000:
        problems.append(SpecProblem("dataset_convert.num_shards", "must be from 1 to 99999", shards))
    if problems:
        raise SpecError(problems)


def _without_masks(folder: Path, data: CocoData) -> int:
    """How many objects have no mask; they are not in data that was opened with masks."""
    segments = data.annotated.segments
    given = 0 if segments is None else int(segments.given.sum())
    return len(CocoData.open(folder).annotated) - given


class _Teller:
    """Reports progress now and then, and ends the work when the job is to stop."""

    def __init__(self, run: Run, images: int) -> None:
        self._run, self._images, self._told_at = run, images, 0.0

    def take(self, written: int) -> None:
        """So many images are written."""
        self._run.raise_if_stopped()
        now = time.monotonic()
        if now - self._told_at >= _SECONDS_BETWEEN_REPORTS or written == self._images:
            self._told_at = now
            message = f"{written} of {self._images} images written"
            self._run.report(Progress(step=written, steps_per_epoch=self._images, message=message))
