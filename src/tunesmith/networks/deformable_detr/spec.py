"""The spec of deformable_detr. Names, types, defaults and bounds are the published API's."""

from typing import Annotated

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, deformable, detection
from tunesmith.specs.fields import array, choice, flag, integer, number, section, text

BACKBONES = (
    "gc_vit_xxtiny",
    "gc_vit_xtiny",
    "gc_vit_tiny",
    "gc_vit_small",
    "gc_vit_base",
    "gc_vit_large",
    "gc_vit_large_384",
    "resnet_50",
)


class Model(Block):
    """The network."""

    pretrained_backbone_path: str = text(
        "", "Weights of the backbone: a file in the workspace (.pth or .safetensors)."
    )
    backbone: Annotated[str, Others(timm_names, TIMM_PREFIX)] = choice(
        "resnet_50",
        BACKBONES,
        "Backbone by its published name, or the name of any timm model; timm/NAME takes a name unseen.",
    )
    num_queries: int = integer(300, "Objects that the decoder looks for.", ge=1, automl=True)
    num_feature_levels: int = integer(4, "Feature maps that the transformer looks at.", ge=1, le=5)
    cls_loss_coef: float = number(
        2.0, "Weight of the classification loss, and of the class in matching.", ge=0
    )
    bbox_loss_coef: float = number(5.0, "Weight of the L1 loss of boxes, and of it in matching.", ge=0)
    giou_loss_coef: float = number(2.0, "Weight of the IoU loss of boxes, and of it in matching.", ge=0)
    with_box_refine: bool = flag(True, "Each layer of the decoder improves the boxes of the one before.")
    num_select: int = integer(300, "Detections kept of each image, the surest ones.", ge=1, automl=True)
    return_interm_indices: list[int] = array(
        [1, 2, 3, 4],
        "Stages of the backbone whose features are used; 0 is the first, 4 a further one of half the size.",
        automl=False,
    )
    focal_alpha: float = number(0.25, "Weight of objects in the classification loss.", math_cond="> 0.0")
    clip_max_norm: float = number(0.1, detection.CLIPPING)
    nheads: int = integer(8, "Attention heads.")
    dropout_ratio: float = number(0.3, "Share dropped out in transformer layers.", ge=0, le=1)
    hidden_dim: int = integer(256, "Width of the transformer.", automl=False)
    enc_layers: int = integer(6, "Layers of the encoder.", ge=1, automl=True)
    dec_layers: int = integer(6, "Layers of the decoder.", ge=1, automl=True)
    dim_feedforward: int = integer(1024, "Width of the feed-forward layers.", ge=1)
    dec_n_points: int = integer(4, "Points that a head of the decoder looks at in each map.", ge=1)
    enc_n_points: int = integer(4, "Points that a head of the encoder looks at in each map.", ge=1)
    aux_loss: bool = flag(True, "Every layer of the decoder has a loss of its own.")
    dilation: bool = flag(False, "The last stage of the backbone keeps the stride of the one before.")
    train_backbone: bool = flag(True, "Train the backbone too.")
    loss_types: list[str] = array(["labels", "boxes"], "Losses: labels and boxes.", automl=False)
    backbone_names: list[str] = array(
        ["backbone.0"], "Parameters that learn at lr_backbone, by part of name.", automl=False
    )
    linear_proj_names: list[str] = array(
        ["reference_points", "sampling_offsets"],
        "Parameters that learn at lr times lr_linear_proj_mult, by part of name.",
        automl=False,
    )


# The published type of these two lists differs by a sign that clients do not read.
class Augmentation(deformable.Augmentation):
    """How training images are varied, and the size of all images."""

    scales: list[int] = array(
        [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800],
        "Sizes of the shorter side of training images in pixels, one at random.",
        automl=False,
        kind="list_2",
    )


class Dataset(deformable.Dataset):
    """Images, boxes, batches and augmentation."""

    augmentation: Augmentation = section(Augmentation)


class Optimizer(deformable.Optimizer):
    """Optimiser and learning-rate schedule."""

    lr_steps: list[int] = array([40], "Epochs after which MultiStep falls.", automl=False, kind="list_2")
    lr_step_size: int = integer(40, "Epochs between two falls of StepLR.", ge=1, math_cond="> 0", automl=True)


class Train(deformable.Train):
    """The training loop."""

    optim: Optimizer = section(Optimizer)


class DeformableDetrSpec(common.Experiment):
    """deformable_detr."""

    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    evaluate: detection.Evaluate = section(detection.Evaluate)
    export: actions.Export = section(actions.Export)
    inference: detection.Inference = section(detection.Inference)
    gen_trt_engine: detection.GenTrtEngine = section(detection.GenTrtEngine)
