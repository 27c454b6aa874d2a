"""The first layers of a backbone, for pictures of 32 pixels."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from bakeoff.spec.errors import SpecError

__all__ = ["widen_stem"]


def widen_stem(model: nn.Module, name: str, second_block: str) -> None:
    """Let the first layers keep the size of the map, where they would shrink it.

    Convolutions before `second_block`, the first parameter of the block after the stem, step by one
    pixel (by two where the kernel's side is even, so that it stays centred), and pools there are
    left out: a ResNet shrinks pictures by 8 and no longer by 32. The filters stay, so that
    pretrained ones still fit.
    """
    stem = list(_before(model, second_block))
    strided = [
        layer for _, _, layer in stem if isinstance(layer, nn.Conv2d) and max(layer.stride) > 1
    ]
    if not strided or hasattr(model, "patch_embed"):
        raise SpecError(
            "Backbone.stem",
            f"must be 'own' for {name}, whose first layers have no stride to take away",
            "small",
            "Pass Backbone(size=…) instead: pictures are resized inside the model.",
        )
    for layer in strided:
        kernel = layer.kernel_size[0]
        layer.stride = (1, 1) if kernel % 2 else (2, 2)
        if kernel % 2 == 0:
            layer.padding = ((kernel - 2) // 2,) * 2
    for parent, own_name, module in stem:
        if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            setattr(parent, own_name, nn.Identity())


def _before(model: nn.Module, parameter: str) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """All modules in the order they are called, with their parents, up to the parameter's."""
    end = parameter.rpartition(".")[0]
    for name, module in model.named_modules():
        if name == end:
            return
        parent, _, own_name = name.rpartition(".")
        yield model.get_submodule(parent), own_name, module
