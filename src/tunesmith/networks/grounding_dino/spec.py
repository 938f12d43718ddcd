"""The spec of grounding_dino. Names, types, defaults and bounds are the published API's."""

from typing import Annotated, Any

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, deformable, detection
from tunesmith.specs.blocks.optim import MONITOR
from tunesmith.specs.fields import array, choice, flag, integer, number, section, table, text

BACKBONES = (
    "swin_tiny_224_1k",
    "swin_base_224_22k",
    "swin_base_384_22k",
    "swin_large_224_22k",
    "swin_large_384_22k",
    "resnet_50",
)
_SOURCE = {"image_dir": "", "json_file": ""}


class Model(Block):
    """The network."""

    pretrained_backbone_path: str = text(
        "", "Weights of the backbone: a file in the workspace (.pth or .safetensors)."
    )
    backbone: Annotated[str, Others(timm_names, TIMM_PREFIX)] = choice(
        "swin_tiny_224_1k",
        BACKBONES,
        "Backbone by its published name, or the name of any timm model; timm/NAME takes a name unseen.",
        popular=True,
    )
    num_queries: int = integer(900, "Objects that the decoder looks for.", ge=1, popular=True)
    num_feature_levels: int = integer(4, "Feature maps that the transformer looks at.", ge=1, le=5)
    set_cost_class: float = number(1.0, "Weight of the words in matching.", ge=0, popular=True)
    set_cost_bbox: float = number(5.0, "Weight of the L1 distance in matching.", ge=0, popular=True)
    set_cost_giou: float = number(2.0, "Weight of the IoU in matching.", ge=0, popular=True)
    cls_loss_coef: float = number(2.0, "Weight of the loss of the words.", ge=0, popular=True)
    bbox_loss_coef: float = number(5.0, "Weight of the L1 loss of boxes.", ge=0, popular=True)
    giou_loss_coef: float = number(2.0, "Weight of the IoU loss of boxes.", ge=0, popular=True)
    num_select: int = integer(
        300, "Detections kept of each image, the surest ones.", ge=1, automl=True, popular=True
    )
    interm_loss_coef: float = number(1.0, "Weight of the losses of the encoder's proposals.")
    no_interm_box_loss: bool = flag(False, "The encoder's proposals have no loss of boxes.")
    pre_norm: bool = flag(False, "Normalise what the encoder gives.")
    two_stage_type: str = choice(
        "standard", ["standard", "no"], "Boxes begin at the encoder's proposals, or at learnt places."
    )
    decoder_sa_type: str = choice(
        "sa",
        ["sa", "ca_label", "ca_content"],
        "What queries look at first: one another, the words, or the image.",
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
    use_dn: bool = flag(True, "Learn to restore boxes from noise too, where dn_number asks for it.")
    dn_number: int = integer(0, "Noisy queries a step, from which boxes are restored.", ge=0)
    dn_box_noise_scale: float = number(1.0, "How far noise moves boxes, in shares of half their sides.", ge=0)
    dn_label_noise_ratio: float = number(0.5, "Share of the noisy queries with another label.", ge=0)
    focal_alpha: float = number(0.25, "Weight of an object's words in their loss.", math_cond="> 0.0")
    focal_gamma: float = number(2.0, "How little easy predictions count.", math_cond="> 0.0")
    clip_max_norm: float = number(0.1, detection.CLIPPING)
    nheads: int = integer(8, "Attention heads; words have half as many.")
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
    text_encoder_type: str = text(
        "bert-base-uncased",
        "The BERT that reads the words: a folder in the workspace with config.json, a tokenizer and weights, "
        "or a name whose files lie in the server's cache of the hub.",
    )
    max_text_len: int = integer(256, "Tokens of a text at most.", ge=1)
    class_embed_bias: bool = flag(False, "Scores of words begin low, at a learnt bias.")
    log_scale: str = text(
        "none",
        "What scores of words are multiplied by: none; auto, one over the root of hidden_dim; or the "
        "logarithm that a learnt factor begins with.",
    )
    loss_types: list[str] = array(["labels", "boxes"], "Losses: labels and boxes.", automl=False)
    backbone_names: list[str] = array(
        ["backbone.0", "bert"], "Parameters that learn at lr_backbone, by part of name.", automl=False
    )
    linear_proj_names: list[str] = array(
        ["reference_points", "sampling_offsets"],
        "Parameters that learn at lr times lr_linear_proj_mult, by part of name.",
        automl=False,
    )


class Dataset(Block):
    """Images, boxes, words and batches."""

    train_data_sources: list[dict[str, Any]] = array(
        [_SOURCE | {"label_map": ""}, _SOURCE],
        "Images and annotations to learn from.",
        automl=False,
        inert=detection.SOURCES,
    )
    val_data_sources: dict[str, Any] = table(
        _SOURCE, "Images and annotations to validate on.", automl=False, inert=detection.SOURCES
    )
    test_data_sources: dict[str, Any] = table(
        _SOURCE, "Images and annotations to evaluate on.", automl=False, inert=detection.SOURCES
    )
    infer_data_sources: dict[str, Any] = table(
        {"image_dir": [""], "captions": [""]},
        "captions: what to look for, a phrase each; none looks for the classes of the training. Images come "
        "from the dataset attached to the experiment.",
        automl=False,
    )
    batch_size: int = integer(4, "Images a step, on each GPU where several train together.", ge=1)
    workers: int = integer(8, "Processes that load images.", ge=1)
    pin_memory: bool = flag(True, "Keep batches in memory that a GPU reads by itself.")
    dataset_type: str = choice(
        "serialized",
        ["serialized", "default"],
        "How annotations lie in memory.",
        inert=detection.EITHER_WAY,
    )
    max_labels: int = integer(
        50,
        "Classes in the text of a training image at most: those it shows, and others at random.",
        ge=1,
        math_cond=">0",
    )
    eval_class_ids: list[int] = array(
        [1], "Category ids to evaluate on; untouched, all of them.", automl=False
    )
    augmentation: deformable.Augmentation = section(deformable.Augmentation)


class Optimizer(Block):
    """Optimiser and learning-rate schedule."""

    optimizer: str = choice("AdamW", ["AdamW", "SGD"], "The optimiser.")
    monitor_name: str = choice(
        "val_loss",
        ["val_loss", "train_loss"],
        MONITOR,
    )
    lr: float = number(2e-4, "Learning rate.", ge=0, automl=True)
    lr_backbone: float = number(
        2e-5, "Learning rate of the backbone and of the text encoder.", ge=0, automl=True, popular=True
    )
    lr_linear_proj_mult: float = number(
        0.1, "Factor of the projections' learning rate.", ge=0, automl=True, popular=True
    )
    momentum: float = number(0.9, "Momentum of SGD.", ge=0, automl=True, popular=True)
    weight_decay: float = number(1e-4, "Weight decay.", ge=0, automl=True, popular=True)
    lr_scheduler: str = choice("MultiStep", ["MultiStep", "StepLR"], "How the learning rate falls.")
    lr_steps: list[int] = array([10], "Epochs after which MultiStep falls.", automl=False)
    lr_step_size: int = integer(10, "Epochs between two falls of StepLR.", ge=0, automl=True)
    lr_decay: float = number(0.1, "Factor of each fall.", ge=0, automl=True)


class Train(detection.Train):
    """The training loop."""

    optim: Optimizer = section(Optimizer)
    precision: str = choice(
        "fp32",
        ["fp16", "fp32", "bf16", "auto"],
        "Number format of the computation. auto, an extension of ours, probes the machine and takes bf16 "
        "where it is faster and as sound.",
    )


class TensorRT(actions.Engine):
    """How the engine is built."""

    workspace_size: int = integer(8192, "Memory that the builder may use, in MiB.", ge=0)
    max_batch_size: int = integer(4, "Largest batch the engine takes.", ge=1)
    data_type: str = choice("FP32", ["FP32", "FP16"], "Number format.")


class GenTrtEngine(actions.EngineFiles):
    """Compilation to an engine for one machine."""

    tensorrt: TensorRT = section(TensorRT)


class GroundingDinoSpec(common.Experiment):
    """grounding_dino."""

    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    evaluate: detection.Evaluate = section(detection.Evaluate)
    export: actions.Export = section(actions.Export)
    inference: detection.Inference = section(detection.Inference)
    gen_trt_engine: GenTrtEngine = section(GenTrtEngine)
