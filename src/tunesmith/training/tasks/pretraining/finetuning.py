"""Classification with an encoder that was pretrained without labels."""

from torch import nn

from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.classification.task import Classification
from tunesmith.training.tasks.learning import freeze


class Finetuning(Classification):
    """Tells classes of images apart; it goes on from its parent job's encoder, where it has a parent."""

    continues = True

    def training(self, model: nn.Module) -> Training[ImageBatch]:
        """Cross entropy; what the spec freezes does not learn."""
        freeze(model, self.spec.value("train.freeze"))
        return super().training(model)
