"""What the specs of the detectors with deformable attention share: DETR's augmentation, rates, scheduler."""

from typing import Any

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import detection
from tunesmith.specs.blocks.optim import MONITOR
from tunesmith.specs.fields import array, choice, flag, integer, number, section

_SOURCE = {"image_dir": "", "json_file": ""}


class Augmentation(Block):
    """How training images are varied, and the size of all images."""

    scales: list[int] = array(
        [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800],
        "Sizes of the shorter side of training images in pixels, one at random.",
        automl=False,
    )
    input_mean: list[float] = array([0.485, 0.456, 0.406], "Mean of each colour, 0 to 1.", automl=False)
    input_std: list[float] = array([0.229, 0.224, 0.225], "Deviation of each colour, 0 to 1.", automl=False)
    train_random_resize: list[int] = array(
        [400, 500, 600], "Sizes of the shorter side before a part is cut out.", automl=False
    )
    horizontal_flip_prob: float = number(0.5, "Share mirrored left to right.", ge=0, le=1, automl=True)
    train_random_crop_min: int = integer(384, "Smallest side of the part that is cut out.", ge=1, automl=True)
    train_random_crop_max: int = integer(600, "Largest side of the part that is cut out.", ge=1, automl=True)
    random_resize_max_size: int = integer(1333, "Largest longer side of any image.", ge=1, automl=True)
    test_random_resize: int = integer(800, "Shorter side of all but training images.", ge=1, automl=True)
    fixed_padding: bool = flag(
        True, "Fill all images up to one size: the largest of scales by random_resize_max_size."
    )
    fixed_random_crop: int = integer(
        1024,
        "Side of the square that images are jittered in scale and cut to; untouched, the crops above.",
        ge=1,
    )


class Dataset(detection.Dataset):
    """Images, boxes, batches and augmentation."""

    train_sampler: str = choice(
        "default_sampler",
        ["default_sampler", "non_uniform_sampler", "uniform_sampler"],
        "uniform_sampler takes as many images of each dataset, repeating those of small ones; the others "
        "take each image once.",
    )
    val_data_sources: list[dict[str, Any]] = array(
        [_SOURCE], "Images and annotations to validate on.", automl=False, inert=detection.SOURCES
    )
    num_classes: int = integer(
        91,
        "Number of classes, or one more; untouched, the number of the dataset's categories.",
        ge=1,
        math_cond=">0",
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
    lr: float = number(2e-4, "Learning rate.", ge=0, math_cond="> 0.0", automl=True)
    lr_backbone: float = number(2e-5, "Learning rate of the backbone.", ge=0, math_cond="> 0.0", automl=True)
    lr_linear_proj_mult: float = number(
        0.1, "Factor of the projections' learning rate.", ge=0, math_cond="> 0.0", automl=True
    )
    momentum: float = number(0.9, "Momentum of SGD.", ge=0, math_cond="> 0.0", automl=True)
    weight_decay: float = number(1e-4, "Weight decay.", ge=0, math_cond="> 0.0", automl=True)
    lr_scheduler: str = choice("MultiStep", ["MultiStep", "StepLR"], "How the learning rate falls.")
    lr_steps: list[int] = array([11], "Epochs after which MultiStep falls.", automl=False)
    lr_step_size: int = integer(11, "Epochs between two falls of StepLR.", ge=1, math_cond="> 0", automl=True)
    lr_decay: float = number(0.1, "Factor of each fall.", ge=0, math_cond="> 0.0", automl=True)


class Train(detection.Train):
    """The training loop."""

    optim: Optimizer = section(Optimizer)
    precision: str = choice(
        "fp32",
        ["fp16", "fp32", "bf16", "auto"],
        "Number format of the computation. bf16 and auto are extensions of ours: auto probes the machine and "
        "takes bf16 where it is faster and as sound.",
    )
