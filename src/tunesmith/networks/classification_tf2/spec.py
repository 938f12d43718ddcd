"""The spec of classification_tf2. Names, types, defaults and bounds are the published API's."""

from typing import Annotated

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, results, tf2
from tunesmith.specs.blocks.train import RESUME
from tunesmith.specs.fields import array, choice, filled_in, flag, integer, number, section, text

FOLDERS = "images come from the datasets attached to the experiment"
CLASSMAP = "File of the workspace that names the classes in reports; untouched, as in training."
OLD_BACKBONES = "it is for backbones that the published list no longer has"

BACKBONES = tuple(f"efficientnet-b{size}" for size in range(6))


class Regularizer(Block):
    """A penalty on large weights."""

    type: str = text("L2", "L1, L2 or None.", automl=True)
    scope: list[str] = array(
        ["conv2d", "dense"],
        "Kinds of layers: conv2d, dense. Biases and normalisation are always left out.",
        automl=False,
    )
    weight_decay: float = number(1.5e-05, "Strength.", ge=0)


class BatchNorm(Block):
    """Batch normalisation."""

    momentum: float = number(0.9, "Share of the running statistics kept at each step.", ge=1e-10, le=0.99)
    epsilon: float = number(1e-05, "What is added to the variance.", ge=1e-10)


class LearningRate(Block):
    """How the learning rate changes."""

    scheduler: str = choice("cosine", ["cosine", "soft_anneal", "step"], "The schedule.")
    learning_rate: float = number(0.05, "Learning rate; untouched, that of optim_config.")
    soft_start: float = number(0.05, "Share of the training in which the rate rises.")
    annealing_points: list[float] = array(
        [0.33, 0.66, 0.88], "Shares of the training after which soft_anneal divides the rate.", automl=False
    )
    annealing_divider: float = number(10.0, "What soft_anneal divides by.")
    min_lr_ratio: float = number(3e-05, "The least share of the rate, of cosine and soft_anneal.")
    gamma: float = number(1.5e-05, "What step multiplies by.")
    step_size: int = integer(10, "Epochs between two steps.")


class Optimizer(Block):
    """The optimiser."""

    optimizer: str = text("sgd", "sgd, adam or rmsprop.")
    lr: float = number(0.05, "Learning rate.", ge=0, automl=True)
    decay: float = number(
        0.0001, "The rate is divided by one and this for each step; untouched, it is not.", ge=0, le=1
    )
    epsilon: float = number(0.0001, "What adam and rmsprop add to the divisor.", ge=0, le=1)
    rho: float = number(0.5, "Averaging rate of rmsprop.", ge=0, le=1)
    beta_1: float = number(0.99, "First averaging rate of adam.", ge=0, le=1, automl=True)
    beta_2: float = number(0.99, "Second averaging rate of adam.", ge=0, le=1)
    momentum: float = number(0.99, "Momentum of sgd and rmsprop.", ge=0, le=1)
    nesterov: bool = flag(True, "Nesterov's momentum for sgd.", automl=True)


class Train(Block):
    """The training loop."""

    qat: bool = flag(False, "Learn with 8-bit numbers.", inert="gen_trt_engine quantises after the training")
    resume_training_checkpoint_path: str = text("", RESUME)
    checkpoint: str = text("", "Weights to begin with: a file in the workspace.")
    checkpoint_interval: int = integer(1, "Epochs between two kept checkpoints.", ge=1, popular=True)
    validation_interval: int = integer(5, "Epochs between two validations.", ge=1, popular=True)
    batch_size_per_gpu: int = integer(64, "Images a step, on each GPU.", popular=True)
    num_epochs: int = integer(80, "Passes over the training data.", ge=1)
    n_workers: int = integer(10, "Processes that load images.", ge=1)
    random_seed: int = integer(42, "Seed of every random choice.", ge=1)
    label_smoothing: float = number(0.01, "Share of a label spread over all classes.", ge=0, le=1)
    reg_config: Regularizer = section(Regularizer)
    bn_config: BatchNorm = section(BatchNorm)
    lr_config: LearningRate = section(LearningRate)
    optim_config: Optimizer = section(Optimizer)
    wandb: common.Tracking = section(common.Tracking)
    clearml: tf2.ClearML = section(tf2.ClearML)
    results_dir: results.Folder = results.folder()
    precision: str = choice(
        "auto",
        ["auto", "fp32", "bf16", "fp16"],
        "Number format of the computation. auto probes the machine and takes bf16 where it is faster "
        "and as sound.",
        ours=True,
    )


class Augmentation(Block):
    """How images are varied and cut."""

    enable_random_crop: bool = flag(True, "Learn from random parts of the images.")
    enable_center_crop: bool = flag(True, "Cut images to the model's proportions instead of stretching them.")
    enable_color_augmentation: bool = flag(False, "Vary colours.")
    disable_horizontal_flip: bool = flag(False, "Do not mirror images left to right.")
    mixup_alpha: float = number(0.0, "Strength of mixing pairs (Zhang 2018); 0 for none.", ge=0, le=1)


