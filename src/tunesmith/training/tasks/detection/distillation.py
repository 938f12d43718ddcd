"""What trains a detector with a larger one beside it (DETRDistill, Chang et al. 2023, arXiv 2211.10156)."""

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import interpolate
from torchvision.ops import box_convert, generalized_box_iou

from tunesmith.networks.detection import Distilling
from tunesmith.networks.layers.detector import Predictions, Seen, Target, Teachable
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.training import DetectionTraining
from tunesmith.training.tasks.distilling import Taught
from tunesmith.training.tasks.image_format import ImageFormat

_BELIEVED = 0.1  # the least confidence of what a teacher is asked about
_BOXES, _OVERLAP = 5.0, 2.0  # weights of L1 and of generalised IoU, as in the losses of the DETR family

Compare = Callable[[Tensor, Tensor], Tensor]


class Distillation(Taught[DetectionBatch]):
    """A student's own loss, and how far it is from its teacher.

    KL, CE, L1 and L2 compare predictions: what the teacher finds is matched with the student's candidates as
    objects are, and classes and boxes are held against one another, each by the teacher's confidence. FD
    (smooth L1) and CS (cosine) compare the encoder's maps; where they differ in width, a convolution that
    learns along leads from one to the other.

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
            self.bridges.extend(nn.Identity() if one == two else nn.Conv2d(one, two, 1) for one, two in pairs)

    def forward(self, batch: DetectionBatch) -> dict[str, Tensor]:
        """The loss, and its parts: those of the student alone, and teacher."""
        seen: list[Seen] = []
        own = cast("DetectionTraining", self.own).losses(batch, seen.append)
        with torch.no_grad():
            taught = cast("Teachable", self.teacher).look(self._adapt(batch.images))
        apart = self._apart(seen[0], taught)
        return own | {"loss": own["loss"] + self._how.weight * apart, "teacher": apart}

    def _apart(self, student: Seen, teacher: Seen) -> Tensor:
        if self._how.kind in _OF_FEATURES:
            compare = _OF_FEATURES[self._how.kind]
            pairs = zip(self.bridges, student.features, teacher.features, strict=True)
            return torch.stack([compare(bridge(one), _sized(two, one)) for bridge, one, two in pairs]).mean()
        return self._predicted_apart(student.predictions, teacher.predictions)

    def _predicted_apart(self, student: Predictions, teacher: Predictions) -> Tensor:
        most = student.logits.shape[1]
        taught = [
            _believed(logits, boxes, most=most)
            for logits, boxes in zip(teacher.logits, teacher.boxes, strict=True)
        ]
        given = {"logits": student.logits.float(), "pred_boxes": student.boxes.float()}
        wanted: list[Target] = [
            {"boxes": one.boxes, "class_labels": one.logits.argmax(dim=-1)} for one in taught
        ]
        matched = cast("Teachable", self.model).matcher(given, wanted)
        answers = [_rows(part, [mine for mine, _ in matched]) for part in given.values()]
        chosen = [its for _, its in matched]
        parts = ([one.logits for one in taught], [one.boxes for one in taught])
        asked = [_rows(part, chosen) for part in parts]
        if not len(asked[0]):
            return answers[0].sum()
        trust = asked[0].sigmoid().amax(dim=-1)
        classes = _OF_LOGITS[self._how.kind](answers[0], asked[0]).sum(dim=-1)
        return (trust * (classes + _boxes_apart(answers[1], asked[1]))).sum() / trust.sum()


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


def _believed(logits: Tensor, boxes: Tensor, *, most: int) -> Predictions:
    """What a teacher finds in one image with some confidence, the surest first."""
    logits, boxes = logits.float(), boxes.float()
    sure, rows = logits.sigmoid().amax(dim=-1).sort(descending=True)
    chosen = rows[sure >= _BELIEVED][:most]
    return Predictions(logits[chosen], boxes[chosen])


def _rows(parts: Iterable[Tensor], chosen: Sequence[Tensor]) -> Tensor:
    """Some candidates of each image, one after another."""
    return torch.cat([one[rows.to(one.device)] for one, rows in zip(parts, chosen, strict=True)])


def _sized(teacher: Tensor, student: Tensor) -> Tensor:
    if teacher.shape[-2:] == student.shape[-2:]:
        return teacher
    return interpolate(teacher, student.shape[-2:], mode="bilinear", align_corners=False)


def _boxes_apart(student: Tensor, teacher: Tensor) -> Tensor:
    """By box (n,), of boxes (n, 4) by centre and size."""
    corners = [box_convert(boxes, "cxcywh", "xyxy") for boxes in (student, teacher)]
    overlap = torch.diag(generalized_box_iou(*corners))
    return _BOXES * (student - teacher).abs().sum(dim=-1) + _OVERLAP * (1 - overlap)


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    """How much the teacher's probability of each class says beyond the student's."""
    return _ce(student, teacher) - _ce(teacher, teacher)


def _ce(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(student, teacher.sigmoid(), reduction="none")


def _l1(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.l1_loss(student, teacher, reduction="none")


def _l2(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.mse_loss(student, teacher, reduction="none")


def _cosine(student: Tensor, teacher: Tensor) -> Tensor:
    return 1 - functional.cosine_similarity(student.float(), teacher.float(), dim=1).mean()


_OF_LOGITS: dict[str, Compare] = {"KL": _kl, "CE": _ce, "L1": _l1, "L2": _l2}
_OF_FEATURES: dict[str, Compare] = {"FD": functional.smooth_l1_loss, "CS": _cosine}
