"""The spec of mae. Names, types, defaults and bounds are the published API's."""

from typing import Annotated

from tunesmith.networks.backbones import TIMM_PREFIX, timm_names
from tunesmith.specs.block import Block, Others
from tunesmith.specs.blocks import actions, common, train
from tunesmith.specs.blocks.detection import REPLICATED
from tunesmith.specs.blocks.optim import MONITOR
from tunesmith.specs.fields import array, choice, flag, integer, number, section, text

FOLDERS = "images come from the datasets attached to the experiment"
PRETRAIN, FINETUNE = "pretrain", "finetune"

ARCHS = (
    "convnextv2_atto",
    "convnextv2_femto",
    "convnextv2_pico",
    "convnextv2_nano",
    "convnextv2_tiny",
    "convnextv2_base",
    "convnextv2_large",
    "convnextv2_huge",
    "hiera_tiny_224",
    "hiera_small_224",
    "hiera_base_224",
    "hiera_large_224",
    "hiera_huge_224",
    "vit_base_patch16",
    "vit_large_patch16",
    "vit_huge_patch14",
)


class Augmentation(Block):
    """How training images are varied, and how all images are normalised. From re_prob on: in fine-tuning."""

    input_size: int = integer(224, "Side of the square that images are scaled to, in pixels.")
    mean: list[float] = array([0.485, 0.456, 0.406], "Mean of each colour, 0 to 1.", automl=False)
    std: list[float] = array([0.229, 0.224, 0.225], "Deviation of each colour, 0 to 1.", automl=False)
    min_scale: float = number(0.1, "Smallest share of an image's area that is cut out.")
    max_scale: float = number(2.0, "Largest share; what is larger than the image leaves it whole.")
    min_ratio: float = number(0.75, "Smallest width of what is cut out, as a share of its height.")
    max_ratio: float = number(1.33, "Largest width of what is cut out, as a share of its height.")
    hflip: float = number(0.5, "Share mirrored left to right.")
    re_prob: float = number(0.0, "Share of the images of which a rectangle is blanked.")
    interpolation: str = choice(
        "bilinear", ["bilinear", "bicubic", "random"], "How what is cut out is scaled."
    )
    smoothing: float = number(0.1, "Share of a label spread over all classes.")
    color_jitter: float = number(0.0, "Largest change of brightness, contrast and saturation.")
    auto_aug: str = text(
        "rand-m9-mstd0.5-inc1",
        "Random chain of known augmentations as timm writes it: rand-..., augmix-...; empty for none.",
    )
    mixup: float = number(0.8, "Strength of mixing pairs of images (Zhang 2018); 0 for none.")
    cutmix: float = number(1.0, "Strength of pasting a part of one image on another (Yun 2019); 0 for none.")
    cutmix_minmax: float | None = number(
        None, "Smallest side of a pasted part, as a share of the image's; the largest is one minus it."
    )
    mixup_prob: float = number(1.0, "Share of the batches that are mixed.")
    mixup_switch_prob: float = number(0.5, "Share of mixed batches that are pasted, where both are possible.")
    mixup_mode: str = choice(
        "batch", ["batch", "pair", "elem"], "What is mixed alike: a batch, each pair, or each image."
    )


class Dataset(Block):
    """Images, batches and augmentation."""

    batch_size: int = integer(1, "Images a step, on each GPU where several train together.", ge=1)
    train_data_sources: str = text("/data/raw-data/train2017/", "Images to learn from.", inert=FOLDERS)
    val_data_sources: str = text("/data/raw-data/val2017/", "Images to validate on.", inert=FOLDERS)
    test_data_sources: str | None = text(None, "Images to evaluate on.", inert=FOLDERS)
    num_workers_per_gpu: int = integer(2, "Processes that load images.")
    augmentation: Augmentation = section(Augmentation)


class Optim(Block):
    """Optimiser and learning-rate schedule."""

    type: str = choice("AdamW", ["AdamW"], "The optimiser.")
    monitor_name: str = choice("train_loss", ["val_loss", "train_loss"], MONITOR)
    lr: float = number(0.0002, "Learning rate.", math_cond="> 0.0", automl=True)
    backbone_multiplier: float = number(
        0.1,
        "What the encoder learns at in fine-tuning, as a share of lr.",
        math_cond="> 0.0",
        automl=True,
        popular=True,
    )
    momentum: float = number(
        0.9, "Share of the averaged gradient kept at a step.", math_cond="> 0.0", automl=True, popular=True
    )
    weight_decay: float = number(0.05, "Weight decay.", math_cond="> 0.0", automl=True, popular=True)
    layer_decay: float = number(
        0.75,
        "Share of its learning rate that each layer passes to the one before, in fine-tuning.",
        math_cond="> 0.0",
        popular=True,
    )
    lr_scheduler: str = choice("MultiStep", ["MultiStep", "cosine"], "How the learning rate falls.")
    milestones: list[int] = array([88, 96], "Epochs after which MultiStep lowers the rate.", automl=False)
    gamma: float = number(0.1, "What MultiStep multiplies the rate by.", math_cond="> 0.0")
    warmup_epochs: int = integer(1, "Epochs in which the learning rate rises.", math_cond=">= 0", automl=True)


class Train(train.Train):
    """The training loop."""

    stage: str = choice(
        PRETRAIN, [PRETRAIN, FINETUNE], "Learn to fill in hidden parts of images, or to classify images."
    )
    accum_grad_batches: int = integer(1, "Batches whose gradients make one step.", ge=1)
    pretrained_model_path: str = text("", "Weights to begin with: a file in the workspace.")
    precision: str = choice("fp32", ["fp16", "bf16", "fp32"], "Number format of the computation.")
    distributed_strategy: str = choice(
        "ddp", ["ddp", "fsdp"], "How several processes share the model.", inert=REPLICATED
    )
    optim: Optim = section(Optim)
    norm_pix_loss: bool = flag(
        True, "Fill in patches whose pixels are normalised, each patch by its own mean and deviation."
    )
    freeze: list[str] = array([], "Parts that do not learn: pieces of parameters' names.", automl=False)
    mask_ratio: float = number(0.75, "Share of an image that is hidden in pretraining.")


class Model(Block):
    """The network."""

    arch: Annotated[str, Others(timm_names, TIMM_PREFIX)] = choice(
        "convnextv2_base",
        ARCHS,
        "Encoder by its published name, or a ViT, ConvNeXt or Hiera of timm; timm/NAME takes a name unseen.",
    )
    num_classes: int = integer(
        1, "Number of classes in fine-tuning; untouched, as many as the data have.", ge=1
    )
    drop_path_rate: float = number(0.1, "Share of layers left out at random (Huang 2016).")
    global_pool: bool = flag(
        True, "Whether a ViT's features are the mean over the image, or those of its class token."
    )
    decoder_depth: int = integer(1, "Layers of the decoder.")
    decoder_embed_dim: int = integer(512, "Width of the decoder, a multiple of 4.")


class TensorRT(actions.Engine):
    """How the engine is built."""

    data_type: str = text("fp32,fp16", "Number format: fp32, fp16 or bf16; of several the first.")


class GenTrtEngine(actions.EngineFiles):
    """Compilation to an engine for one machine."""

    tensorrt: TensorRT = section(TensorRT)


class MaeSpec(common.Experiment):
    """mae."""

    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    model: Model = section(Model)
    evaluate: actions.Evaluate = section(actions.Evaluate)
    export: actions.FormattedExport = section(actions.FormattedExport)
    inference: actions.Inference = section(actions.Inference)
    gen_trt_engine: GenTrtEngine = section(GenTrtEngine)
