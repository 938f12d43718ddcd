"""The spec of rtdetr. Names, types, defaults and bounds are the published API's."""

from typing import Annotated

from pydantic import Field

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, detection
from tunesmith.specs.blocks.optim import MONITOR
from tunesmith.specs.fields import array, choice, flag, integer, number, section, table, text

BACKBONES = (
    "resnet_18",
    "resnet_34",
    "resnet_50",
    "resnet_101",
    "convnext_tiny",
    "convnext_small",
    "convnext_base",
    "convnext_large",
    "convnext_xlarge",
    "fan_tiny",
    "fan_small",
    "fan_base",
    "fan_large",
    "efficientvit_b0",
    "efficientvit_b1",
    "efficientvit_b2",
    "efficientvit_b3",
    "efficientvit_l0",
    "efficientvit_l1",
    "efficientvit_l2",
    "efficientvit_l3",
)


class FrozenFoundation(Block):
    """Features of a foundation model that does not learn, beside the backbone's."""

    enabled: bool = flag(False, "Add the foundation model's features.")
    backbone: str = choice("radio_v2-l", ["radio_v2-b", "radio_v2-l", "radio_v2-h"], "The foundation model.")
    checkpoint: str = text("", "Its weights: a file in the workspace (.pth or .safetensors).")


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
    train_backbone: bool = flag(True, "Train the backbone too.")
    load_teacher_enc_dec: bool = flag(
        False, "Distillation begins with the teacher's encoder and decoder, where shapes agree."
    )
    num_queries: int = integer(300, "Objects that the decoder looks for.", ge=1, automl=True)
    num_select: int = integer(300, "Detections kept of each image, the surest ones.", ge=1, automl=True)
    num_feature_levels: int = integer(3, "Feature maps that the decoder looks at.", ge=1, le=4)
    return_interm_indices: list[int] = array(
        [1, 2, 3], "Stages of the backbone whose features are used; 0 is the first.", automl=False
    )
    feat_strides: list[int] = array(
        [8, 16, 32], "Strides of these stages; untouched, the backbone's own.", automl=False
    )
    feat_channels: list[int] = array(
        [256, 256, 256], "Width of the encoder's feature maps; untouched, hidden_dim.", automl=False
    )
    use_encoder_idx: list[int] = array(
        [2], "Feature maps that go through the transformer encoder, by place.", automl=False
    )
    hidden_dim: int = integer(256, "Width of the transformer.", automl=False)
    nheads: int = integer(8, "Attention heads.")
    dropout_ratio: float = number(0.0, "Share dropped out in transformer layers.", ge=0, le=1)
    enc_layers: int = integer(1, "Transformer layers of the encoder for each feature map.", ge=1, automl=True)
    dim_feedforward: int = integer(1024, "Width of the feed-forward layers.", ge=1)
    pe_temperature: int = integer(10000, "Temperature of the position encoding.", ge=1)
    expansion: Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0)] = integer(
        1, "Width of the fusion blocks, as a share of the encoder's; fractions are an extension of ours."
    )
    depth_mult: int = integer(1, "Depth of the fusion blocks, in threes of convolutions.", ge=1)
    enc_act: str = text("gelu", "Activation of the transformer encoder.")
    act: str = text("silu", "Activation of the fusion blocks.")
    dec_layers: int = integer(6, "Layers of the decoder.", ge=1, automl=True)
    dn_number: int = integer(100, "Noisy queries a step, from which boxes are restored.", ge=0)
    eval_idx: int = integer(-1, "Layer of the decoder that predicts; -1 is the last.", ge=-1)
    vfl_loss_coef: float = number(1.0, "Weight of the classification loss.", ge=0)
    bbox_loss_coef: float = number(5.0, "Weight of the L1 loss of boxes.", ge=0)
    giou_loss_coef: float = number(2.0, "Weight of the IoU loss of boxes.", ge=0)
    class_cost: float = number(2.0, "Weight of the class in matching.", ge=0)
    bbox_cost: float = number(5.0, "Weight of the L1 distance in matching.", ge=0)
    giou_cost: float = number(2.0, "Weight of the IoU in matching.", ge=0)
    alpha: float = number(0.75, "Weight of what is no object in the classification loss.", math_cond="> 0.0")
    gamma: float = number(2.0, "How little easy predictions count.", math_cond="> 0.0")
    clip_max_norm: float = number(0.1, detection.CLIPPING)
    aux_loss: bool = flag(True, "Every layer of the decoder has a loss of its own.")
    loss_types: list[str] = array(
        ["vfl", "boxes"], "Losses: vfl, focal or bce of classes, and boxes.", automl=False
    )
    backbone_names: list[str] = array(
        ["backbone.0"], "Parameters that learn at lr_backbone, by part of name.", automl=False
    )
    linear_proj_names: list[str] = array(
        ["reference_points", "sampling_offsets"],
        "Projections, by part of name.",
        automl=False,
        inert="this network has no learning rate of its own for them",
    )
    distillation_loss_coef: float = number(
        1.0, "Weight of the comparison with the teacher, in distillation.", ge=0
    )
    frozen_fm: FrozenFoundation = section(FrozenFoundation)