class Dataset(Block):
    """Images."""

    train_dataset_path: str = text("???", "Folder of the images.", inert=FOLDERS)
    val_dataset_path: str = text("???", "Folder of the images.", inert=FOLDERS)
    preprocess_mode: str = choice(
        "caffe",
        ["caffe", "torch", "tf"],
        "caffe subtracts image_mean; torch normalises as ImageNet; tf scales to -1 to 1.",
    )
    image_mean: list[float] = array(
        [103.939, 116.779, 123.68], "Mean of blue, green and red, 0 to 255, for caffe.", automl=False
    )
    augmentation: Augmentation = section(Augmentation)
    num_classes: int = integer(20, "Number of classes; untouched, those of the class map.", ge=2)


class Model(Block):
    """The network."""

    backbone: Annotated[str, Others(timm_names, TIMM_PREFIX)] = choice(
        "efficientnet-b0", BACKBONES, "Backbone by its published name, or the name of any timm model."
    )
    input_width: int = integer(256, "Width of the images in pixels.", ge=32, popular=True)
    input_height: int = integer(256, "Height of the images in pixels.", ge=32, popular=True)
    input_channels: int = choice(3, [1, 3], "1 for grey images.", popular=True)
    input_image_depth: int = choice(
        8, [8, 16], "Bits of a pixel.", popular=True, inert="each file tells its depth"
    )
    use_batch_norm: bool = flag(True, "Normalise batches.", inert=OLD_BACKBONES)
    use_bias: bool = flag(False, "Convolutions with bias.", inert=OLD_BACKBONES)
    use_pooling: bool = flag(True, "Pool instead of striding.", inert=OLD_BACKBONES)
    all_projections: bool = flag(False, "Project each shortcut.", inert=OLD_BACKBONES)
    freeze_bn: bool = flag(False, "Leave batch normalisation as it is.")
    freeze_blocks: list[int] = array(
        [], "Blocks that do not learn, from 0.", automl=False, kind="list_1_backbone"
    )
    retain_head: bool = flag(False, "Take over the classifier of weights to begin with, where it fits.")
    dropout: float = number(0.0, "Share of the features dropped before the classifier.", ge=0, le=1)
    resize_interpolation_method: str = choice("bilinear", ["bilinear", "bicubic"], "How images are scaled.")
    activation_type: str | None = choice(None, ["None", "relu"], "The activation.", inert=OLD_BACKBONES)
    byom_model: str = text("", "A foreign model.", inert="foreign models come as timm names")


class Evaluate(Block):
    """Evaluation of a trained model."""

    dataset_path: str = text("???", "Folder of the images.", inert=FOLDERS)
    checkpoint: str = filled_in(actions.MODEL)
    trt_engine: str = text("", actions.ENGINE)
    batch_size: int = integer(1, "Images a step.", ge=1, popular=True)
    n_workers: int = integer(1, "Processes that load images.", ge=1)
    top_k: int = integer(1, "The k of the top-k accuracy to report.", ge=1)
    classmap: str = text("", CLASSMAP)
    results_dir: results.Folder = results.folder()


class Prune(tf2.Prune):
    """Removal of the channels that matter least."""

    byom_model_path: str = text("", "A foreign model.", inert="models come from the parent job")


class Export(Block):
    """Export to ONNX."""

    checkpoint: str = filled_in(actions.MODEL)
    onnx_file: str = filled_in(actions.GRAPH_FILE)
    results_dir: results.Folder = results.folder()


class Inference(Block):
    """Predictions for images without labels."""

    checkpoint: str = filled_in(actions.MODEL)
    trt_engine: str = text("", actions.ENGINE)
    image_dir: str = text("???", "Folder of the images.", inert=FOLDERS)
    classmap: str = filled_in(CLASSMAP)
    results_dir: results.Folder = results.folder()


class ClassificationTf2Spec(Block):
    """classification_tf2."""

    model_name: str = text("", "A name for the model, kept in the checkpoints.")
    num_gpus: int = integer(1, "GPUs to use; on a machine without GPUs, 1 means its processor.", popular=True)
    gpu_ids: list[int] = array([0], "Indices of the GPUs to use; untouched, any free ones.", automl=False)
    results_dir: results.Folder = results.folder("/results")
    encryption_key: str = text("", "Key of an encrypted model.", inert="models are stored unencrypted")
    data_format: str = choice(
        "channels_first",
        ["channels_first", "channels_last"],
        tf2.LAYOUT,
    )
    train: Train = section(Train)
    dataset: Dataset = section(Dataset)
    model: Model = section(Model)
    mpi_args: tf2.MpiArgs = section(tf2.MpiArgs)
    cuda_blocking: bool = flag(False, tf2.BLOCKING)
    multi_node: bool = flag(False, "Train on several machines.", inert=tf2.OTHER_RUNTIME)
    num_processes: int = integer(-1, tf2.PROCESSES)
    evaluate: Evaluate = section(Evaluate)
    prune: Prune = section(Prune)
    export: Export = section(Export)
    gen_trt_engine: tf2.GenTrtEngine = section(tf2.GenTrtEngine)
    inference: Inference = section(Inference)
