"""Configurations for NVIDIA DeepStream's inference element, nvinfer.

Its keys: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_plugin_gst-nvinfer.html
"""

from collections.abc import Callable

from tunesmith.training.tasks.base import ExportPlan

CONFIGURATION = "nvdsinfer_config.txt"

_NETWORK_TYPES = {"classification": 1, "segmentation": 2}
_OTHER = 100  # the outputs are handed on as they are, to a parser of the user's
_SPREAD = 0.01


def configuration(plan: ExportPlan, task: str, graph: str, note: Callable[[str], None]) -> str:
    """The text of a configuration for a graph.

    Args:
        plan: what was exported.
        task: which task it does: "classification", "segmentation", or another one.
        graph: the file's name.
        note: takes a sentence on what the configuration cannot say.
    """
    channels, height, width = plan.example.shape[1:]
    means, deviations = (
        [float(one) for one in plan.metadata.get(name, "").split()] or [default]
        for name, default in (("mean", 0.0), ("std", 1.0))
    )
    # nvinfer computes factor * (pixel - offset), with one factor for all channels.
    deviation = sum(deviations) / len(deviations)
    if max(deviations) - min(deviations) > _SPREAD * deviation:
        note(
            f"nvinfer scales all channels alike: {CONFIGURATION} has the mean of the deviations "
            f"{', '.join(f'{one:g}' for one in deviations)}. Normalise before it where this is too coarse."
        )
    kind = _NETWORK_TYPES.get(task, _OTHER)
    values = {
        "gpu-id": 0,
        "gie-unique-id": 1,
        "onnx-file": graph,
        "labelfile-path": "labels.txt",
        "infer-dims": f"{channels};{height};{width}",
        "net-scale-factor": f"{1 / (255 * deviation):.10g}",
        "offsets": ";".join(f"{255 * one:g}" for one in means),
        "model-color-format": 0 if channels == 3 else 2,
        "network-mode": 0,
        "network-type": kind,
        "num-detected-classes": len(plan.labels),
        "output-blob-names": ";".join(plan.output_names),
        "output-tensor-meta": int(kind == _OTHER),
    }
    return "[property]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
