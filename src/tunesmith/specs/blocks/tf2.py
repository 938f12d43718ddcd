"""What the specs of the older dialect share, which was written for TensorFlow."""

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import actions, results
from tunesmith.specs.fields import array, choice, filled_in, flag, integer, number, section, text

OTHER_RUNTIME = "the service starts its processes itself"
LAYOUT = "Order of an image's numbers in memory; untouched, what is faster here."
BLOCKING = "Wait for each of the GPU's kernels, so that an error is told where it happens."
PROCESSES = "Processes that train together, each with a GPU; untouched, num_gpus."


class ClearML(Block):
    """ClearML: acts where the server has its package and the experiment a CLEARML_API_ACCESS_KEY."""

    project: str = text("TAO Toolkit", "Project to report to.")
    task: str = text("train", "Name of the task.")
    deferred_init: bool = flag(False, "Connect in the background.")
    reuse_last_task_id: bool = flag(False, "Write over the last task of this name.")
    continue_last_task: bool = flag(False, "Go on with the last task of this name.")
    tags: list[str] = array(["tao-toolkit"], "Tags of the task.", automl=False)


class MpiArgs(Block):
    """How GPUs of several processes talk to each other, by NVIDIA's library NCCL."""

    nccl_ib_hca: str = text("mlx5_4,mlx5_6,mlx5_8,mlx5_10", "InfiniBand adapters; untouched, NCCL chooses.")
    nccl_socket_ifname: str = text("^lo,docker", "Network interfaces; untouched, NCCL chooses.")


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