class Augmentation(Block):
    """How training images are varied, and the size of all images."""

    multi_scales: list[int] = array(
        [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800],
        "Sides of the square that a training batch is scaled to, one at random; none keeps "
        "train_spatial_size.",
        automl=False,
    )
    train_spatial_size: list[int] = array([640, 640], "Height and width of training images.", automl=False)
    eval_spatial_size: list[int] = array([640, 640], "Height and width of all other images.", automl=False)
    distortion_prob: float = number(
        0.8, "Share of the images whose colours are distorted.", ge=0, le=1, automl=True
    )
    iou_crop_prob: float = number(
        0.8,
        "Share of the images cropped around their boxes; half of them at most are made smaller before.",
        ge=0,
        le=1,
        automl=True,
    )
    preserve_aspect_ratio: bool = flag(False, "Scale without distortion, and fill up with black.")


class Dataset(detection.Dataset):
    """Images, boxes, batches and augmentation."""

    remap_mscoco_category: bool = flag(
        False,
        "Number MS COCO's categories without gaps.",
        inert="categories are always numbered without gaps",
    )
    augmentation: Augmentation = section(Augmentation)


class Optimizer(Block):
    """Optimiser and learning-rate schedule."""

    optimizer: str = choice("AdamW", ["AdamW", "SGD"], "The optimiser.")
    monitor_name: str = choice(
        "val_loss",
        ["val_loss", "train_loss"],
        MONITOR,
    )
    lr: float = number(1e-4, "Learning rate.", ge=0, math_cond="> 0.0", automl=True)
    lr_backbone: float = number(1e-5, "Learning rate of the backbone.", ge=0, math_cond="> 0.0", automl=True)
    momentum: float = number(0.9, "Momentum of SGD.", ge=0, math_cond="> 0.0", automl=True)
    weight_decay: float = number(1e-4, "Weight decay.", ge=0, math_cond="> 0.0", automl=True)
    lr_scheduler: str = choice("MultiStep", ["MultiStep", "StepLR"], "How the learning rate falls.")
    lr_steps: list[int] = array([1000], "Epochs after which MultiStep falls.", automl=False)
    lr_step_size: int = integer(
        1000, "Epochs between two falls of StepLR.", ge=1, math_cond="> 0", automl=True
    )
    lr_decay: float = number(0.1, "Factor of each fall.", ge=0, math_cond="> 0.0", automl=True)
    warmup_steps: int = integer(0, "Steps in which the learning rate rises.", ge=0)


class Train(detection.Train):
    """The training loop."""

    enable_ema: bool = flag(False, "Keep and validate a running average of the weights.")
    ema: detection.Averaging = section(detection.Averaging)
    optim: Optimizer = section(Optimizer)
    precision: str = choice(
        "fp32",
        ["bf16", "fp32", "fp16", "auto"],
        "Number format of the computation. auto, an extension of ours, probes the machine and takes bf16 "
        "where it is faster and as sound.",
    )


class TensorRT(detection.TensorRT):
    """How the engine is built."""

    max_batch_size: int = integer(4, "Largest batch the engine takes.", ge=1)


class GenTrtEngine(detection.GenTrtEngine):
    """Compilation to an engine for one machine."""

    tensorrt: TensorRT = section(TensorRT)


class Distill(detection.Distill):
    """Learning from a larger model."""

    teacher: Model = section(Model)


class RtdetrSpec(common.Experiment):
    """rtdetr."""

    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    distill: Annotated[Distill | None, detection.AS_OBJECT] = table(
        None,
        "Learning from a larger model: teacher (keys as in model), pretrained_teacher_model_path, loss_type.",
        automl=False,
    )
    evaluate: detection.Evaluate = section(detection.Evaluate)
    export: actions.Export = section(actions.Export)
    inference: detection.Inference = section(detection.Inference)
    gen_trt_engine: GenTrtEngine = section(GenTrtEngine)
