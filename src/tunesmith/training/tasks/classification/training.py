"""What trains a classifier: cross entropy, or a logistic regression on frozen features."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.utils import make_grid

from tunesmith.networks.classifier import Classifier
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.engine.training import Training, l1_penalty
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.classification.logistic import fit_logistic
from tunesmith.training.tasks.image_format import ImageFormat

_SHOWN = 16


class ClassificationTraining(Training[ImageBatch]):
    """A classifier and its cross entropy.

    Args:
        model: the classifier.
        form: what its images look like.
        smoothing: the share of each label that is spread over all classes.
        l1: what the sum of all weights' sizes counts in the loss; biases and normalisation are left out.
        penalised: the numbers of dimensions of the weights in that sum; None for all.
    """

    def __init__(
        self,
        model: nn.Module,
        form: ImageFormat,
        smoothing: float,
        l1: float = 0.0,
        penalised: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(model)
        self._form, self._smoothing, self._l1, self._penalised = form, smoothing, l1, penalised

    def forward(self, batch: ImageBatch) -> dict[str, Tensor]:
        """The loss of a batch; its labels are indices, or weights of classes."""
        logits = self.model(batch.images)
        loss = cross_entropy(logits, batch.labels, label_smoothing=self._smoothing)
        if self._l1:
            loss = loss + l1_penalty(self.model, self._l1, self._penalised)
        return {"loss": loss}

    def preview(self, batch: ImageBatch) -> Tensor | None:
        """The first images of a batch."""
        return cast("Tensor", make_grid(self._form.restore(batch.images[:_SHOWN]).cpu(), nrow=4))


class LogisticTraining(ClassificationTraining):
    """A classifier whose head is fitted once, on features that do not change; there is nothing to step."""

    def __init__(self, model: nn.Module, form: ImageFormat, smoothing: float) -> None:
        super().__init__(model, form, smoothing)
        model.requires_grad_(False)

    def prepare(self, batches: Iterable[ImageBatch], device: torch.device) -> None:
        """Fit the head on the features of all batches.

        Raises:
            SpecError: the backbone does not end in a linear layer.
        """
        model = cast("Classifier", self.model).eval()
        head = model.head
        if not isinstance(head, nn.Linear):
            rule = "must be a backbone that ends in a linear layer for a LogisticRegressionHead"
            raise SpecError([SpecProblem("model.backbone.type", rule, type(head).__name__)])
        features, labels = [], []
        with torch.no_grad():
            for batch in batches:
                features.append(model.features(batch.images.to(device)).float().flatten(1))
                labels.append(batch.labels.to(device))
        fit_logistic(head, torch.cat(features), torch.cat(labels))
