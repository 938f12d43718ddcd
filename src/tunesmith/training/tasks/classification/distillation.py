"""What trains a classifier with a larger one beside it (Hinton et al. 2015)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tunesmith.networks.classifier import Classifier
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.distilling import Taught

_TEMPERATURE = 2.0
_OF_FEATURES = frozenset({"FD", "CS"})

Compare = Callable[[Tensor, Tensor], Tensor]


class Distillation(Taught[ImageBatch]):
    """A student's own loss, and how far it is from its teacher.

    KL and CE compare the probabilities, L1 and L2 the logits, FD (smooth L1) and CS (cosine) the pooled
    features; where these differ in width, a linear layer that learns along leads from one to the other.

    Args:
        training: of the student alone.
        teacher: frozen, in evaluation mode.
        adapt: makes the teacher's images of the student's.
        kind: KL, CE, L1, L2, FD or CS.
        share: of the comparison in the loss, 0 to 1; the student's own loss has the rest.
    """

    def __init__(
        self,
        training: Training[ImageBatch],
        teacher: Classifier,
        adapt: Callable[[Tensor], Tensor],
        kind: str,
        share: float,
    ) -> None:
        super().__init__(training, teacher)
        self._adapt, self._compare, self._share = adapt, _COMPARISONS[kind], share
        self._taught = _Watched(teacher, features=kind in _OF_FEATURES)
        self._learnt = _Watched(training.model, features=kind in _OF_FEATURES)
        self.bridge: nn.Module = nn.Identity()
        if kind in _OF_FEATURES and (widths := (_width(training.model), _width(teacher)))[0] != widths[1]:
            self.bridge = nn.Linear(*widths)

    def forward(self, batch: ImageBatch) -> dict[str, Tensor]:
        """The loss, and its parts: own and teacher."""
        own = self.own(batch)["loss"]
        with torch.no_grad():
            self.teacher(self._adapt(batch.images))
        apart = self._compare(self.bridge(self._learnt.seen), self._taught.seen)
        return {"loss": (1 - self._share) * own + self._share * apart, "own": own, "teacher": apart}


class _Watched:
    """What a classifier gave last: logits (batch, classes), or features (batch, width) before its head."""

    seen: Tensor

    def __init__(self, model: nn.Module, *, features: bool) -> None:
        if features:
            _head(model).register_forward_pre_hook(self._keep_input)
        else:
            model.register_forward_hook(self._keep_output)

    def _keep_input(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.seen = inputs[0].flatten(1)

    def _keep_output(self, _: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        self.seen = output


def _head(model: nn.Module) -> nn.Module:
    assert isinstance(model, Classifier)  # noqa: S101 - the task builds no other
    return model.head


def _width(model: nn.Module) -> int:
    head = _head(model)
    if not isinstance(head, nn.Linear):
        rule = "must be KL, CE, L1 or L2 for backbones that do not end in a linear layer"
        raise SpecError([SpecProblem("distill.loss_type", rule, type(head).__name__)])
    return head.in_features


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    """How much the teacher's softened probabilities say beyond the student's."""
    asked = functional.log_softmax(teacher.float() / _TEMPERATURE, dim=1)
    given = functional.log_softmax(student.float() / _TEMPERATURE, dim=1)
    return _TEMPERATURE**2 * functional.kl_div(given, asked, reduction="batchmean", log_target=True)


def _ce(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.cross_entropy(student.float(), teacher.float().softmax(dim=1))


def _cosine(student: Tensor, teacher: Tensor) -> Tensor:
    return 1 - functional.cosine_similarity(student.float(), teacher.float(), dim=1).mean()


_COMPARISONS: dict[str, Compare] = {
    "KL": _kl,
    "CE": _ce,
    "L1": functional.l1_loss,
    "L2": functional.mse_loss,
    "FD": functional.smooth_l1_loss,
    "CS": _cosine,
}
