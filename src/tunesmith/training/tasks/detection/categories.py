"""Which ids a dataset gives the classes."""

from collections.abc import Sequence

from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.tasks.detection.annotations import DetectionSample

_TOLD = 20


def category_ids(samples: Sequence[DetectionSample], classes: Sequence[str]) -> list[int]:
    """The ids that the samples' dataset gives the classes; counted from 1 where they are not its own."""
    source = samples[0].source if samples else None
    known = source is not None and source.classes == tuple(classes)
    return list(source.category_ids) if source and known else list(range(1, len(classes) + 1))


def evaluated_classes(
    asked: Sequence[int], samples: Sequence[DetectionSample], classes: Sequence[str]
) -> list[int]:
    """The indices of the classes with these ids, in the dataset's order; none for all.

    Raises:
        SpecError: the dataset has no such ids.
    """
    if not asked:
        return []
    source = samples[0].source if samples else None
    ids = source.category_ids if source else tuple(range(1, len(classes) + 1))
    names = source.classes if source else classes
    if unknown := set(asked) - set(ids):
        rule = f"must hold ids of the dataset's categories: {', '.join(map(str, ids[:_TOLD]))}"
        raise SpecError([SpecProblem("dataset.eval_class_ids", rule, sorted(unknown))])
    chosen = sorted(set(asked), key=ids.index)
    return [classes.index(names[ids.index(one)]) for one in chosen]
