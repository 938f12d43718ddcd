"""What trains a detector with a larger one beside it (DETRDistill, Chang et al. 2023, arXiv 2211.10156)."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import interpolate
from torchvision.ops import box_convert, generalized_box_iou_loss

from tunesmith.networks.detection import Distilling
from tunesmith.networks.layers.detector import Predictions, Seen, Target, Teachable
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.training import DetectionTraining
from tunesmith.training.tasks.distilling import Taught
from tunesmith.training.tasks.image_format import ImageFormat

_BELIEVED = 0.1  # the least confidence of places that a teacher is asked about
_BOXES, _OVERLAP = 5.0, 2.0  # weights of L1 and of generalised IoU, as in the losses of the DETR family
_FEATURES = {"FD": 10.0, "CS": 5.0}  # weights of what is below 1, beside losses of 10 to 20
_LEAST = 1e-5  # variance of a channel

Compare = Callable[[Tensor, Tensor], Tensor]


class Distillation(Taught[DetectionBatch]):
    """A student's own loss, and how far it is from its teacher.

    KL, CE, L1 and L2 compare predictions, each by the teacher's confidence: classes and boxes of the
    candidates that are matched with the same object, and the encoders' classes, place by place. FD (smooth
    L1) and CS (cosine) compare the encoder's maps; where they differ in width, a convolution that learns
    along leads from one to the other.

    Args:
        training: of the student alone.
        teacher: frozen, in evaluation mode.
        adapt: makes the teacher's images of the student's.
        how: the comparison and its weight.
    """

    def __init__(
        self,
        training: DetectionTraining,
        teacher: Teachable,
        adapt: Callable[[Tensor], Tensor],
        how: Distilling,
    ) -> None:
        super().__init__(training, teacher)
        self._adapt, self._how = adapt, how
        self.bridges = nn.ModuleList()
        if how.kind in _OF_FEATURES:
            student = cast("Teachable", training.model)
            _require_as_many_maps(student, teacher)
            pairs = zip(student.widths, teacher.widths, strict=True)
            self.bridges.extend(_bridge(one, two) for one, two in pairs)

    def forward(self, batch: DetectionBatch) -> dict[str, Tensor]:
        """The loss, and its parts: those of the student alone, and teacher."""
        seen: list[Seen] = []
        own = cast("DetectionTraining", self.own).losses(batch, seen.append)
        with torch.no_grad():
            taught = cast("Teachable", self.teacher).look(self._adapt(batch.images))
        apart = self._apart(seen[0], taught, batch.targets())
        return own | {"loss": own["loss"] + self._how.weight * apart, "teacher": apart}

    def _apart(self, student: Seen, teacher: Seen, targets: list[Target]) -> Tensor:
        if self._how.kind in _OF_FEATURES:
            compare = _OF_FEATURES[self._how.kind]
            pairs = zip(self.bridges, student.features, teacher.features, strict=True)
            return torch.stack([compare(bridge(one), _sized(two, one)) for bridge, one, two in pairs]).mean()
        found = self._found_apart(student.predictions, teacher.predictions, targets)
        return found + self._placed_apart(student, teacher)

    def _found_apart(self, student: Predictions, teacher: Predictions, targets: list[Target]) -> Tensor:
        """What both predict for each object.

        A teacher finds most objects several times, once with more confidence than the others. This one alone
        is a model: asked for all, a student learns what its own loss teaches it not to do.
        """
        matcher = cast("Teachable", self.model).matcher
        matched = [
            matcher({"logits": one.logits.float(), "pred_boxes": one.boxes.float()}, targets)
            for one in (student, teacher)
        ]
        chosen = [_same_objects(mine, its) for mine, its in zip(*matched, strict=True)]
        answers, asked = (
            Predictions(_rows(one.logits, rows), _rows(one.boxes, rows))
            for one, rows in zip((student, teacher), zip(*chosen, strict=True), strict=True)
        )
        return self._answers_apart(answers, asked)

    def _placed_apart(self, student: Seen, teacher: Seen) -> Tensor:
        """What the encoders take for objects, place by place, on the maps that both have.

        Classes alone: boxes are learnt at the few places that are matched with objects, and mean nothing
        elsewhere.
        """
        count = _shared_places(student.features, teacher.features)
        if student.places is None or teacher.places is None or not count:
            return student.predictions.logits.new_zeros(())
        mine, its = (one[:, :count].flatten(0, 1) for one in (student.places, teacher.places))
        return self._averaged(mine, its, lambda _: 0.0)

    def _answers_apart(self, student: Predictions, teacher: Predictions) -> Tensor:
        """Logits (n, classes) and boxes (n, 4)."""

        def boxes(sure: Tensor) -> Tensor:
            return _boxes_apart(student.boxes[sure].float(), teacher.boxes[sure].float())

        return self._averaged(student.logits, teacher.logits, boxes)

    def _averaged(self, student: Tensor, teacher: Tensor, more: Callable[[Tensor], Tensor | float]) -> Tensor:
        """How far logits (n, classes), and what more there is, are apart, by the teacher's confidence.

        What the teacher has no confidence in does not count.
        """
        trust = teacher.float().sigmoid().amax(dim=-1)
        sure = trust >= _BELIEVED
        if not sure.any():
            return 0.0 * student.sum()
        classes = _OF_LOGITS[self._how.kind](student[sure].float(), teacher[sure].float()).sum(dim=-1)
        return (trust[sure] * (classes + more(sure))).sum() / trust[sure].sum()


def renormalised(student: ImageFormat, teacher: ImageFormat) -> Callable[[Tensor], Tensor]:
    """What turns a student's images into its teacher's, of the same size; what is filled up stays 0."""
    if (student.mean, student.std) == (teacher.mean, teacher.std):
        return lambda images: images
    own, other = (
        [torch.tensor(numbers).view(1, -1, 1, 1) for numbers in (form.mean, form.std)]
        for form in (student, teacher)
    )

    def turned(images: Tensor) -> Tensor:
        mean, std, to_mean, to_std = (one.to(images.device) for one in (*own, *other))
        inside = (images != 0).any(dim=1, keepdim=True)
        return torch.where(inside, (images * std + mean - to_mean) / to_std, images)

    return turned


def begin_as(student: nn.Module, teacher: nn.Module, names: Sequence[str]) -> int:
    """Give the student its teacher's weights whose names begin so, where shapes agree. Returns how many."""
    own = student.state_dict()
    fitting = {
        name: value
        for name, value in teacher.state_dict().items()
        if name.startswith(tuple(names)) and name in own and own[name].shape == value.shape
    }
    student.load_state_dict(fitting, strict=False)
    return len(fitting)


