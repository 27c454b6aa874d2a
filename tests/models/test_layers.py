"""Layers of our own: what they compute, and that maps stay channels-last."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from bakeoff.models.layers import (
    Attend,
    ChannelNorm,
    Pooled,
    Positioned,
    ResidualBlock,
    Scaled,
    Whitening,
)


def _correlated_pictures(count: int = 300) -> torch.Tensor:
    grey = torch.randn(count, 1, 9, 9)
    return functional.avg_pool2d(grey, 2, stride=1) + 0.3 * torch.randn(count, 3, 8, 8)


def test_whitening_makes_components_independent_and_of_equal_size() -> None:
    """After learning, the components of the patches have variance one and no correlation."""
    layer = Whitening(3, kernel=2, epsilon=1e-6)
    pictures = _correlated_pictures()
    layer.learn(pictures)
    components = layer(pictures)[:, :12].transpose(0, 1).reshape(12, -1)
    moments = components @ components.T / components.shape[1]
    assert torch.allclose(moments, torch.eye(12), atol=1e-3)


def test_whitening_gives_each_component_with_both_signs() -> None:
    """The second half of the maps is the first half turned round, so GELU loses nothing."""
    layer = Whitening(3, kernel=2, epsilon=5e-4)
    layer.learn(_correlated_pictures())
    maps = layer(torch.randn(2, 3, 8, 8))
    assert torch.equal(maps[:, :12], -maps[:, 12:])


def test_whitening_puts_the_strongest_component_first() -> None:
    """Components are ordered by the variance they explain."""
    layer = Whitening(3, kernel=2, epsilon=1e-6)
    layer.learn(_correlated_pictures())
    norms = layer.filters[:12].flatten(1).norm(dim=1)
    assert (norms.diff() >= -1e-5).all()


def test_whitening_passes_pixels_through_before_it_has_learnt() -> None:
    """Without pictures the layer is a plain one, not a broken one."""
    layer = Whitening(3, kernel=1, epsilon=5e-4)
    pictures = torch.randn(2, 3, 4, 4)
    assert torch.equal(layer(pictures), torch.cat([pictures, -pictures], dim=1))


def test_whitening_survives_pictures_of_one_colour() -> None:
    """Patches without any variance give finite filters."""
    layer = Whitening(3, kernel=2, epsilon=5e-4)
    layer.learn(torch.zeros(4, 3, 8, 8))
    assert torch.isfinite(layer.filters).all()


def test_whitening_trains_its_bias_only() -> None:
    """No optimiser can reach the filters, and they are saved with the weights."""
    layer = Whitening(3, kernel=2, epsilon=5e-4)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    assert "filters" in layer.state_dict()


def test_channel_norm_normalises_each_place() -> None:
    """Each place is normalised over its channels, as a layer norm on rows of them would."""
    maps = torch.randn(2, 6, 3, 4)
    expected = nn.LayerNorm(6, eps=1e-6)(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    assert torch.allclose(ChannelNorm(6, 1e-6)(maps), expected)


def test_attention_is_that_of_torch() -> None:
    """With the same weights, torch's multi-head attention over the places gives the same."""
    ours = Attend(8, heads=2)
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.gather.weight)
        theirs.in_proj_bias.copy_(ours.gather.bias)
        theirs.out_proj.weight.copy_(ours.mix.weight)
        theirs.out_proj.bias.copy_(ours.mix.bias)
    maps = torch.randn(3, 8, 4, 5)
    places = maps.flatten(2).transpose(1, 2)
    expected, _ = theirs(places, places, places)
    assert torch.allclose(ours(maps), expected.transpose(1, 2).view(3, 8, 4, 5), atol=1e-6)


def test_dropped_bodies_leave_the_shortcut_and_keep_the_mean() -> None:
    """While training some pictures skip the body, and the rest are raised to make up for it."""
    block = ResidualBlock(nn.Identity(), nn.Identity(), drop=0.5)
    ones = torch.ones(4000, 1)
    changed = block(ones)
    assert set(changed.unique().tolist()) == {1.0, 3.0}
    assert changed.mean().item() == pytest.approx(2, abs=0.1)
    assert torch.equal(block.eval()(ones), 2 * ones)


@pytest.mark.parametrize(
    "layer",
    [
        ChannelNorm(8, 1e-6),
        Attend(8, heads=2),
        Positioned((8, 4, 4)),
        Scaled((8, 4, 4), 0.5),
        ResidualBlock(nn.Conv2d(8, 8, 3, padding=1), nn.Identity(), 0.0),
        Whitening(8, 2, 5e-4),
    ],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maps_stay_channels_last(layer: nn.Module, dtype: torch.dtype) -> None:
    """A channels-last map in gives a channels-last map of the same type out: no hidden copies."""
    maps = torch.randn(2, 8, 4, 4, dtype=dtype).to(memory_format=torch.channels_last)
    made = layer.to(dtype)(maps)
    assert made.dtype == dtype
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_global_pools_take_the_mean_or_the_largest() -> None:
    """One value per channel, whatever the size of the map."""
    maps = torch.arange(12.0).view(1, 2, 2, 3)
    assert Pooled("mean")(maps).tolist() == [[2.5, 8.5]]
    assert Pooled("max")(maps).tolist() == [[5.0, 11.0]]
