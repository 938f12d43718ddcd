"""The spec of mal. Names, types, defaults and bounds are the published API's."""

from typing import Annotated

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, results, train
from tunesmith.specs.blocks.devices import Devices
from tunesmith.specs.blocks.train import RESUME
from tunesmith.specs.fields import array, choice, flag, integer, number, section, text

FOLDERS = "images and annotations come from the datasets attached to the experiment"
ANNOTATIONS = "annotations of the workspace in the place of the dataset's own; untouched, its own."
NO_ENGINES = "this network has no engines: no action builds them"

ARCHS = ("vit-deit-tiny/16", "vit-deit-small/16", "vit-mae-base/16", "vit-mae-large/16", "vit-mae-huge/14")


class Dataset(Block):
    """Objects and what is cut out around them."""

    type: str = choice("coco", ["coco"], "Kind of the annotations.", inert="there is one kind")
    train_ann_path: str = text(
        "/data/raw-data/annotations/instances_train2017.json", f"Boxes to learn from: {ANNOTATIONS}"
    )
    train_img_dir: str = text("/data/raw-data/train2017/", "Images to learn from.", inert=FOLDERS)
    val_ann_path: str = text(
        "/data/raw-data/annotations/instances_val2017.json", f"Masks to measure against: {ANNOTATIONS}"
    )
    val_img_dir: str = text("/data/raw-data/val2017/", "Images to validate on.", inert=FOLDERS)
    min_obj_size: float = number(2048.0, "Smallest box that is learnt from, in square pixels.")
    max_obj_size: float = number(1e10, "Largest box that is learnt from, in square pixels.")
    num_workers_per_gpu: int = integer(2, "Processes that cut objects out.")
    load_mask: bool = flag(True, "Validate against masks, where the data have them.")
    crop_size: int = integer(512, "Side of the square that objects are scaled to, in pixels.", ge=256)


class Train(Devices):
    """The training loop."""

    num_nodes: int = integer(
        1,
        "Machines to train on together, each with num_gpus; several need the Ray executor.",
        ge=1,
        popular=True,
    )
    seed: int = integer(1234, "Seed of every random choice; -1 takes a new one each time.", ge=-1)
    cudnn: train.CuDNN = section(train.CuDNN)
    num_epochs: int = integer(10, "Passes over the training data.", ge=1, popular=True)
    checkpoint_interval: int = integer(1, "Epochs between two kept checkpoints.", ge=1, popular=True)
    validation_interval: int = integer(1, "Epochs between two validations.", ge=1, popular=True)
    resume_training_checkpoint_path: str = text("", RESUME)
    results_dir: results.Folder = results.folder()
    batch_size: int = integer(1, "Objects a step, on each GPU where several train together.", ge=1)
    accum_grad_batches: int = integer(1, "Batches whose gradients make one step.", ge=1)
    use_amp: bool = flag(True, "Compute in 16 bits where that is faster here and as sound.")
    pretrained_model_path: str = text("", "Weights to begin with: a file in the workspace.")
    optim_type: str = choice("adamw", ["adamw"], "The optimiser.")
    optim_momentum: float = number(0.9, "First averaging rate; untouched, that of optim_betas.", ge=0, le=1.0)
    lr: float = number(1e-06, "Learning rate.", ge=0)
    min_lr: float = number(0.0, "What the learning rate falls to at least.")
    min_lr_rate: float = number(
        0.02, "What it falls to at least, as a share of lr; the larger of the two holds.", ge=0, le=1.0
    )
    num_wave: float = number(1.0, "Half waves of the cosine that the learning rate follows.")
    wd: float = number(0.0005, "Weight decay.")
    optim_eps: float = number(1e-08, "What the optimiser adds to its divisor.")
    optim_betas: list[float] = array([0.9, 0.9], "Averaging rates of the optimiser.", automl=False)
    warmup_epochs: int = integer(1, "Epochs in which the learning rate rises.", ge=0)
    margin_rate: list[float] = array(
        [0, 1.2],
        "Least and most of what is cut out beyond a box, as shares of its size, in training.",
        automl=False,
    )
    test_margin_rate: list[float] = array(
        [0.6, 0.6], "The same where masks are measured and predicted.", automl=False
    )
    mask_thres: list[float] = array(
        [0.1],
        "Probability from which a pixel is inside: one, or three for COCO's small, medium and large objects.",
        automl=False,
    )
    loss_mil_weight: float = number(4.0, "Weight of the loss of rows and columns.")
    loss_crf_weight: float = number(0.5, "Weight of the loss against the mask that the colours suggest.")
    crf_zeta: float = number(0.1, "Difference of colours, 0 to 1, that still makes neighbours alike.")
    crf_kernel_size: int = integer(3, "Side of the square of neighbours.")
    crf_num_iter: int = integer(100, "Most rounds in which neighbours agree.")
    loss_crf_step: int = integer(4000, "Steps in which the weight of this loss rises.")
    loss_mil_step: int = integer(1000, "Steps in which the weight of the loss of rows and columns rises.")
    crf_size_ratio: int = integer(1, "Pixels of a mask that make one where neighbours are compared.")
    crf_value_high_thres: float = number(0.9, "Probability from which a pixel is taken to be inside.")
    crf_value_low_thres: float = number(0.1, "Probability below which it is taken to be outside.")


