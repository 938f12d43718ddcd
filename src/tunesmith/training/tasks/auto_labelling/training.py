"""What trains mal: boxes alone."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.utils import draw_bounding_boxes, make_grid

from tunesmith.networks.mal.losses import affinities, crf_losses, mean_field, mil_losses
from tunesmith.networks.mal.model import MaskAutoLabeller
from tunesmith.networks.mal.spec import Train
from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.auto_labelling.crops import CropBatch, rasterise
from tunesmith.training.tasks.image_format import ImageFormat

_SHOWN = 16


class AutoLabellingTraining(Training[CropBatch]):
    """Student and teacher, and the losses of the student.

    Args:
        model: a MaskAutoLabeller.
        form: what its crops look like.
        spec: the section train.
    """

    steps: Tensor

    def __init__(self, model: nn.Module, form: ImageFormat, spec: Train) -> None:
        super().__init__(model)
        self._form, self._spec = form, spec
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: CropBatch) -> dict[str, Tensor]:
        """The loss of a batch: mil holds rows and columns against the box, crf the mask against colours."""
        model, spec = cast("MaskAutoLabeller", self.model), self._spec
        if self.training:
            model.follow()
            self.steps += 1
        masks = model.student(batch.crops).float().sigmoid()
        with torch.no_grad():
            taught = model.teacher(batch.crops).float().sigmoid()
        inside = rasterise(batch.boxes, batch.crops.shape[-1], *masks.shape[-2:])
        mil = mil_losses(masks, inside).mean()
        crf = self._crf(batch, masks, taught, inside).mean()
        loss = (
            spec.loss_mil_weight * self._risen(spec.loss_mil_step) * mil
            + spec.loss_crf_weight * self._risen(spec.loss_crf_step) * crf
        )
        return {"loss": loss, "loss_mil": mil.detach(), "loss_crf": crf.detach()}

    def preview(self, batch: CropBatch) -> Tensor | None:
        """The first crops of a batch with their boxes."""
        shown = [
            draw_bounding_boxes((crop * 255).to(torch.uint8), box[None].round(), colors="red", width=3)
            for crop, box in zip(
                self._form.restore(batch.crops[:_SHOWN]).cpu(), batch.boxes[:_SHOWN].cpu(), strict=True
            )
        ]
        return cast("Tensor", make_grid(torch.stack(shown).float() / 255, nrow=4))

    def _crf(self, batch: CropBatch, masks: Tensor, taught: Tensor, inside: Tensor) -> Tensor:
        spec, ratio = self._spec, self._spec.crf_size_ratio
        size = (max(1, masks.shape[-2] // ratio), max(1, masks.shape[-1] // ratio))
        masks, taught, inside = (_scaled(one, size) for one in (masks, taught, inside))
        with torch.no_grad():
            colours = interpolate(self._form.restore(batch.crops), size, mode="area")
            alike = affinities(colours, spec.crf_kernel_size, spec.crf_zeta)
            means = (masks + taught) / 2
            suggested = mean_field(means, inside.round(), alike, spec.crf_kernel_size, spec.crf_num_iter)
        return crf_losses(masks, suggested, spec.crf_value_high_thres, spec.crf_value_low_thres)

    def _risen(self, steps: int) -> Tensor:
        """From 0 to 1 over so many steps."""
        return (self.steps / max(1, steps)).clamp(max=1.0)


def _scaled(masks: Tensor, size: tuple[int, int]) -> Tensor:
    if masks.shape[-2:] == size:
        return masks
    return interpolate(masks[:, None], size, mode="area")[:, 0]
