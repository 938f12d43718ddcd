"""The spec of mask2former. Names, types, defaults and bounds are the published API's."""

from tunesmith.networks.mask2former.blocks import Dataset, Train
from tunesmith.networks.mask2former.sections import Model
from tunesmith.specs.blocks import actions, common
from tunesmith.specs.fields import choice, integer, section


class Export(actions.OnnxExport):
    """Export to ONNX."""

    input_channel: int = integer(3, "Colour channels of the input.", ge=3)


class TensorRT(actions.Engine):
    """How the engine is built."""

    data_type: str = choice("FP32", ["FP32", "FP16"], "Number format.")


class GenTrtEngine(actions.EngineFiles):
    """Compilation to an engine for one machine."""

    tensorrt: TensorRT = section(TensorRT)


class Mask2FormerSpec(common.Experiment):
    """mask2former."""

    model: Model = section(Model)
    dataset: Dataset = section(Dataset)
    train: Train = section(Train)
    evaluate: actions.Evaluate = section(actions.Evaluate)
    export: Export = section(Export)
    inference: actions.Inference = section(actions.Inference)
    gen_trt_engine: GenTrtEngine = section(GenTrtEngine)
