"""Builds the model of mal: a ViT and a mask head, twice; the teacher is a running average of the student."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any, Literal, cast

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tunesmith.networks.classifier import Keys, timm_model
from tunesmith.networks.layers.encoder_weights import encoder_weights
from tunesmith.networks.mal.spec import MalSpec
from tunesmith.specs import SpecError, SpecProblem

TIMM_NAMES = {
    "vit-deit-tiny/16": "deit_tiny_patch16_224",
    "vit-deit-small/16": "deit_small_patch16_224",
    "vit-mae-base/16": "vit_base_patch16_224",
    "vit-mae-large/16": "vit_large_patch16_224",
    "vit-mae-huge/14": "vit_huge_patch14_224",
}
"""What timm calls the published names; the others are its own."""

_KEYS = Keys("model.arch", "model.arch", "dataset.crop_size")
_GROUPS = 8
_NETS = ("student.net.", "teacher.net.")

Speaker = Literal["student", "teacher", "both"]


class MaskHead(nn.Module):
    """A map of pixels, and what of it belongs to the object: their product is the mask.

    Args:
        width: of the encoder's features.
        spec: the section model.
    """

    def __init__(self, width: int, spec: MalSpec) -> None:
        super().__init__()
        model = spec.model
        self._before, self._behind = model.mask_scale_ratio_pre, model.mask_scale_ratio
        self._enlarges = not model.not_adjust_scale
        hidden, out = model.mask_head_hidden_channel, model.mask_head_out_channel
        widths = [width, *[hidden] * (model.mask_head_num_convs - 1), out]
        self.pixels = nn.Sequential(*(_conv(a, b) for a, b in pairwise(widths)), nn.Conv2d(out, out, 1))
        self.instance = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, out + 1))

    def forward(self, maps: Tensor, whole: Tensor) -> Tensor:
        """Logits (batch, height, width).

        Args:
            maps: features (batch, width, rows, columns).
            whole: features of the whole image, (batch, width).
        """
        if self._before != 1:
            maps = interpolate(maps, scale_factor=float(self._before), mode="bilinear")
        pixels = self.pixels(maps)
        if self._enlarges and self._behind != 1:
            pixels = interpolate(pixels, scale_factor=self._behind, mode="bilinear")
        asked = self.instance(whole)
        weights, bias = asked[:, :-1], asked[:, -1]
        found = torch.einsum("bchw,bc->bhw", pixels, weights) / weights.shape[1] ** 0.5
        return cast("Tensor", found + bias[:, None, None])


class Labeller(nn.Module):
    """An encoder and a mask head. Takes normalised crops (batch, 3, side, side), returns mask logits.

    Attributes:
        net: the timm model.
        head: the mask head.
    """

    def __init__(self, net: nn.Module, spec: MalSpec) -> None:
        super().__init__()
        self.net = net
        self.head = MaskHead(int(cast("Any", net).num_features), spec)

    def forward(self, crops: Tensor) -> Tensor:
        """Logits (batch, height, width) of masks of the map's size."""
        net = cast("Any", self.net)
        tokens = net.forward_features(crops)[:, net.num_prefix_tokens :]
        rows, columns = net.patch_embed.grid_size
        maps = tokens.transpose(1, 2).reshape(len(crops), -1, rows, columns)
        return cast("Tensor", self.head(maps, tokens.mean(dim=1)))


