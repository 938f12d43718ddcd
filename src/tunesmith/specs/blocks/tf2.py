"""What the specs of the older dialect share, which was written for TensorFlow."""

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import actions, results
from tunesmith.specs.fields import array, choice, filled_in, flag, integer, number, section, text

OTHER_RUNTIME = "the service starts its processes itself"
NO_CLEARML = "ClearML is not reported to; Weights & Biases and MLflow are"


class ClearML(Block):
    """ClearML."""

    project: str = text("TAO Toolkit", "Project.", inert=NO_CLEARML)
    task: str = text("train", "Task.", inert=NO_CLEARML)
    deferred_init: bool = flag(False, "Connect in the background.", inert=NO_CLEARML)
    reuse_last_task_id: bool = flag(False, "Go on with the last task.", inert=NO_CLEARML)
    continue_last_task: bool = flag(False, "Go on with the last task.", inert=NO_CLEARML)
    tags: list[str] = array(["tao-toolkit"], "Tags.", automl=False, inert=NO_CLEARML)


class MpiArgs(Block):
    """How processes of TensorFlow find each other."""

    nccl_ib_hca: str = text("mlx5_4,mlx5_6,mlx5_8,mlx5_10", "InfiniBand adapters.", inert=OTHER_RUNTIME)
    nccl_socket_ifname: str = text("^lo,docker", "Network interfaces.", inert=OTHER_RUNTIME)


class Prune(Block):
    """Removal of the channels that matter least."""

    checkpoint: str = filled_in(actions.MODEL)
    normalizer: str = choice("max", ["max", "L2"], "What the norms of a layer's filters are divided by.")
    results_dir: results.Folder = results.folder()
    equalization_criterion: str = choice(
        "union",
        ["union", "intersection", "arithmetic_mean", "geometric_mean"],
        "How the scores of layers that must lose the same channels become one.",
    )
    granularity: int = integer(8, "Channels are left in multiples of it.", ge=8)
    threshold: float = number(0.1, "Channels with a lower score go; 0 leaves all.", ge=0)
    min_num_filters: int = integer(16, "Fewer channels than this are never left.", ge=8)
    excluded_layers: list[str] = array([], "Names or patterns of layers that stay whole.", automl=False)


class Calibration(Block):
    """Images that set the ranges of 8-bit numbers."""

    cal_image_dir: str = text("", "Folder of the images.", inert="images come from calibration_dataset")
    cal_cache_file: str = text("", actions.RANGES_FILE)
    cal_batch_size: int = integer(16, "Images a batch.", popular=True)
    cal_batches: int = integer(10, "Batches to look at.", popular=True)
    cal_data_file: str = text("", "File of the images.", inert="images come from calibration_dataset")


class TensorRT(Block):
    """How the engine is built."""

    data_type: str = choice("fp32", ["fp32", "int8", "fp16"], "Number format.")
    max_workspace_size: int = integer(2, "Memory that the builder may use, in GiB.")
    min_batch_size: int = integer(1, "Smallest batch the engine takes.", popular=True)
    opt_batch_size: int = integer(1, "Batch the engine is tuned for.", popular=True)
    max_batch_size: int = integer(1, "Largest batch the engine takes.", popular=True)
    calibration: Calibration = section(Calibration)


class GenTrtEngine(actions.Runtime):
    """Compilation to an engine for one machine."""

    results_dir: results.Folder = results.folder()
    onnx_file: str = filled_in("File of the parent job to build from, if it has several.")
    trt_engine: str = text("", actions.ENGINE_FILE)
    tensorrt: TensorRT = section(TensorRT)
