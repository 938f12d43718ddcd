"""What a model found: masks as segments, as objects, or as the class of each pixel (Cheng et al. 2022)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tunesmith.networks.layers.masker import MaskPredictions
from tunesmith.networks.panoptic import Merging

NOTHING = -1
"""The class of pixels of no segment."""

_INSIDE = 0.5
_LARGEST = 1 << 21  # pixels; masks of larger images are made at the size of the input, and enlarged


@dataclass(frozen=True, eq=False)
class Query:
    """The predictions for one image, at a size near its own.

    Attributes:
        shares: (queries, classes + 1) of each class and of nothing.
        inside: (queries, height, width), how likely each pixel is inside: 0 to 1.
    """

    shares: Tensor
    inside: Tensor


@dataclass(frozen=True, eq=False)
class Found:
    """Segments that do not overlap.

    Attributes:
        places: (height, width): 0 where there is none, else which one, counted from 1.
        labels: of the segments.
        scores: of the segments, 0 to 1.
    """

    places: Tensor
    labels: list[int]
    scores: list[float]

    def classes(self) -> Tensor:
        """The class of each pixel, NOTHING where there is no segment: (height, width)."""
        return torch.tensor([NOTHING, *self.labels])[self.places]


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects, the surest first; they may overlap.

    Attributes:
        masks: (n, height, width), true inside.
        labels: (n,) indices of classes.
        scores: (n,) confidences, 0 to 1.
    """

    masks: Tensor
    labels: Tensor
    scores: Tensor

    def surer(self, threshold: float) -> "Objects":
        """Those of this confidence at least."""
        kept = self.scores >= threshold
        return Objects(self.masks[kept], self.labels[kept], self.scores[kept])


def queries(
    found: MaskPredictions, inputs: tuple[int, int], sizes: Tensor, shapes: Tensor
) -> Iterator[Query]:
    """The predictions of each image of a batch.

    Args:
        found: by the model.
        inputs: height and width of the inputs.
        sizes: (batch, 2) height and width of the images within the inputs.
        shapes: (batch, 2) height and width of the images themselves.
    """
    for logits, masks, size, shape in zip(
        found.logits.float().cpu(), found.masks.float().cpu(), sizes.tolist(), shapes.tolist(), strict=True
    ):
        whole = interpolate(masks[None], inputs, mode="bilinear", align_corners=False)
        own = whole[:, :, : size[0], : size[1]]
        if shape != size and shape[0] * shape[1] <= _LARGEST:
            own = interpolate(own, shape, mode="bilinear", align_corners=False)
        yield Query(logits.softmax(dim=-1), own[0].sigmoid())


def segments_of(query: Query, merging: Merging, things: Tensor) -> Found:
    """Segments: each pixel goes to the surest mask. Parts of one ground become one.

    Args:
        query: the predictions.
        merging: which masks count.
        things: (classes,) whether single objects of the class are told apart.
    """
    scores, labels = query.shares.max(dim=1)
    kept = (labels < len(things)) & (scores >= merging.threshold)
    scores, labels, inside = scores[kept], labels[kept], query.inside[kept]
    places = torch.zeros(query.inside.shape[-2:], dtype=torch.int64)
    if not len(scores):
        return Found(places, [], [])
    surest = (scores[:, None, None] * inside).argmax(dim=0)
    found_labels: list[int] = []
    found_scores: list[float] = []
    grounds: dict[int, int] = {}
    for index in scores.argsort(descending=True).tolist():
        label, whole = int(labels[index]), inside[index] >= _INSIDE
        visible = whole & (surest == index)
        area = int(visible.sum())
        if not area or area < merging.overlap * int(whole.sum()) or len(found_labels) >= merging.most:
            continue
        place = grounds.get(label)
        if place is None:
            found_labels.append(label)
            found_scores.append(float(scores[index]))
            place = len(found_labels)
            if not things[label]:
                grounds[label] = place
        places[visible] = place
    return Found(places, found_labels, found_scores)


def objects_of(query: Query, most: int, things: Tensor) -> Objects:
    """Objects: a mask may stand for several classes, each with its share.

    The confidence is the share of the class, times how sure the mask is of its pixels.
    """
    shares = query.shares[:, :-1] * things
    scores, places = shares.flatten().topk(min(most, shares.numel()))
    masks, labels = places // shares.shape[1], places % shares.shape[1]
    inside = query.inside[masks]
    whole = inside >= _INSIDE
    sure = (inside * whole).flatten(1).sum(dim=1) / whole.flatten(1).sum(dim=1).clamp_min(1)
    scores = scores * sure
    kept = scores > 0
    order = scores[kept].argsort(descending=True)
    return Objects(whole[kept][order], labels[kept][order], scores[kept][order])


def classes_of(query: Query) -> Tensor:
    """The class of each pixel: (height, width)."""
    return torch.einsum("qc,qhw->chw", query.shares[:, :-1], query.inside).argmax(dim=0)


def enlarged(places: Tensor, shape: tuple[int, int]) -> Tensor:
    """A map (..., height, width) of whole numbers or truths at the size of its image."""
    if tuple(places.shape[-2:]) == shape:
        return places
    rows, columns = (
        ((torch.arange(after) + 0.5) * before / after).long().clamp_max(before - 1)
        for before, after in zip(places.shape[-2:], shape, strict=True)
    )
    return places[..., rows, :][..., columns]
