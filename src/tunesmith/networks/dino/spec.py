"""The spec of dino. Names, types, defaults and bounds are the published API's."""

from typing import Annotated

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, deformable, detection
from tunesmith.specs.fields import array, choice, flag, integer, number, section, table, text

BACKBONES = (
    "fan_tiny",
    "fan_small",
    "fan_base",
    "fan_large",
    "gc_vit_xxtiny",
    "gc_vit_xtiny",
    "gc_vit_tiny",
    "gc_vit_small",
    "gc_vit_base",
    "gc_vit_large",
    "gc_vit_large_384",
    "vit_large_nvdinov2",
    "vit_large_dinov2",
    "swin_tiny_224_1k",
    "swin_base_224_22k",
    "swin_base_384_22k",
    "swin_large_224_22k",
    "swin_large_384_22k",
    "resnet_34",
    "resnet_50",
    "efficientvit_b0",
    "efficientvit_b1",
    "efficientvit_b2",
    "efficientvit_b3",
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
    num_select: int = integer(300, "Detections kept of each image, the surest ones.", ge=1, automl=True)
    interm_loss_coef: float = number(1.0, "Weight of the losses of the encoder's proposals.", ge=0)
    no_interm_box_loss: bool = flag(False, "The encoder's proposals have no loss of boxes.")
    pre_norm: bool = flag(False, "Normalise what the encoder gives.")
    two_stage_type: str = choice(
        "standard", ["standard", "no"], "Boxes begin at the encoder's proposals, or at learnt places."
    )
    decoder_sa_type: str = choice(
        "sa",
        ["sa", "ca_label", "ca_content"],
        "What queries look at first: one another, the classes, or the image.",
    )
    embed_init_tgt: bool = flag(True, "Contents of queries are learnt, and not the encoder's.")
    fix_refpoints_hw: int = integer(
        -1,
        "Of learnt places: -1 learns width and height of each, -2 one for all; a positive number is the "
        "logit of both.",
        ge=-2,
        math_cond="!= 0",
    )
    pe_temperatureH: int = integer(20, "Temperature of the position encoding, downwards.", ge=1)  # noqa: N815
    pe_temperatureW: int = integer(20, "Temperature of the position encoding, across.", ge=1)  # noqa: N815
    return_interm_indices: list[int] = array(
        [1, 2, 3, 4],
        "Stages of the backbone whose features are used; 0 is the first, 4 a further one of half the size.",
        automl=False,
    )
    use_dn: bool = flag(True, "Learn to restore boxes from noise too.")
    dn_number: int = integer(100, "Noisy queries a step, from which boxes are restored.", ge=1)
    dn_box_noise_scale: float = number(1.0, "How far noise moves boxes, in shares of their sides.", ge=0)
    dn_label_noise_ratio: float = number(0.5, "Share of the noisy queries with another label.", ge=0)
    focal_alpha: float = number(0.25, "Weight of objects in the classification loss.", math_cond="> 0.0")
    clip_max_norm: float = number(0.1, detection.CLIPPING)
    nheads: int = integer(8, "Attention heads.")
    dropout_ratio: float = number(0.0, "Share dropped out in transformer layers.", ge=0, le=1)
    hidden_dim: int = integer(256, "Width of the transformer.", automl=False)
    enc_layers: int = integer(6, "Layers of the encoder.", ge=1, automl=True)
    dec_layers: int = integer(6, "Layers of the decoder.", ge=1, automl=True)
    dim_feedforward: int = integer(2048, "Width of the feed-forward layers.", ge=1)
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
    distillation_loss_coef: float = number(
        1.0, "Weight of the comparison with the teacher, in distillation.", ge=0
    )


class Optimizer(deformable.Optimizer):
    """Optimiser and learning-rate schedule."""

    layer_decay_rate: float = number(
        0.65,
        "Factor of the learning rate from a layer of a vision transformer to the one before.",
        ge=0,
        math_cond="> 0.0",
        automl=True,
    )


class Train(deformable.Train):
    """The training loop."""

    conf_threshold: float = number(
        0.0, "Confidence below which detections do not count in validation.", ge=0, le=1
    )
    optim: Optimizer = section(Optimizer)


class Distill(detection.Distill):
    """Learning from a larger model."""

    teacher: Model = section(Model)


class DinoSpec(common.Experiment):
    """dino."""

    model: Model = section(Model)
    dataset: deformable.Dataset = section(deformable.Dataset)
    train: Train = section(Train)
    distill: Annotated[Distill | None, detection.AS_OBJECT] = table(
        None,
        "Learning from a larger model: teacher (keys as in model), pretrained_teacher_model_path, loss_type.",
        automl=False,
    )
    evaluate: detection.Evaluate = section(detection.Evaluate)
    export: actions.Export = section(actions.Export)
    inference: detection.Inference = section(detection.Inference)
    gen_trt_engine: detection.GenTrtEngine = section(detection.GenTrtEngine)
