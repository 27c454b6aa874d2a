"""Test-time augmentation: which views there are, what they show, how their scores are averaged."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bakeoff.models.views import View, averaged, mirrors, seen, views_for, views_of
from bakeoff.recipes import RECIPES
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import Classes, Conv, GlobalPool, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, Stage


def pictures(side: int = 32, count: int = 3) -> Tensor:
    """Noise, wider than it is high."""
    return torch.randint(0, 256, (count, side, side + 4, 3), dtype=torch.uint8)


def scores(batch: Tensor) -> Tensor:
    """Two numbers of each picture that any move or mirror changes."""
    planes = batch.float()
    across = torch.linspace(-1, 1, batch.shape[2])[None, None, :, None]
    down = torch.linspace(-1, 2, batch.shape[1])[None, :, None, None]
    return torch.stack([(planes * across).mean((1, 2, 3)), (planes * down).mean((1, 2, 3))], 1)


def recipe(*stages: Augment | None, augment: Augment | None = None) -> Recipe:
    """A network with stages that are augmented so."""
    plain = Stage(epochs=1, batch=2, optimiser=SGD(rate=0.1))
    return Recipe(
        name="some",
        network=Network(rows=(Conv(width=4), GlobalPool(), Classes())),
        preprocess=Preprocess(size=32),
        augment=augment or Augment(),
        stages=tuple(
            Stage(epochs=plain.epochs, batch=plain.batch, optimiser=plain.optimiser, augment=own)
            for own in stages or (None,)
        ),
    )


def test_six_views_are_those_of_the_speed_record() -> None:
    """Mirror pairs of the middle at half the weight and of two reflect-padded, diagonal moves at a
    quarter each, written out another way."""
    batch = pictures()
    padded = functional.pad(batch.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="reflect")
    inner = padded.to(torch.uint8).permute(0, 2, 3, 1)

    def both(view: Tensor) -> Tensor:
        return (scores(view) + scores(view.flip(2))) / 2

    wanted = (
        both(batch) / 2
        + both(inner[:, :-2, :-2].contiguous()) / 4
        + both(inner[:, 2:, 2:].contiguous()) / 4
    )
    found = averaged(scores, batch, views_of("six", size=32, mirror=True))
    torch.testing.assert_close(found, wanted)
    assert not torch.allclose(found, scores(batch))


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("size", [8, 15, 32, 33, 224])
@pytest.mark.parametrize("kind", ["flip", "six"])
def test_weights_add_up(kind: str, size: int, mirror: bool) -> None:
    """Whatever the set, the first view is the picture, and the weights add up to 1."""
    views = views_of(kind, size=size, mirror=mirror)  # type: ignore[arg-type]
    assert views[0].moved == 0
    assert not views[0].mirrored
    assert sum(view.weight for view in views) == 1
    assert any(view.mirrored for view in views) == mirror


def test_moves_grow_with_the_picture() -> None:
    """One pixel at 32, seven at 224, none where one pixel would be far."""
    moves = {
        size: {view.moved for view in views_of("six", size=size, mirror=False)}
        for size in (8, 32, 224)
    }
    assert moves == {8: {0}, 32: {-1, 0, 1}, 224: {-7, 0, 7}}
    assert views_of("six", size=8, mirror=False) == (View(),)
    assert len(views_of("six", size=32, mirror=False)) == 3
    assert len(views_of("six", size=8, mirror=True)) == 2
    assert len(views_of("flip", size=32, mirror=True)) == 2


def test_the_plain_view_is_the_picture() -> None:
    """Nothing is copied, nothing changed."""
    batch = pictures()
    assert seen(batch, View()) is batch


def test_what_a_view_shows() -> None:
    """Moved right and down with the edge reflected, then mirrored; the picture itself is left."""
    batch = torch.arange(9, dtype=torch.uint8).reshape(1, 3, 3, 1).repeat(1, 1, 1, 3)
    before = batch.clone()
    moved = seen(batch, View(moved=1))[0, :, :, 0].tolist()
    assert moved == [[4, 3, 4], [1, 0, 1], [4, 3, 4]]
    back = seen(batch, View(moved=-1, mirrored=True))[0, :, :, 0].tolist()
    assert back == [[4, 5, 4], [7, 8, 7], [4, 5, 4]]
    assert torch.equal(batch, before)


def test_mirrors_only_where_training_does() -> None:
    """Any stage that mirrors counts; a stage's own augmentation stands before the recipe's."""
    flip = Augment(flip="random")
    assert not mirrors(recipe())
    assert mirrors(recipe(augment=flip))
    assert mirrors(recipe(Augment(), Augment(flip="alternate")))
    assert not mirrors(recipe(Augment(crop=2), augment=flip))
    assert mirrors(RECIPES["speed"]())
    assert not mirrors(RECIPES["forest"]())


def test_views_for_a_recipe() -> None:
    """By its size and by what its training does."""
    assert views_for(recipe()) == views_of("six", size=32, mirror=False)
    with_flip = recipe(augment=Augment(flip="random"))
    assert views_for(with_flip) == views_of("six", size=32, mirror=True)
    assert views_for(with_flip, "flip") == views_of("flip", size=32, mirror=True)
