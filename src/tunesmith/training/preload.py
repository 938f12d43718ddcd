"""Imports what jobs that compute need, so that a fork has it at once."""

import lightning_fabric  # noqa: F401
import onnx  # noqa: F401
import onnxruntime  # noqa: F401
import timm  # noqa: F401
import torch  # noqa: F401
import torchmetrics  # noqa: F401
import torchvision.transforms.v2  # noqa: F401
import transformers.modeling_utils  # noqa: F401
