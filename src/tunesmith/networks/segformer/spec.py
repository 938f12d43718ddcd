"""The spec of segformer. Names, types, defaults and bounds are the published API's."""

from typing import Annotated, Any

from tunesmith.networks.backbones import TIMM_PREFIX
from tunesmith.networks.segformer.backbones import own_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, augmentation, common, train
from tunesmith.specs.blocks.optim import Optimizer
from tunesmith.specs.fields import array, choice, filled_in, flag, integer, number, section, table, text

FOLDERS = "images come from the datasets attached to the experiment"

BACKBONES = (
    "fan_tiny_8_p4_hybrid",
    "fan_large_16_p4_hybrid",
    "fan_small_12_p4_hybrid",
    "fan_base_16_p4_hybrid",
    "vit_large_nvdinov2",
    "vit_giant_nvdinov2",
    "vit_base_nvclip_16_siglip",
    "vit_huge_nvclip_14_siglip",
)

PALETTE = [
    {"label_id": 0, "mapping_class": "foreground", "rgb": [0, 0, 0], "seg_class": "foreground"},
    {"label_id": 1, "mapping_class": "background", "rgb": [1, 1, 1], "seg_class": "background"},
]


class Backbone(Block):
    """The feature extractor."""

    type: Annotated[str, Others(own_names, TIMM_PREFIX)] = choice(
        "fan_small_12_p4_hybrid",
        BACKBONES,
        "Backbone by its published name, mit_b0 to mit_b5 of SegFormer itself, or any timm model; "
        "timm/NAME takes a name unseen.",
    )
    feat_downsample: bool = flag(False, "Halve the last feature map.")
    pretrained_backbone_path: str = text(
        "", "Weights of the backbone: a file in the workspace (.pth or .safetensors)."
    )
    freeze_backbone: bool = flag(False, "Train the decoder alone.", automl=True)


class DecodeHead(Block):
    """SegFormer's decoder: it brings four feature maps to one width and one size, and mixes them."""

    in_channels: list[int] = array(
        [64, 128, 320, 512],
        "Widths of the feature maps.",
        automl=False,
        inert="the widths are the backbone's own",
    )
    in_index: list[int] = array([0, 1, 2, 3], "Which of the feature maps are used, from 0.", automl=False)
    feature_strides: list[int] = array(
        [4, 8, 16, 32],
        "Pixels of the image between two of each feature map. A backbone whose maps all have one stride is "
        "given these; others keep their own.",
        automl=False,
    )
    align_corners: bool = flag(False, "Whether maps are enlarged with their corners aligned.")
    decoder_params: dict[str, Any] = table(
        {"embed_dim": 768}, "embed_dim: the width that the maps are brought to.", automl=False
    )


class Model(Block):
    """The network."""

    backbone: Backbone = section(Backbone)
    decode_head: DecodeHead = section(DecodeHead)


class RandomColor(augmentation.RandomColor):
    """Vary colours."""

    hue: float = number(0.3, "Largest turn of hue, up to 0.5.", ge=0, le=0.5, math_cond="> 0.0", automl=True)


class Augmentation(Block):
    """How training images are varied, and how all images are normalised."""

    random_flip: augmentation.RandomFlip = section(augmentation.RandomFlip)
    random_rotate: augmentation.RandomRotate = section(augmentation.RandomRotate)
    random_color: RandomColor = section(RandomColor)
    with_scale_random_crop: augmentation.ScaleRandomCrop = section(augmentation.ScaleRandomCrop)
    with_random_blur: bool = flag(True, "Blur some images.")
    with_random_crop: bool = flag(True, "Cut out a random part of the image.")
    mean: list[float] = array([0.5, 0.5, 0.5], "Mean of each colour, 0 to 1.", automl=False)
    std: list[float] = array([0.5, 0.5, 0.5], "Deviation of each colour, 0 to 1.", automl=False)


class Segment(Block):
    """Images, masks, batches and augmentation."""

    root_dir: str = filled_in("Folder of the data.", inert=FOLDERS)
    dataset: str = choice("SFDataset", ["SFDataset"], "Kind of the reader.", inert=FOLDERS)
    num_classes: int = integer(
        2,
        "Number of classes; untouched like the palette, as many as the masks have.",
        ge=2,
        math_cond=">0",
    )
    img_size: int = integer(256, "Side of the square that images are scaled to, in pixels.")
    batch_size: int = integer(8, "Images a step, on each GPU where several train together.", ge=1)
    workers: int = integer(1, "Processes that load images.", ge=0)
    shuffle: bool = flag(True, "Take training images in random order.")
    train_split: str = text("train", "Split that is learnt from: train, val or test.")
    validation_split: str = text("val", "Split that a training is validated on.")
    test_split: str = text("val", "Split that is evaluated on.")
    predict_split: str = text("test", "Split that is predicted.")
    augmentation: Augmentation = section(Augmentation)
    label_transform: str = choice(
        "norm", ["norm", "None"], "norm: with two classes, 255 in masks is class 1 where nothing is 1."
    )
    palette: list[dict[str, Any]] = array(
        PALETTE,
        "What the values of masks mean: label_id (the value), mapping_class (the class; several may be one), "
        "rgb (its colour in pictures) and seg_class. Values that are not in it are refused, 255 is ignored.",
        automl=False,
    )


class Dataset(Block):
    """The data."""

    segment: Segment = section(Segment)


class Loss(Block):
    """What a training minimises."""

    loss: str = choice("ce", ["ce"], "Cross entropy of each pixel.")
    weights: list[float] = array(
        [0.5, 0.5, 0.5, 0.8, 1.0],
        "Weights of the losses at the single feature maps, the coarsest first, and of the output, the last.",
        automl=False,
    )


class Train(train.Train):
    """The training loop."""

    optim: Optimizer = section(Optimizer)
    pretrained_model_path: str = text("", "Weights of the whole model: a file in the workspace.")
    segment: Loss = section(Loss)
    tensorboard: train.TensorBoard = section(train.TensorBoard)


class Evaluate(actions.DrawnEvaluate):
    """Evaluation of a trained model."""

    batch_size: int = integer(8, "Images a step.", ge=1)


class Inference(actions.DrawnInference):
    """Predictions for images without masks."""

    batch_size: int = integer(8, "Images a step.", ge=1)


class Export(actions.Export):
    """Export to ONNX."""

    input_width: int = integer(544, "Width of the input in pixels; untouched, the trained width.", ge=32)
    input_height: int = integer(544, "Height of the input in pixels; untouched, the trained height.", ge=32)


class SegformerSpec(common.Experiment):
    """segformer."""

    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    evaluate: Evaluate = section(Evaluate)
    export: Export = section(Export)
    gen_trt_engine: actions.GenTrtEngine = section(actions.GenTrtEngine)
    inference: Inference = section(Inference)
