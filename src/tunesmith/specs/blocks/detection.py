"""What the specs of detectors share: data, evaluation, inference, the training of the DETR family."""

from typing import Any

from pydantic import WithJsonSchema

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import actions, results, train
from tunesmith.specs.fields import array, choice, filled_in, flag, integer, number, section, table, text

SOURCES = "images and annotations come from the datasets attached to the experiment"
EITHER_WAY = "annotations lie in arrays that loading processes share, whatever it says"
CLIPPING = "Largest norm of the gradient, unless train.clip_grad_norm is set."
REPLICATED = "each process holds the whole model (ddp)"

_SOURCE = {"image_dir": "", "json_file": ""}


class Dataset(Block):
    """Images, boxes and batches."""

    train_data_sources: list[dict[str, Any]] = array(
        [_SOURCE], "Images and annotations to learn from.", automl=False, inert=SOURCES
    )
    val_data_sources: dict[str, Any] | list[dict[str, Any]] = table(
        _SOURCE, "Images and annotations to validate on.", automl=False, inert=SOURCES
    )
    test_data_sources: dict[str, Any] = table(
        _SOURCE, "Images and annotations to evaluate on.", automl=False, inert=SOURCES
    )
    infer_data_sources: dict[str, Any] = table(
        {"image_dir": [""], "classmap": ""}, "Images to predict.", automl=False, inert=SOURCES
    )
    batch_size: int = integer(
        4, "Images a step, on each GPU where several train together.", ge=1, automl=True
    )
    workers: int = integer(8, "Processes that load images.", ge=1, automl=True)
    pin_memory: bool = flag(True, "Keep batches in memory that a GPU reads by itself.")
    dataset_type: str = choice(
        "serialized", ["serialized", "default"], "How annotations lie in memory.", inert=EITHER_WAY
    )
    num_classes: int = integer(
        80,
        "Number of classes, or one more; untouched, the number of the dataset's categories.",
        ge=1,
        math_cond=">0",
    )
    eval_class_ids: list[int] = array(
        [1], "Category ids to evaluate on; untouched, all of them.", automl=False
    )


class Averaging(Block):
    """A running average of the weights."""

    decay: float = number(
        0.999, "Share of the average kept each time.", ge=0, le=1, math_cond="> 0.0", automl=True
    )
    every_n_steps: int = integer(1, "Steps between two of which the average takes notice.", ge=1)
    validate_original_weights: bool = flag(False, "Validate and keep the weights that are not averaged.")
    cpu_offload: bool = flag(False, "Keep the average in the processor's memory.")


class Train(train.Train):
    """The training loop."""

    freeze: list[str] = array([], "Parts that do not learn: pieces of parameters' names.", automl=False)
    pretrained_model_path: str = text("", "Weights of the whole model: a file in the workspace.")
    clip_grad_norm: float = number(
        0.1, "Largest norm of the gradient; 0 leaves it alone.", ge=0, math_cond="> 0.0"
    )
    is_dry_run: bool = flag(False, "Train and validate a single batch, to see that all works.")
    distributed_strategy: str = choice(
        "ddp", ["ddp", "fsdp"], "How several processes share the model.", inert=REPLICATED
    )
    activation_checkpoint: bool = flag(
        True, "Compute the activations of transformer layers twice instead of keeping them."
    )
    verbose: bool = flag(False, "List in the log which parameters learn at which rate.")


class Evaluate(actions.Evaluate):
    """Evaluation of a trained model."""

    input_width: int | None = integer(None, "Width of the input in pixels; the trained one by default.", ge=1)
    input_height: int | None = integer(
        None, "Height of the input in pixels; the trained one by default.", ge=1
    )
    conf_threshold: float = number(0.0, "Confidence below which detections do not count.", ge=0, le=1)


class Inference(actions.Inference):
    """Predictions for images without labels."""

    color_map: dict[str, Any] | None = table(
        None, "Colours of the classes' boxes, by name: a colour's name, #rrggbb or [r, g, b].", automl=False
    )
    conf_threshold: float = number(0.5, "Confidence below which detections are left out.", ge=0, le=1)
    is_internal: bool = flag(False, "Annotated images keep the folders of their dataset.")
    input_width: int = integer(960, "Width of the input in pixels; untouched, the trained width.", ge=32)
    input_height: int = integer(544, "Height of the input in pixels; untouched, the trained height.", ge=32)
    outline_width: int = integer(3, "Width of the boxes' outlines in pixels.", ge=1)


class Distill(Block):
    """Learning from a larger model, which networks describe in a section `teacher` beside these keys."""

    pretrained_teacher_model_path: str = filled_in(
        "The teacher: a file in the workspace; the parent job's model, if left as it is."
    )
    loss_type: str = choice(
        "KL",
        ["KL", "CE", "L1", "L2", "FD", "CS"],
        "How student and teacher are compared: predictions (KL, CE, L1, L2) or features (FD, CS).",
    )
    results_dir: results.Folder = results.folder()


AS_OBJECT = WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "null"}]})
"""Clients see an optional section as an object."""


class TensorRT(actions.TensorRT):
    """How the engine is built."""

    data_type: str = choice("FP32", ["FP32", "FP16", "INT8"], "Number format.")


class GenTrtEngine(actions.GenTrtEngine):
    """Compilation to an engine for one machine."""

    tensorrt: TensorRT = section(TensorRT)
