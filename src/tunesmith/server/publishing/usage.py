"""Shows on a model card how its model is used."""

from collections.abc import Mapping
from typing import Any

from tunesmith.server.publishing.source import Model, Source

_CHECKPOINT = """`{key}` is a checkpoint of torch, of plain data and tensors. It holds the weights as `model`,
and the spec and the classes beside them.

```python
import torch

checkpoint = torch.load("{key}", map_location="cpu", weights_only=True)
print(checkpoint["classes"], sum(weight.numel() for weight in checkpoint["model"].values()))
```

On a tunesmith server, its job is the parent of what uses it:

```
tunesmith jobs run {experiment} evaluate --parent {job} --watch
tunesmith jobs run {experiment} export --parent {job} --watch
```"""

_IMAGES = """With [ONNX Runtime](https://onnxruntime.ai), NumPy and Pillow:

```python
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("{key}")
image = Image.open("image.jpg").convert("{mode}").resize(({width}, {height}))
pixels = np.asarray(image, np.float32).reshape({height}, {width}, {channels}) / 255
mean, std = np.float32({mean}), np.float32({std})
batch = np.repeat(((pixels - mean) / std).transpose(2, 0, 1)[None], {batch}, axis=0)
outputs = dict(zip({outputs}, session.run({outputs}, {{"{input}": batch}})))
{told}
```"""

_TENSORS = """With [ONNX Runtime](https://onnxruntime.ai) and NumPy:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{key}")
inputs = {{
    one.name: np.zeros([size if isinstance(size, int) else 1 for size in one.shape], np.float32)
    for one in session.get_inputs()
}}
for output, value in zip(session.get_outputs(), session.run(None, inputs)):
    print(output.name, value.shape)
```"""


def sample(source: Source, model: Model) -> str:
    """How a program uses the model, as Markdown with code."""
    if model.key.endswith(".onnx"):
        return _of_images(source, model) or _TENSORS.format(key=model.key)
    if model.key.endswith(".pth"):
        return _CHECKPOINT.format(key=model.key, experiment=source.experiment.id, job=source.job.id)
    return f"`{model.key}` runs where it was made for: on the same kind of device, with the same runtime."


def _of_images(source: Source, model: Model) -> str | None:
    """For a graph that takes normalised images and says how (see the outcome of its export)."""
    outcome = model.details.outcome
    try:
        channels, height, width = (int(size) for size in outcome["input"]["shape"])
        mean, std = (_numbers(outcome["metadata"], name) for name in ("mean", "std"))
        name, outputs = str(outcome["input"]["name"]), [str(one) for one in outcome["outputs"]]
    except (KeyError, TypeError, ValueError):
        return None
    labelled = "labels.txt" in model.files and "probs" in outputs
    return _IMAGES.format(
        key=model.key,
        mode="L" if channels == 1 else "RGB",
        channels=channels,
        height=height,
        width=width,
        mean=mean,
        std=std,
        batch=_batch(source.job.specs),
        input=name,
        outputs=outputs,
        told=(
            'labels = open("labels.txt", encoding="utf-8").read().splitlines()\n'
            'print(labels[outputs["probs"][0].argmax()], outputs["probs"][0].max())'
            if labelled
            else "print({name: value.shape for name, value in outputs.items()})"
        ),
    )


def _numbers(metadata: Mapping[str, Any], name: str) -> list[float]:
    return [float(number) for number in metadata[name].split()]


def _batch(specs: Mapping[str, Any]) -> int:
    """The batch that the graph takes; one image where that is open."""
    section = specs.get("export")
    size = section.get("batch_size") if isinstance(section, Mapping) else None
    return size if isinstance(size, int) and size > 0 else 1
