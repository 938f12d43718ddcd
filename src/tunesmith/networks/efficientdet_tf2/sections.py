"""The sections of efficientdet_tf2's actions. Names, types, defaults and bounds are the published API's."""

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import actions, results, tf2
from tunesmith.specs.fields import choice, filled_in, flag, integer, number, section, text

NAMES = "names come from the dataset's categories"
ATTACHED = "images and annotations come from the datasets attached to the experiment"


class Convert(Block):
    """Conversion of a dataset to TFRecord files."""

    image_dir: str = text("???", "Folder of the images.", inert="they are the dataset's")
    annotations_file: str = text("???", "File of the annotations.", inert="it is the dataset's")
    results_dir: results.Folder = results.folder()
    tag: str = text("", "How the names of the files begin; left empty, annotations.")
    num_shards: int = integer(256, "Files to write, at least 1.")
    include_masks: bool = flag(False, "Write the mask of each object too.")


class Evaluate(Block):
    """Evaluation of a trained model."""

    batch_size: int = integer(16, "Images a step.", ge=1)
    num_samples: int = integer(5000, "Images to evaluate on at most.", ge=1)
    max_detections_per_image: int = integer(100, "Detections of an image that count at most.", ge=1)
    label_map: str = text("", "File of the classes' names.", inert=NAMES)
    max_nms_inputs: int = integer(
        5000, "Candidates of an image that non-maximum suppression looks at, the surest ones.", ge=1
    )
    checkpoint: str = text("", actions.MODEL)
    trt_engine: str = text("", actions.ENGINE)
    start_eval_epoch: int = integer(1, "First epoch of a training that may be validated.", ge=1)
    sigma: float = number(
        0.5,
        "Width of the Gaussian by which non-maximum suppression makes overlapping boxes less sure; 0 drops "
        "those that overlap by more than half.",
        ge=0,
        le=1,
    )
    results_dir: results.Folder = results.folder()


class Prune(tf2.Prune):
    """Removal of the channels that matter least."""

    threshold: float = number(0.2, "Channels with a lower score go; 0 leaves all.", ge=0)
    min_num_filters: int = integer(8, "Fewer channels than this are never left.", ge=8)


class Export(Block):
    """Export to ONNX."""

    batch_size: int = integer(8, "Batch size of the graph, unless it is left open.", ge=1)
    dynamic_batch_size: bool = flag(True, "Leave the batch size open.")
    min_score_thresh: float = number(
        0.01, "Confidence below which what the graph finds does not count.", ge=0, le=1
    )
    checkpoint: str = filled_in(actions.MODEL)
    onnx_file: str = filled_in(actions.GRAPH_FILE)
    results_dir: results.Folder = results.folder()


class Calibration(Block):
    """Images that set the ranges of 8-bit numbers."""

    cal_image_dir: str = text("", "Folder of the images.", inert="images come from calibration_dataset")
    cal_cache_file: str = text("", actions.RANGES_FILE)
    cal_batch_size: int = integer(1, "Images a batch.", ge=1)
    cal_batches: int = integer(1, "Batches to look at; if both are left at 1, up to 128 images.", ge=1)


class TensorRT(Block):
    """How the engine is built."""

    data_type: str = choice("fp32", ["fp32", "int8", "fp16"], "Number format.")
    max_workspace_size: int = integer(2, "Memory that the builder may use, in GiB.", ge=1)
    min_batch_size: int = integer(1, "Smallest batch the engine takes.", ge=1)
    opt_batch_size: int = integer(1, "Batch the engine is tuned for.", ge=1)
    max_batch_size: int = integer(1, "Largest batch the engine takes.", ge=1)
    calibration: Calibration = section(Calibration)


class GenTrtEngine(actions.Runtime):
    """Compilation to an engine for one machine."""

    results_dir: results.Folder = results.folder()
    onnx_file: str = filled_in("File of the parent job to build from, if it has several.")
    trt_engine: str = text("", actions.ENGINE_FILE)
    tensorrt: TensorRT = section(TensorRT)


class Inference(Block):
    """Predictions for images without labels."""

    checkpoint: str = filled_in(actions.MODEL)
    trt_engine: str = text("", actions.ENGINE)
    image_dir: str = filled_in("Folder of the images.", inert=ATTACHED)
    results_dir: results.Folder = results.folder()
    dump_label: bool = flag(False, "Write a text file of the detections of each image, in KITTI's form.")
    batch_size: int = integer(1, "Images a step.", ge=1)
    min_score_thresh: float = number(0.3, "Confidence below which detections are left out.", ge=0, le=1)
    label_map: str = text("", "File of the classes' names.", inert=NAMES)
    max_boxes_to_draw: int = integer(100, "Detections of an image at most, the surest ones.", ge=1)
