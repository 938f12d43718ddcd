"""The spec of classification_pyt. Names, types, defaults and bounds are the published API's."""

from typing import Annotated, Any

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, optim, results, train
from tunesmith.specs.blocks.augmentation import RandomColor, RandomFlip, RandomRotate, ScaleRandomCrop
from tunesmith.specs.fields import array, choice, filled_in, flag, integer, number, section, table, text

FOLDERS = "images come from the datasets attached to the experiment"

BACKBONES = (
    "fan_tiny_8_p4_hybrid",
    "fan_small_12_p4_hybrid",
    "fan_base_16_p4_hybrid",
    "fan_large_16_p4_hybrid",
    "fan_Xlarge_16_p4_hybrid",
    "fan_base_18_p16_224",
    "fan_tiny_12_p16_224",
    "fan_small_12_p16_224_se_attn",
    "fan_small_12_p16_224",
    "fan_large_24_p16_224",
    "vit_large_patch14_dinov2_swiglu",
    "vit_giant_patch14_reg4_dinov2_swiglu",
    "ViT-H-14-SigLIP-CLIPA-224",
    "ViT-L-14-SigLIP-CLIPA-336",
    "ViT-L-14-SigLIP-CLIPA-224",
    "c_radio_p1_vit_huge_patch16_mlpnorm",
    "c_radio_p2_vit_huge_patch16_mlpnorm",
    "c_radio_p3_vit_huge_patch16_mlpnorm",
    "c_radio_v2_vit_base_patch16",
    "c_radio_v2_vit_large_patch16",
    "c_radio_v2_vit_huge_patch16",
    "convnextv2_atto",
    "convnextv2_femto",
    "convnextv2_pico",
    "convnextv2_nano",
    "convnextv2_tiny",
    "convnextv2_base",
    "convnextv2_large",
    "convnextv2_huge",
    "gc_vit_xxtiny",
    "gc_vit_xtiny",
    "gc_vit_tiny",
    "gc_vit_small",
    "gc_vit_base",
    "gc_vit_large",
    "gc_vit_large_384",
)


class Backbone(Block):
    """The feature extractor."""

    type: Annotated[str, Others(timm_names, TIMM_PREFIX)] = choice(
        "fan_small_12_p4_hybrid",
        BACKBONES,
        "Backbone by its published name, or the name of any timm model; timm/NAME takes a name unseen.",
    )
    feat_downsample: bool = flag(
        False, "Halve the last feature map.", inert="timm's backbones keep their own stride"
    )
    pretrained_backbone_path: str = text(
        "", "Weights of the backbone: a file in the workspace (.pth or .safetensors)."
    )
    freeze_backbone: bool = flag(False, "Train the head alone.", automl=True)


class HeadLoss(Block):
    """What the head minimises."""

    type: str = choice("CrossEntropyLoss", ["CrossEntropyLoss"], "The loss.")
    label_smooth_val: float = number(0.0, "Share of a label spread over all classes.", ge=0, le=1)


class Head(Block):
    """The classifier on the backbone's features."""

    type: str = choice(
        "TAOLinearClsHead",
        ["TAOLinearClsHead", "LogisticRegressionHead"],
        "A linear layer, or a logistic regression fitted on frozen features.",
    )
    binary: bool = flag(False, "Two classes told apart by one output.")
    in_channels: int = integer(448, "Width of the features.", inert="the width is the backbone's own")
    custom_args: dict[str, Any] | None = table(None, "Further arguments of the backbone.", automl=False)
    loss: HeadLoss = section(HeadLoss)
    topk: list[int] = array([1], "The k of the top-k accuracies to report.", automl=False)


class Model(Block):
    """The network."""

    backbone: Backbone = section(Backbone)
    head: Head = section(Head)


class RandomErase(Block):
    """Blank a rectangle."""

    enable: bool = flag(True, "Blank rectangles.", automl=True)
    erase_probability: float = number(0.2, "Share of the images blanked.", ge=0, le=1, automl=True)


class RandomAug(Block):
    """A random chain of known augmentations (RandAugment, Cubuk et al. 2020)."""

    enable: bool = flag(True, "Apply RandAugment.", automl=True)


