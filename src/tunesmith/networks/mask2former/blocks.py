"""The sections dataset and train of mask2former's spec."""

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import detection, train
from tunesmith.specs.blocks.optim import MONITOR
from tunesmith.specs.fields import array, choice, flag, integer, number, section, text

LOCATION = "images and annotations come from the datasets attached to the experiment"
IN_WORKSPACE = "a file of the workspace; untouched, the dataset's."
_COCO = "/datasets/coco"


class Split(Block):
    """The images of one use."""

    type: str = choice(
        "ade",
        ["coco", "ade", "coco_panoptic"],
        "What is read of a panoptic dataset: coco takes its instances, coco_panoptic its segments; "
        "untouched, its segments.",
    )
    name: str = text("", "Name of the dataset.", inert=LOCATION)
    panoptic_json: str = text(
        f"{_COCO}/annotations/panoptic_train2017.json",
        f"Panoptic annotations in the place of the dataset's own: {IN_WORKSPACE}",
    )
    instance_json: str = text(
        f"{_COCO}/annotations/instances_train2017.json",
        f"Instances in the place of the dataset's own: {IN_WORKSPACE}",
    )
    img_dir: str = text(f"{_COCO}/train2017", "Folder of the images.", inert=LOCATION)
    panoptic_dir: str = text(f"{_COCO}/train2017", "Folder of the panoptic masks.", inert=LOCATION)
    root_dir: str = text("", "Folder of the data.", inert=LOCATION)
    annot_file: str = text("", "File of the annotations.", inert=LOCATION)
    batch_size: int = integer(1, "Images a step.", ge=1, math_cond=">0")
    num_workers: int = integer(1, "Processes that load images; untouched, as many as dataset.workers.", ge=0)
    target_size: list[int] = array(
        [], "Height and width that images are scaled to; empty keeps their proportions.", automl=False
    )


class Augmentation(Block):
    """How images are sized, and cut out of to learn from."""

    train_min_size: list[int] = array(
        [640], "Lengths of the shorter side of training images, one of which is taken.", automl=False
    )
    train_max_size: int = integer(2560, "Longest side of training images.", ge=32, automl=True)
    train_crop_size: list[int] = array(
        [640, 640], "Height and width of what is cut out of training images.", automl=False
    )
    test_min_size: int = integer(640, "Shorter side of all other images.", ge=32, automl=True)
    test_max_size: int = integer(640, "Longest side of all other images.", ge=32, automl=True)


class Dataset(Block):
    """Images, segments, batches and augmentation."""

    train: Split = section(Split)
    val: Split = section(Split)
    test: Split = section(Split)
    workers: int = integer(8, "Processes that load images.", ge=1)
    pin_memory: bool = flag(True, "Keep batches in memory that a GPU reads by itself.")
    pixel_mean: list[float] = array([0.485, 0.456, 0.406], "Mean of each colour, 0 to 1.", automl=False)
    pixel_std: list[float] = array([0.229, 0.224, 0.225], "Deviation of each colour, 0 to 1.", automl=False)
    augmentation: Augmentation = section(Augmentation)
    contiguous_id: bool = flag(
        False, "Number the classes without gaps.", inert="classes are always numbered without gaps"
    )
    label_map: str = text(
        "", f"Names and colours of the classes, in the place of the datasets' own: {IN_WORKSPACE}"
    )


class Optimizer(Block):
    """Optimiser and learning-rate schedule."""

    type: str = choice("AdamW", ["AdamW"], "The optimiser.")
    monitor_name: str = choice(
        "train_loss",
        ["val_loss", "train_loss"],
        MONITOR,
    )
    lr: float = number(2e-4, "Learning rate.", math_cond="> 0.0", automl=True)
    backbone_multiplier: float = number(
        0.1, "The backbone's learning rate as a share of it.", math_cond="> 0.0", automl=True, popular=True
    )
    momentum: float = number(
        0.9,
        "Share of the running mean of gradients that a step keeps.",
        math_cond="> 0.0",
        automl=True,
        popular=True,
    )
    weight_decay: float = number(0.05, "Weight decay.", math_cond="> 0.0", automl=True, popular=True)
    lr_scheduler: str = choice("MultiStep", ["MultiStep", "Warmuppoly"], "How the learning rate falls.")
    milestones: list[int] = array([88, 96], "Epochs after which MultiStep falls.", automl=False)
    gamma: float = number(0.1, "Factor of each fall.", math_cond="> 0.0")


class Train(train.Train):
    """The training loop."""

    freeze: list[str] = array([], "Parts that do not learn: pieces of parameters' names.", automl=False)
    pretrained_model_path: str = text("", "Weights of the whole model: a file in the workspace.")
    clip_grad_norm: float = number(0.1, "Largest norm of the gradient; 0 leaves it alone.", math_cond="> 0.0")
    clip_grad_type: str = text("full", "What is limited: full, the gradient of all parameters together.")
    is_dry_run: bool = flag(False, "Train and validate a single batch, to see that all works.")
    optim: Optimizer = section(Optimizer)
    precision: str = choice(
        "fp32",
        ["fp16", "fp32", "bf16", "auto"],
        "Number format of the computation. auto, an extension of ours, probes the machine and takes bf16 "
        "where it is faster and as sound.",
    )
    distributed_strategy: str = choice(
        "ddp", ["ddp", "fsdp"], "How several processes share the model.", inert=detection.REPLICATED
    )
    activation_checkpoint: bool = flag(
        True, "Compute the activations of transformer layers twice instead of keeping them."
    )
    verbose: bool = flag(False, "List in the log which parameters learn.")
    iters_per_epoch: int | None = integer(None, "Steps of an epoch; None sees each image once.")
