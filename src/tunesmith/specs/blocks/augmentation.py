"""How training images are varied at random."""

from tunesmith.specs.block import Block
from tunesmith.specs.fields import array, flag, number


class RandomFlip(Block):
    """Mirror images."""

    vflip_probability: float = number(0.5, "Share mirrored top to bottom.", ge=0, le=1, automl=True)
    hflip_probability: float = number(0.5, "Share mirrored left to right.", ge=0, le=1, automl=True)
    enable: bool = flag(True, "Mirror images.", automl=True)


class RandomRotate(Block):
    """Turn images by one of several angles."""

    rotate_probability: float = number(0.5, "Share of the images turned.", ge=0, le=1, automl=True)
    angle_list: list[float] = array([90, 180, 270], "Angles in degrees.", automl=False)
    enable: bool = flag(True, "Turn images.", automl=True)


class RandomColor(Block):
    """Vary colours."""

    brightness: float = number(0.3, "Largest change of brightness.", ge=0, math_cond="> 0.0", automl=True)
    contrast: float = number(0.3, "Largest change of contrast.", ge=0, math_cond="> 0.0", automl=True)
    saturation: float = number(0.3, "Largest change of saturation.", ge=0, math_cond="> 0.0", automl=True)
    hue: float = number(0.0, "Largest turn of hue, up to 0.5.", ge=0, le=0.5, math_cond="> 0.0", automl=True)
    enable: bool = flag(True, "Vary colours.", automl=True)
    color_probability: float = number(0.5, "Share of the images varied.", ge=0, le=1, automl=True)


class ScaleRandomCrop(Block):
    """Enlarge, then cut out."""

    scale_range: list[float] = array([1, 1.2], "Smallest and largest enlargement.", automl=False)
    enable: bool = flag(True, "Enlarge and cut.", automl=True)
