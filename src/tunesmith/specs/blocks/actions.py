"""The sections of the actions that come after training."""

from tunesmith.specs.block import UNSET_PATH, Block
from tunesmith.specs.blocks import results
from tunesmith.specs.blocks.devices import Devices
from tunesmith.specs.fields import array, choice, filled_in, flag, integer, section, text

MODEL = "File of the parent job to use, such as model_epoch_003.pth; untouched, as the experiment says."
ENGINE = "File of the parent job to use, if that built engines."
GRAPH_FILE = "Name of the file to write, whatever its folder; untouched, model.onnx."
ENGINE_FILE = "Name of the file to write, whatever its folder; untouched, model.engine."
RANGES_FILE = "Name of the file that keeps the ranges; untouched, calibration.json."


class Evaluate(Devices):
    """Evaluation of a trained model."""

    checkpoint: str = filled_in(MODEL)
    trt_engine: str = text("", ENGINE)
    results_dir: results.Folder = results.folder()


class Inference(Devices):
    """Predictions for images without labels."""

    checkpoint: str = filled_in(MODEL)
    trt_engine: str = text("", ENGINE)
    results_dir: results.Folder = results.folder()


class DrawnEvaluate(Evaluate):
    """Evaluation of a trained model."""

    vis_after_n_batches: int = integer(1, "Draw every n-th batch.", ge=1)


class DrawnInference(Inference):
    """Predictions for images without labels."""

    vis_after_n_batches: int = integer(1, "Draw every n-th batch.", ge=1)


class OnnxExport(Block):
    """Export to ONNX."""

    results_dir: results.Folder = results.folder()
    gpu_id: int = integer(0, "GPU to export on.", inert="export runs on the processor")
    checkpoint: str = filled_in(MODEL)
    onnx_file: str = filled_in(GRAPH_FILE)
    on_cpu: bool = flag(False, "Export on the processor.", inert="export runs on the processor")
    input_channel: int = choice(3, [1, 3], "Colour channels of the input.")
    input_width: int = integer(960, "Width of the input in pixels; untouched, the trained width.", ge=32)
    input_height: int = integer(544, "Height of the input in pixels; untouched, the trained height.", ge=32)
    opset_version: int = integer(17, "ONNX operator set.", ge=1)
    batch_size: int = integer(-1, "Batch size of the graph; -1 leaves it open.", ge=-1)
    verbose: bool = flag(False, "Write the graph to the log.")


class FormattedExport(OnnxExport):
    """Export to ONNX."""

    format: str = choice("onnx", ["onnx", "xdl"], "File format; xdl is written as ONNX.")


class Export(FormattedExport):
    """Export to ONNX."""

    serialize_nvdsinfer: bool = flag(
        False, "Write nvdsinfer_config.txt, a configuration for DeepStream's inference element."
    )


class Calibration(Block):
    """Images that set the ranges of 8-bit numbers."""

    cal_image_dir: list[str] | str = array(
        UNSET_PATH, "Folders of the images.", automl=False, inert="images come from calibration_dataset"
    )
    cal_cache_file: str = filled_in(RANGES_FILE)
    cal_batch_size: int = integer(1, "Images a batch.", ge=1, popular=True)
    cal_batches: int = integer(
        1, "Batches to look at; if both are left at 1, up to 128 images.", ge=1, popular=True
    )


class Engine(Block):
    """How an engine is built."""

    workspace_size: int = integer(1024, "Memory that the builder may use, in MiB.", ge=0)
    min_batch_size: int = integer(1, "Smallest batch the engine takes.", ge=1, popular=True)
    opt_batch_size: int = integer(1, "Batch the engine is tuned for.", ge=1, popular=True)
    max_batch_size: int = integer(1, "Largest batch the engine takes.", ge=1, popular=True)
    layers_precision: list[str] = array([], "Precision of single layers.", automl=False)


class TensorRT(Engine):
    """How the engine is built."""

    data_type: str = text("fp16", "Number format: fp32, fp16, bf16 or int8.")
    calibration: Calibration = section(Calibration)


class Runtime(Block):
    """What is to run an engine."""

    runtime: str = choice(
        "auto",
        ["auto", "tensorrt", "openvino", "onnxruntime"],
        "What runs the engine. auto takes TensorRT where there is a GPU, else OpenVINO, else ONNX Runtime.",
        ours=True,
    )


class EngineFiles(Runtime):
    """Where an engine comes from and goes to."""

    results_dir: results.Folder = results.folder()
    gpu_id: int = integer(
        0, "GPU to build an engine of TensorRT on; untouched, any free one.", ge=0, popular=True
    )
    onnx_file: str = filled_in("File of the parent job to build from, if it has several.")
    trt_engine: str = filled_in(ENGINE_FILE)
    timing_cache: str = text(
        "",
        "File of the workspace with timings of TensorRT's kernels, which make a build shorter; the results "
        "have one of its name with what this build adds.",
    )
    batch_size: int = integer(-1, "Batch size of the engine; -1 leaves it open.", ge=-1, popular=True)
    verbose: bool = flag(False, "Write the builder's steps to the log.")


class GenTrtEngine(EngineFiles):
    """Compilation to an engine for one machine."""

    tensorrt: TensorRT = section(TensorRT)