class Model(Block):
    """The network."""

    arch: Annotated[str, Others(timm_names, TIMM_PREFIX)] = choice(
        "vit-mae-base/16",
        ARCHS,
        "Encoder by its published name, or any ViT of timm; timm/NAME takes a name unseen.",
    )
    frozen_stages: list[int] = array(
        [-1],
        "Layers of the encoder that do not learn, and its embeddings with any of them; -1 for none.",
        kind="list_1_backbone",
        automl=False,
    )
    mask_head_num_convs: int = integer(4, "Convolutions that make the map of pixels.", ge=1)
    mask_head_hidden_channel: int = integer(256, "Their width.", ge=1)
    mask_head_out_channel: int = integer(256, "Width of the map of pixels, and of what is asked of it.", ge=1)
    teacher_momentum: float = number(0.996, "Share of the teacher kept at a step.", ge=0, le=1.0)
    not_adjust_scale: bool = flag(False, "Leave the map at the scale that it has before the convolutions.")
    mask_scale_ratio_pre: int = integer(1, "How much the encoder's map is enlarged before the convolutions.")
    mask_scale_ratio: float = number(2.0, "How much it is enlarged behind them.")
    vit_dpr: float = number(0.0, "Share of the encoder's layers left out at random (Huang 2016).")


class Evaluate(actions.Evaluate):
    """Evaluation of a trained model. How masks are made holds for inference too."""

    trt_engine: str = text("", "Engine to evaluate.", inert=NO_ENGINES)
    batch_size: int = integer(3, "Objects a step.", ge=1)
    use_mixed_model_test: bool = flag(False, "Take the mean of student and teacher.")
    use_teacher_test: bool = flag(False, "Take the teacher's masks.")
    comp_clustering: bool = flag(False, "Keep the largest connected part of each mask.")
    use_flip_test: bool = flag(False, "Take the mean with the mask of the mirrored image.")


class Inference(actions.Inference):
    """Masks for objects of which boxes alone are known."""

    trt_engine: str = text("", "Engine to predict with.", inert=NO_ENGINES)
    ann_path: str = text(
        "/data/raw-data/annotations/instances_val2017.json", f"Boxes of the objects: {ANNOTATIONS}"
    )
    img_dir: str = text("/data/raw-data/val2017/", "Their images.", inert=FOLDERS)
    label_dump_path: str = text("instances_val2017_mal.json", "Name of the file of annotations to write.")
    batch_size: int = integer(3, "Objects a step.", ge=1)
    load_mask: bool = flag(False, "Compare with masks, where the data have them.")


class MalSpec(common.Experiment):
    """mal."""

    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    model: Model = section(Model)
    evaluate: Evaluate = section(Evaluate)
    inference: Inference = section(Inference)