class Augmentation(Block):
    """How training images are varied, and how all images are normalised."""

    random_flip: RandomFlip = section(RandomFlip)
    random_rotate: RandomRotate = section(RandomRotate)
    random_color: RandomColor = section(RandomColor)
    random_erase: RandomErase = section(RandomErase)
    random_aug: RandomAug = section(RandomAug)
    with_scale_random_crop: ScaleRandomCrop = section(ScaleRandomCrop)
    with_random_blur: bool = flag(True, "Blur some images.")
    with_random_crop: bool = flag(True, "Cut out a random part of the image.")
    mean: list[float] = array([0.485, 0.456, 0.406], "Mean of each colour, 0 to 1.", automl=False)
    std: list[float] = array([0.229, 0.224, 0.225], "Deviation of each colour, 0 to 1.", automl=False)
    mixup_cutmix: bool = flag(False, "Mix pairs of images and labels (Zhang 2018; Yun 2019).")
    mixup_alpha: float = number(0.4, "Strength of the mixing.", ge=0, le=1)


class ImageFolder(Block):
    """A folder of images."""

    images_dir: str = text("/data", "Folder of the images.", inert=FOLDERS)


class UnlabelledFolder(Block):
    """Images without labels."""

    folder_path: str = text("", "Folder of the images.", inert=FOLDERS)


class Dataset(Block):
    """Images, batches and augmentation."""

    root_dir: str = text("", "Folder of the data.", inert=FOLDERS)
    dataset: str = choice("CLDataset", ["Dataset"], "Kind of the reader.", inert=FOLDERS)
    num_classes: int = integer(
        20, "Number of classes; untouched, those of classes.txt.", ge=0, math_cond=">=0"
    )
    img_size: int = integer(224, "Side of the square that images are scaled to, in pixels.")
    batch_size: int = integer(
        8, "Images a step, on each GPU where several train together.", ge=1, automl=True
    )
    workers: int = integer(1, "Processes that load images.", ge=0, automl=True)
    shuffle: bool = flag(True, "Take training images in random order.")
    augmentation: Augmentation = section(Augmentation)
    train_dataset: ImageFolder = section(ImageFolder)
    train_nolabel: UnlabelledFolder = section(UnlabelledFolder)
    val_dataset: ImageFolder = section(ImageFolder)
    test_dataset: ImageFolder = section(ImageFolder)
    classes_file: str = text("", "File of the class names.", inert=FOLDERS)


class Optimizer(optim.Optimizer):
    """Optimiser and learning-rate schedule."""

    policy: str = choice("linear", ["linear", "step", "cosine", "multistep"], "How the learning rate falls.")
    policy_params: dict[str, Any] = table(
        {"step_size": 30, "gamma": 0.1},
        "step_size (epochs), gamma and milestones of the policy.",
        automl=False,
    )
    betas: list[float] = array([0.9, 0.999], "Averaging rates of adam and adamw.", automl=True)
    skip_names: list[str] = array([], "Parameters without weight decay, by part of name.", automl=False)
    warmup_epochs: int = integer(0, "Epochs in which the learning rate rises.", ge=0)


class Train(train.Train):
    """The training loop."""

    optim: Optimizer = section(Optimizer)
    pretrained_model_path: str = text("", "Weights of the whole model: a file in the workspace.")
    tensorboard: train.TensorBoard = section(train.TensorBoard)
    enable_ema: bool = flag(False, "Keep and validate a running average of the weights.")
    ema_decay: float = number(0.998, "Share of the average kept at each step.")
    clip_grad_norm: float = number(2.0, "Largest norm of the gradient; 0 leaves it alone.")


class Distill(Block):
    """Learning from a larger model."""

    teacher: Model = section(Model)
    pretrained_teacher_model_path: str = filled_in(
        "The teacher: a file in the workspace; the parent job's model, if left as it is."
    )
    loss_type: str = choice(
        "KL", ["KL", "CE", "L1", "L2", "FD", "CS"], "How student and teacher are compared."
    )
    loss_lambda: float = number(0.5, "Weight of the comparison.", ge=0, le=1, math_cond="> 0.0 <= 1.0")
    results_dir: results.Folder = results.folder()


class ClassificationSpec(common.Experiment):
    """classification_pyt."""

    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    distill: Distill = section(Distill)
    evaluate: actions.DrawnEvaluate = section(actions.DrawnEvaluate)
    export: actions.Export = section(actions.Export)
    gen_trt_engine: actions.GenTrtEngine = section(actions.GenTrtEngine)
    inference: actions.DrawnInference = section(actions.DrawnInference)
