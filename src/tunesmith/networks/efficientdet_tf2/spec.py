"""The spec of efficientdet_tf2. Names, types, defaults and bounds are the published API's."""

from tunesmith.networks.efficientdet_tf2 import sections
from tunesmith.specs.block import Block
from tunesmith.specs.blocks import common, results, tf2
from tunesmith.specs.blocks.train import RESUME
from tunesmith.specs.fields import array, choice, flag, integer, number, section, text

NAMES = tuple(f"efficientdet-d{size}" for size in range(6))
UNPACKED = "record files are unpacked before the training begins"
RESUMED = "a job that is resumed goes on from its own checkpoint"


class Optimizer(Block):
    """The optimiser."""

    name: str = choice("sgd", ["sgd", "adam"], "The optimiser.")
    momentum: float = number(0.9, "Momentum of sgd, first averaging rate of adam.", ge=0, le=1)


class Schedule(Block):
    """How the learning rate changes."""

    name: str = choice("cosine", ["cosine", "soft_anneal"], "The schedule.")
    warmup_epoch: int = integer(2, "Epochs in which the rate rises.", ge=0)
    warmup_init: float = number(
        0.0001, "Rate at which the warm-up begins, and to which soft_anneal falls.", ge=0, automl=True
    )
    learning_rate: float = number(0.2, "Learning rate.", ge=0, automl=True)
    annealing_epoch: int = integer(10, "Epoch after which soft_anneal lets the rate fall.")


class Train(Block):
    """The training loop."""

    init_epoch: int = integer(0, "Epoch to begin with.", inert=RESUMED)
    resume_training_checkpoint_path: str = text("", RESUME)
    optimizer: Optimizer = section(Optimizer)
    lr_schedule: Schedule = section(Schedule)
    num_examples_per_epoch: int = integer(
        120000, "Images of an epoch; untouched, all training images once.", ge=1
    )
    batch_size: int = integer(8, "Images a step, on each GPU where several train together.", ge=1)
    num_epochs: int = integer(300, "Passes over the training data.", ge=1)
    checkpoint: str = text("", "Weights to begin with: a file in the workspace.")
    random_seed: int = integer(42, "Seed of every random choice.", ge=1)
    l1_weight_decay: float = number(0.0, "Penalty on the sizes of weights.", ge=0, le=1)
    l2_weight_decay: float = number(4e-05, "Penalty on the squares of weights.", ge=0, automl=True)
    amp: bool = flag(
        True, "Compute in 16 bits where a probe of the machine finds it faster and as sound; else in 32."
    )
    pruned_model_path: str = text("", "File of the parent job to retrain, if it has several.")
    moving_average_decay: float = number(
        0.9999,
        "Share of the running average of the weights kept each step; 0 keeps none.",
        ge=0,
        le=1,
        automl=True,
    )
    clip_gradients_norm: float = number(10.0, "Largest norm of the gradient; 0 leaves it alone.", ge=0)
    skip_checkpoint_variables: str = text(
        "-predict*", "Regular expression: weights of train.checkpoint whose name fits are not taken."
    )
    checkpoint_interval: int = integer(5, "Epochs between two kept checkpoints.", ge=1)
    validation_interval: int = integer(5, "Epochs between two validations.", ge=1)
    image_preview: bool = flag(True, "Write TensorBoard files, with pictures at each validation.")
    qat: bool = flag(False, "Learn with 8-bit numbers.", inert="gen_trt_engine quantises after the training")
    label_smoothing: float = number(0.0, "Share of a label spread over right and wrong.", ge=0, le=1)
    box_loss_weight: float = number(50.0, "What the Huber loss of boxes counts.", ge=0)
    iou_loss_type: str = text("", "A second loss of boxes by overlap: iou, giou, diou or ciou.")
    iou_loss_weight: float = number(1.0, "What that one counts.", ge=0)
    wandb: common.Tracking = section(common.Tracking)
    clearml: tf2.ClearML = section(tf2.ClearML)
    results_dir: results.Folder = results.folder()


