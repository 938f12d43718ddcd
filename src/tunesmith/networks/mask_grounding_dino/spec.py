"""The spec of mask_grounding_dino. Names, types, defaults and bounds are the published API's."""

from tunesmith.networks.grounding_dino import spec as grounding_dino
from tunesmith.specs.fields import array, flag, number, section


class Model(grounding_dino.Model):
    """The network."""

    loss_types: list[str] = array(
        ["labels", "boxes", "masks"], "Losses: labels, boxes and masks.", automl=False
    )
    has_mask: bool = flag(True, "Predict masks too.")
    mask_loss_coef: float = number(2.0, "Weight of the cross-entropy of masks.", ge=0)
    dice_loss_coef: float = number(5.0, "Weight of the overlap of masks (dice).", ge=0)


class Dataset(grounding_dino.Dataset):
    """Images, boxes, masks, words and batches."""

    has_mask: bool = flag(True, "Annotations have masks; objects without one are left out.")


class MaskGroundingDinoSpec(grounding_dino.GroundingDinoSpec):
    """mask_grounding_dino."""

    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
