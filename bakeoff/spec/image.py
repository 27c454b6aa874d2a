"""How a picture becomes a network's input.

`Preprocess` is deterministic and ships with the model. `Augment` is random and lives in training
only. They are two types so that one can never be mistaken for the other.
"""

from __future__ import annotations

from typing import Literal

from bakeoff.spec.codec import declaration
from bakeoff.spec.errors import SpecError
from bakeoff.spec.rules import at_least, between

__all__ = ["Augment", "Channels", "Preprocess"]

Channels = tuple[float, float, float]


@declaration
class Preprocess:
    """Decoded picture → square of `size` pixels → normalised channels."""

    size: int | None = None
    """Side of the square, in pixels. None: settled from the pictures and the network at the start
    of a run, and written into the run's recipe."""

    fit: Literal["crop", "pad", "stretch"] = "crop"
    """How a picture that is not square becomes one: cut the long side, fill the short one (the
    whole object stays), or stretch."""

    keep: float = 1.0
    """Share of the short side that `crop` keeps, 0 to 1. Backbones are often measured at 0.875."""

    interpolation: Literal["nearest", "area", "bilinear", "bicubic", "lanczos"] = "area"
    """Resampling filter; always antialiased when shrinking, but for `nearest`. `area` is the mean
    of what a pixel covers, and bilinear where the picture is enlarged."""

    mean: Channels | None = None
    """Per-channel mean, on the scale 0 to 1. None: the backbone's own, or measured on the training
    split. (0, 0, 0) with std (1, 1, 1) is plain scaling to [0, 1]."""

    std: Channels | None = None
    """Per-channel standard deviation, on the scale 0 to 1. None: as for `mean`."""

    def check(self) -> None:
        if self.size is not None:
            between("Preprocess.size", self.size, 4, 4096, "Common sizes: 32, 224.")
        if not 0 < self.keep <= 1:
            raise SpecError("Preprocess.keep", "must be above 0 and at most 1", self.keep)
        if self.keep != 1 and self.fit != "crop":
            raise SpecError(
                "Preprocess.keep",
                f"must be 1 when fit is {self.fit!r}",
                self.keep,
                "Only fit='crop' cuts anything away.",
            )
        if (self.mean is None) != (self.std is None):
            raise SpecError("Preprocess.mean and .std", "must be given together or not at all")
        for value in self.mean or ():
            between("Preprocess.mean", value, 0, 1, "Divide by 255 if it is on the scale 0 to 255.")
        for value in self.std or ():
            if not 0 < value <= 1:
                raise SpecError(
                    "Preprocess.std",
                    "must be above 0 and at most 1",
                    value,
                    "Divide by 255 if it is on the scale 0 to 255.",
                )


@declaration
class Augment:
    """Random changes to training pictures, drawn anew for each picture in each epoch.

    Applied in the order of the fields. All zero, the default, changes nothing.
    """

    flip: Literal["none", "random", "alternate"] = "none"
    """Left-right mirror: never, by a coin toss, or every other epoch (a coin toss the first time,
    so that each picture is seen both ways equally often)."""

    crop: int = 0
    """Pad by this many pixels, reflected, and cut the original size out at a random place."""

    rotation: float = 0.0
    """Turn by up to this many degrees either way."""

    zoom: float = 0.0
    """Scale by a factor between 1 - zoom and 1 + zoom."""

    shift: float = 0.0
    """Move by up to this share of the width and of the height."""

    shear: float = 0.0
    """Slant by up to this many degrees."""

    brightness: float = 0.0
    """Multiply all channels by a factor between 1 - brightness and 1 + brightness."""

    contrast: float = 0.0
    """Stretch about the picture's mean grey by a factor between 1 - contrast and 1 + contrast."""

    saturation: float = 0.0
    """Blend with the grey picture by a factor between 1 - saturation and 1 + saturation."""

    hue: float = 0.0
    """Turn the colour circle by up to this share of it, 0 to 0.5."""

    trivial: bool = False
    """TrivialAugment: one operation of fourteen at a random strength, per picture."""

    cutout: int = 0
    """Blank a square of this many pixels at a random place."""

    mixup: float = 0.0
    """MixUp: parameter of the Beta distribution that mixes two pictures and their labels."""

    cutmix: float = 0.0
    """CutMix: parameter of the Beta distribution for the area pasted from another picture. With
    `mixup` set too, each batch takes one of the two by a coin toss."""

    def check(self) -> None:
        for name in ("crop", "cutout", "mixup", "cutmix"):
            at_least(f"Augment.{name}", getattr(self, name), 0)
        between("Augment.rotation", self.rotation, 0, 180)
        between("Augment.shear", self.shear, 0, 60)
        between("Augment.hue", self.hue, 0, 0.5)
        for name in ("shift", "zoom"):
            between(f"Augment.{name}", getattr(self, name), 0, 0.9)
        for name in ("brightness", "contrast", "saturation"):
            between(f"Augment.{name}", getattr(self, name), 0, 1)