class MaskAutoLabeller(nn.Module):
    """Student and teacher. Takes normalised crops (batch, 3, side, side), returns mask probabilities.

    Attributes:
        student: what learns.
        teacher: its running average.
        speaker: whose masks are returned; "both" takes their mean.
        flips: whether the mask of the mirrored crop is averaged in.
    """

    def __init__(self, student: Labeller, momentum: float) -> None:
        super().__init__()
        self.student = student
        self.teacher = deepcopy(student).requires_grad_(False)
        self.speaker: Speaker = "student"
        self.flips = False
        self._momentum = momentum

    def forward(self, crops: Tensor) -> Tensor:
        """Probabilities (batch, height, width) of masks of the map's size."""
        found = self._probabilities(crops)
        if self.flips:
            found = (found + self._probabilities(crops.flip(-1)).flip(-1)) / 2
        return found

    @torch.no_grad()
    def follow(self) -> None:
        """Let the teacher follow the student by a step."""
        mine: list[Tensor] = list(self.teacher.parameters())
        its: list[Tensor] = list(self.student.parameters())
        torch._foreach_lerp_(mine, its, 1.0 - self._momentum)

    def train(self, mode: bool = True) -> "MaskAutoLabeller":
        """The teacher leaves nothing out."""
        super().train(mode)
        self.teacher.eval()
        return self

    def _probabilities(self, crops: Tensor) -> Tensor:
        both = {"student": self.student, "teacher": self.teacher}
        speakers = list(both.values()) if self.speaker == "both" else [both[self.speaker]]
        found = [speaker(crops).float().sigmoid() for speaker in speakers]
        return torch.stack(found).mean(dim=0)


def build(spec: MalSpec) -> MaskAutoLabeller:
    """The model with random weights.

    Raises:
        SpecError: it cannot be built; the message names the key and the reason.
    """
    if problems := list(_problems(spec)):
        raise SpecError(problems)
    model, side = spec.model, spec.dataset.crop_size
    name = TIMM_NAMES.get(model.arch, model.arch.removeprefix("timm/"))
    arguments: dict[str, Any] = {"drop_path_rate": model.vit_dpr}
    if name.startswith(("vit_", "deit", "test_vit")):
        arguments |= {"img_size": (side, side), "dynamic_img_size": False, "fc_norm": False}
    net = timm_model(name, 0, (side, side), arguments, _KEYS)
    if not isinstance(net, VisionTransformer):
        raise SpecError([SpecProblem("model.arch", "must be a ViT of timm", model.arch)])
    patch = net.patch_embed.patch_size[0]
    if side % patch:
        rule = f"must be a multiple of {patch} pixels for {model.arch}"
        raise SpecError([SpecProblem("dataset.crop_size", rule, side)])
    frozen = [place for place in model.frozen_stages if place >= 0]
    if frozen and max(frozen) >= len(net.blocks):
        rule = f"must hold layers of the encoder, 0 to {len(net.blocks) - 1}, or -1"
        raise SpecError([SpecProblem("model.frozen_stages", rule, model.frozen_stages)])
    labeller = Labeller(net, spec)
    _freeze(net, frozen)
    return MaskAutoLabeller(labeller, model.teacher_momentum)


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: MaskAutoLabeller) -> dict[str, Tensor]:
    """Weights of a labeller of another crop size, or of an encoder for student and teacher, under the names
    and in the shapes that they have here: what `fit` looks for."""
    found = {name: value for name, value in weights.items() if not name.startswith(_NETS)}
    whole = len(found) < len(weights)
    for start in _NETS:
        own = {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}
        net = encoder_weights(own if whole else weights, model.student.net)
        found |= {f"{start}{name}": value for name, value in net.items()}
    return found


def _conv(given: int, width: int) -> nn.Module:
    groups = next(one for one in range(min(_GROUPS, width), 0, -1) if width % one == 0)
    return nn.Sequential(nn.Conv2d(given, width, 3, padding=1), nn.GroupNorm(groups, width), nn.GELU())


def _freeze(net: VisionTransformer, frozen: list[int]) -> None:
    if frozen:
        net.patch_embed.requires_grad_(False)
        for one in (net.pos_embed, net.cls_token, net.reg_token):
            if one is not None:
                one.requires_grad_(False)
    for place in frozen:
        net.blocks[place].requires_grad_(False)


def _problems(spec: MalSpec) -> Iterator[SpecProblem]:
    model = spec.model
    if model.mask_scale_ratio_pre < 1:
        rule = "must be at least 1"
        yield SpecProblem("model.mask_scale_ratio_pre", rule, model.mask_scale_ratio_pre)
    if model.mask_scale_ratio <= 0:
        yield SpecProblem("model.mask_scale_ratio", "must be above 0", model.mask_scale_ratio)
    if not 0 <= model.vit_dpr < 1:
        yield SpecProblem("model.vit_dpr", "must be from 0 to below 1", model.vit_dpr)
