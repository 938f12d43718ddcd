"""Features of a foundation model that does not learn, added to those of a detector's backbone."""

from collections.abc import Sequence
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tunesmith.networks.backbones import backbone_of


class Foundation(nn.Module):
    """A frozen vision transformer and a projection of its map for each feature level.

    The projections begin at zero: a training starts from what the backbone alone gives.
    """

    def __init__(self, name: str, width: int, strides: Sequence[int]) -> None:
        """Args:
        name: of the foundation model, as in the spec.
        width: of the detector's feature maps.
        strides: of these maps; there is a projection for each.
        """
        super().__init__()
        net: Any = timm.create_model(backbone_of(name).timm_name, num_classes=0, dynamic_img_size=True)
        self.net: nn.Module = net.requires_grad_(False)
        projections = [nn.Conv2d(int(net.num_features), width, 1) for _ in strides]
        for projection in projections:
            nn.init.zeros_(projection.weight)
            nn.init.zeros_(cast("Tensor", projection.bias))
        self.projections = nn.ModuleList(projections)

    def forward(self, images: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """The maps (batch, width, height, width) with the foundation model's features added."""
        with torch.no_grad():
            (features,) = cast("Any", self.net).forward_intermediates(
                images, indices=1, intermediates_only=True
            )
        return [
            one + interpolate(project(features), one.shape[-2:], mode="bilinear", align_corners=False)
            for project, one in zip(self.projections, maps, strict=True)
        ]

    def train(self, mode: bool = True) -> "Foundation":
        """The foundation model stays in evaluation mode."""
        super().train(mode)
        self.net.eval()
        return self