def _require_as_many_maps(student: Teachable, teacher: Teachable) -> None:
    if len(student.widths) != len(teacher.widths):
        rule = (
            f"must be KL, CE, L1 or L2 where student and teacher have not as many maps "
            f"({len(student.widths)} and {len(teacher.widths)})"
        )
        raise SpecError([SpecProblem("distill.loss_type", rule, "features")])


def _same_objects(mine: tuple[Tensor, Tensor], its: tuple[Tensor, Tensor]) -> tuple[list[int], list[int]]:
    """Of candidates and the objects they are, by student and by teacher, those of objects of both."""
    one, two = (dict(zip(objects.tolist(), rows.tolist(), strict=True)) for rows, objects in (mine, its))
    both = sorted(one.keys() & two.keys())
    return [one[key] for key in both], [two[key] for key in both]


def _rows(part: Tensor, chosen: Sequence[list[int]]) -> Tensor:
    """Some candidates of each image, one after another."""
    return torch.cat([image[rows] for image, rows in zip(part, chosen, strict=True)])


def _sized(teacher: Tensor, student: Tensor) -> Tensor:
    if teacher.shape[-2:] == student.shape[-2:]:
        return teacher
    return interpolate(teacher, student.shape[-2:], mode="bilinear", align_corners=False)


def _bridge(student: int, teacher: int) -> nn.Module:
    if student == teacher:
        return nn.Identity()
    return nn.Conv2d(student, teacher, 1)


def _shared_places(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> int:
    """Places of the first maps, as far as these are of the same size."""
    sizes = [(one.shape[-2:], two.shape[-2:]) for one, two in zip(student, teacher, strict=False)]
    return sum(one.numel() for one, two in takewhile(lambda pair: pair[0] == pair[1], sizes))


def _boxes_apart(student: Tensor, teacher: Tensor) -> Tensor:
    """By box (n,), of boxes (n, 4) by centre and size."""
    corners = [box_convert(boxes, "cxcywh", "xyxy") for boxes in (student, teacher)]
    overlap: Tensor = generalized_box_iou_loss(*corners)
    return _BOXES * (student - teacher).abs().sum(dim=-1) + _OVERLAP * overlap


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    """How much the teacher's probability of each class says beyond the student's."""
    return _ce(student, teacher) - _ce(teacher, teacher)


def _ce(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(student, teacher.sigmoid(), reduction="none")


def _l1(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.l1_loss(student, teacher, reduction="none")


def _l2(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.mse_loss(student, teacher, reduction="none")


def _smooth_l1(student: Tensor, teacher: Tensor) -> Tensor:
    return _FEATURES["FD"] * functional.smooth_l1_loss(_standard(student), _standard(teacher))


def _cosine(student: Tensor, teacher: Tensor) -> Tensor:
    apart = 1 - functional.cosine_similarity(student.float(), teacher.float(), dim=1)
    return _FEATURES["CS"] * apart.mean()


def _standard(features: Tensor) -> Tensor:
    """Channels with mean 0 and deviation 1: their size is each network's own (PKD, Cao et al. 2022)."""
    features = features.float()
    variance, mean = torch.var_mean(features, (0, 2, 3), correction=0, keepdim=True)
    return (features - mean) * (variance + _LEAST).rsqrt()


_OF_LOGITS: dict[str, Compare] = {"KL": _kl, "CE": _ce, "L1": _l1, "L2": _l2}
_OF_FEATURES: dict[str, Compare] = {"FD": _smooth_l1, "CS": _cosine}