class Model(Block):
    """The network."""

    name: str = choice("efficientdet-d0", NAMES, "Size: EfficientNet, channels and depth grow together.")
    aspect_ratios: str = text(
        "[(1.0, 1.0), (1.4, 0.7), (0.7, 1.4)]", "Width and height of the anchors at each place."
    )
    anchor_scale: int = integer(4, "Side of the anchors, in strides of their map.", ge=1)
    min_level: int = choice(3, [3], "Finest map: its stride is 2 to the power of it.")
    max_level: int = choice(7, [7], "Coarsest map.")
    num_scales: int = integer(3, "Sizes of anchors between one map and the next.", ge=1)
    freeze_bn: bool = flag(False, "Leave batch normalisation as it is.")
    freeze_blocks: list[int] = array(
        [], "Blocks of the backbone that do not learn, from 0.", automl=False, kind="list_1_backbone"
    )
    input_width: int = integer(512, "Width of the images in pixels.")
    input_height: int = integer(512, "Height of the images in pixels.")
    backbone: str = text("", "Any timm model in the place of the EfficientNet of this size.", ours=True)
    fpn_num_filters: int = integer(0, "Channels of all maps; 0 for those of this size.", ge=0, ours=True)
    fpn_cell_repeats: int = integer(0, "Layers of the pyramid; 0 for those of this size.", ge=0, ours=True)
    box_class_repeats: int = integer(0, "Layers of each head; 0 for those of this size.", ge=0, ours=True)


class Loader(Block):
    """How images are loaded."""

    shuffle_buffer: int = integer(10000, "1 keeps the order of the dataset; more shuffles all images.", ge=1)
    cycle_length: int = integer(32, "Record files read in turn.", ge=1, inert=UNPACKED)
    block_length: int = integer(16, "Records read of each in turn.", ge=1, inert=UNPACKED)
    shuffle_file: bool = flag(True, "Shuffle the record files.", inert=UNPACKED)
    prefetch_size: int = integer(2, "Batches that each loading process keeps ready.", ge=1)
    workers: int = integer(4, "Processes that load images.", ge=0, ours=True)


class Augmentation(Block):
    """How training images are varied at random."""

    rand_hflip: bool = flag(True, "Mirror images left to right.")
    random_crop_min_scale: float = number(0.1, "Smallest scale of what fits into the input.", ge=0, le=1)
    random_crop_max_scale: float = number(2.0, "Largest scale; what is larger is cut.", ge=1)
    auto_color_distortion: bool = flag(False, "Vary colours.")
    auto_translate_xy: bool = flag(False, "Move images.")


class Dataset(Block):
    """Images and boxes."""

    train_tfrecords: list[str] = array(
        [],
        "TFRecord files of the workspace to learn from, in the place of the attached datasets; a name may "
        "hold * and ?.",
        automl=False,
    )
    train_dirs: list[str] = array([], "Folders of such files.", automl=False)
    val_tfrecords: list[str] = array([], "TFRecord files of the workspace to validate on.", automl=False)
    val_dirs: list[str] = array([], "Folders of such files.", automl=False)
    val_json_file: str = text("", "Annotations to validate by.", inert="record files hold theirs")
    num_classes: int = integer(
        91, "Number of classes, or one more; untouched, the number of the dataset's categories."
    )
    max_instances_per_image: int = integer(100, "Boxes of a training image that are learnt at most.", ge=1)
    skip_crowd_during_training: bool = flag(True, "Learn nothing from boxes around crowds.")
    use_fake_data: bool = flag(False, "Learn the first batch again and again, to measure speed.")
    loader: Loader = section(Loader)
    augmentation: Augmentation = section(Augmentation)


class EfficientDetSpec(Block):
    """efficientdet_tf2."""

    model_name: str = text("", "A name for the model, kept in the checkpoints.")
    num_gpus: int = integer(1, "GPUs to use; on a machine without GPUs, 1 means its processor.")
    gpu_ids: list[int] = array([0], "Indices of the GPUs to use; untouched, any free ones.", automl=False)
    results_dir: results.Folder = results.folder("/results")
    encryption_key: str = text("", "Key of an encrypted model.", inert="models are stored unencrypted")
    train: Train = section(Train)
    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
    dataset_convert: sections.Convert = section(sections.Convert)
    data_format: str = text("channels_last", tf2.LAYOUT)
    mpi_args: tf2.MpiArgs = section(tf2.MpiArgs)
    cuda_blocking: bool = flag(False, tf2.BLOCKING)
    multi_node: bool = flag(False, "Train on several machines.", inert=tf2.OTHER_RUNTIME)
    num_processes: int = integer(-1, tf2.PROCESSES)
    evaluate: sections.Evaluate = section(sections.Evaluate)
    prune: sections.Prune = section(sections.Prune)
    export: sections.Export = section(sections.Export)
    gen_trt_engine: sections.GenTrtEngine = section(sections.GenTrtEngine)
    inference: sections.Inference = section(sections.Inference)
