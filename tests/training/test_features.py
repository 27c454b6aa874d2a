"""Features of frozen backbones: computed once, proved, kept, and gone on with after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bakeoff.data.batches import Batches
from bakeoff.data.cache import cache_folder
from bakeoff.spec.errors import CacheError, SpecError
from bakeoff.spec.image import Augment
from bakeoff.training import features
from bakeoff.training.features import Features, are_kept, extract, weights_digest
from bakeoff.training.proving import Exact, Way

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
INDICES = np.arange(3, 45)


def batches(augment: Augment | None = None, *, batch: int = 10, seed: int = 1) -> Batches:
    """The part: 42 of 50 pictures."""
    return Batches(
        images=IMAGES,
        labels=np.zeros(50, np.int64),
        indices=INDICES,
        part="train",
        classes=2,
        batch=batch,
        seed=seed,
        augment=augment or Augment(),
        resident=True,
    )


class Backbone:
    """Counts the pictures it is given."""

    def __init__(self, *, error: float = 0.0, factor: float = 1.0) -> None:
        torch.manual_seed(7)
        self.layer = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.error = error
        self.factor = factor
        self.seen = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        made: Tensor = self.layer(images.permute(0, 3, 1, 2).float() / 255).flatten(1)
        return made * self.factor * (1 + self.error)


def way(backbone: Callable[[Tensor], Tensor], name: str = "torch in fp32") -> Way:
    """A way to compute them."""
    return Way(name=name, prepare=lambda: backbone)


def sample(count: int) -> tuple[Tensor, Tensor]:
    """The first 16 pictures of the part: what ways are proved on."""
    return torch.from_numpy(IMAGES[INDICES[:16]]), torch.zeros(16, dtype=torch.int64)


def exact(*ways: Way, **fields: float) -> Exact:
    """The ways, proved on those."""
    return Exact(ways=ways, sample=sample, **fields)


def run(*ways: Way, augment: Augment | None = None, views: int = 1, batch: int = 10) -> Features:
    """Extract with what most tests leave as it is."""
    found = exact(*ways)
    return extract(found, batches(augment, batch=batch), network="n", pictures="p", views=views)


def test_features_are_the_networks_and_are_computed_once() -> None:
    """They are what the network gives, in the part's order; the second time it is not asked."""
    backbone = Backbone()
    got = run(way(backbone))
    assert got.computed == 1
    assert got.reasons == ("Features by torch in fp32.",)
    (values,) = got.views
    assert values.shape == (42, 6)
    assert values.dtype == np.float16
    assert isinstance(values, np.memmap)
    assert not values.flags.writeable
    wanted = Backbone()(torch.from_numpy(IMAGES[INDICES])).detach().numpy()
    np.testing.assert_allclose(values, wanted, rtol=1e-3, atol=1e-6)
    seen = backbone.seen
    again = run(way(backbone))
    assert again.computed == 0
    assert backbone.seen == seen
    assert again.reasons == got.reasons
    np.testing.assert_array_equal(again.views[0], values)


def test_the_key_is_all_that_features_depend_on() -> None:
    """Other weights, pictures, parts, ways, augmentations or seeds are other features; another
    batch size is not, nor another seed where nothing is random."""
    flip = Augment(flip="random")
    options = {"network": "n", "pictures": "p"}
    ways = exact(way(Backbone()))
    first = extract(ways, batches(), **options).digest  # type: ignore[arg-type]
    other = batches()
    object.__setattr__(other, "indices", INDICES[::-1].copy())
    digests = [
        first,
        extract(ways, batches(), network="m", pictures="p").digest,
        extract(ways, batches(), network="n", pictures="q").digest,
        extract(exact(way(Backbone(), "another")), batches(), **options).digest,  # type: ignore[arg-type]
        extract(ways, other, **options).digest,  # type: ignore[arg-type]
        extract(ways, batches(flip), **options).digest,  # type: ignore[arg-type]
        extract(ways, batches(flip, seed=2), **options).digest,  # type: ignore[arg-type]
        extract(exact(way(Backbone()), tolerance=0.2), batches(), **options).digest,  # type: ignore[arg-type]
    ]
    newer = Way(name="torch in fp32", version="2", prepare=lambda: Backbone())
    digests.append(extract(exact(newer), batches(), **options).digest)  # type: ignore[arg-type]
    assert len(set(digests)) == len(digests)
    assert extract(ways, batches(seed=2, batch=7), **options).digest == first  # type: ignore[arg-type]


def test_views_are_epochs_of_the_augmentation() -> None:
    """Each view shows the pictures as that epoch does; more of them add to those there are."""
    augment = Augment(flip="alternate", crop=2)
    backbone = Backbone()
    two = run(way(backbone), augment=augment, views=2)
    seen = backbone.seen
    three = run(way(backbone), augment=augment, views=3)
    assert (two.computed, three.computed) == (2, 1)
    # The new view's pictures, and the proof again: some to warm up, and the sample.
    assert backbone.seen - seen == 42 + 8 + 16
    for view in range(3):
        shown = torch.cat([batch.images for batch in batches(augment).epoch(view)])
        wanted = Backbone()(shown).detach().numpy()
        np.testing.assert_allclose(three.views[view], wanted, rtol=1e-3, atol=1e-6)
    assert not np.array_equal(three.views[0], three.views[1])


def test_the_first_way_near_enough_is_used() -> None:
    """A fast way within the tolerance of the reference is taken, with the proof; one that is off
    is passed over, by name and figure."""
    wrong, near, true = Backbone(error=0.2), Backbone(error=0.01), Backbone()
    got = run(way(wrong, "wrong"), way(near, "near"), way(true))
    (reason,) = got.reasons
    assert reason.startswith(
        "Features by near: at most 1.00% from torch in fp32 on 16 pictures (10% is allowed), "
    )
    assert reason.endswith(" times as fast. Not by wrong: up to 20.0% off.")
    assert (wrong.seen, near.seen, true.seen) == (24, 66, 24)
    values = Backbone(error=0.01)(torch.from_numpy(IMAGES[INDICES])).detach().numpy()
    np.testing.assert_allclose(got.views[0], values, rtol=1e-3, atol=1e-6)


def test_if_none_is_near_enough_the_reference_is_used() -> None:
    """Not a number, another shape and too far off all mean the reference."""

    def broken(images: Tensor) -> Tensor:
        return torch.full((len(images), 6), float("nan"))

    def short(images: Tensor) -> Tensor:
        return torch.zeros(len(images), 5)

    got = run(way(broken, "broken"), way(short, "short"), way(Backbone()))
    assert got.reasons == (
        "Features by torch in fp32. Not by broken: up to inf% off. Not by short: up to inf% off.",
    )


def test_maps_are_kept_as_maps_and_large_values_in_fp32() -> None:
    """A head on a feature map gets maps; what fp16 might not hold is kept in fp32."""

    def maps(images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2)[:, :2, :4, :5].float() * 1000

    (values,) = run(way(maps)).views
    assert values.shape == (42, 2, 4, 5)
    assert values.dtype == np.float32
    wanted = IMAGES[INDICES].transpose(0, 3, 1, 2)[:, :2, :4, :5] * 1000.0
    np.testing.assert_array_equal(values, wanted)


def test_after_a_crash_it_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that were saved are not computed again, what was torn off is, and the features are
    those of an unbroken extraction, bit by bit."""
    monkeypatch.setattr(features, "_SAVED_EVERY", 20)
    whole = np.array(run(way(Backbone())).views[0])
    said: list[int] = []

    class Failing(Backbone):
        def __call__(self, images: Tensor) -> Tensor:
            if self.seen >= 24 + 35:
                raise KeyboardInterrupt
            return super().__call__(images)

    options = {"network": "other", "pictures": "p"}
    with pytest.raises(KeyboardInterrupt):
        extract(exact(way(Failing())), batches(), **options)  # type: ignore[arg-type]
    # 40 of 42 pictures were computed, and all of them made sure of.
    resumed = Backbone()

    def told(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        assert task == "extracting features"
        assert total == 42
        said.append(done)

    got = extract(exact(way(resumed)), batches(), progress=told, **options)  # type: ignore[arg-type]
    assert resumed.seen == 24 + 2
    assert said == [40, 42]
    np.testing.assert_array_equal(got.views[0], whole)
    assert [p.name for p in (cache_folder() / "features").iterdir() if p.suffix == ".part"] == []


@pytest.mark.parametrize("harm", ["facts", "features", "batch"])
def test_remains_that_do_not_fit_are_not_used(monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    """Torn notes, lost features and another batch size mean starting afresh."""
    monkeypatch.setattr(features, "_SAVED_EVERY", 10)
    backbone = Backbone()

    class Failing(Backbone):
        def __call__(self, images: Tensor) -> Tensor:
            if self.seen >= 24 + 15:
                raise KeyboardInterrupt
            return super().__call__(images)

    with pytest.raises(KeyboardInterrupt):
        run(way(Failing()))
    (part,) = (cache_folder() / "features").glob(".*.part")
    if harm == "facts":
        (part / "facts.json").write_text('{"way": ')
    elif harm == "features":
        (part / "features.npy").unlink()
    got = run(way(backbone), batch=6 if harm == "batch" else 10)
    assert backbone.seen == 42 + 24
    wanted = Backbone()(torch.from_numpy(IMAGES[INDICES])).detach().numpy()
    np.testing.assert_allclose(got.views[0], wanted, rtol=1e-3, atol=1e-6)


def test_mixed_pictures_have_no_features_of_their_own() -> None:
    """MixUp and CutMix are refused: their targets would not be kept."""
    with pytest.raises(SpecError) as caught:
        run(way(Backbone()), augment=Augment(mixup=0.2))
    assert str(caught.value) == (
        "Augment.mixup and .cutmix must be 0 in a stage that trains the head only. "
        "Features are computed once per picture: mix in a stage that trains more."
    )


def test_features_that_are_no_numbers_are_refused() -> None:
    """NaN from the reference itself ends the run with a reason, and nothing is kept."""

    def last(images: Tensor) -> Tensor:
        made = images[:, 0, 0, :].float()
        return made / 0 if len(images) == 2 else made

    with pytest.raises(SpecError) as caught:
        run(way(last))
    assert str(caught.value) == (
        "features by torch in fp32 must be finite numbers, and some are not. "
        "The weights are broken, or need full precision."
    )
    assert [p for p in (cache_folder() / "features").iterdir() if p.name[0] != "."] == []


def test_a_damaged_entry_is_said() -> None:
    """A file in the cache that is no array is named, with the way out."""
    run(way(Backbone()))
    (file,) = cache_folder().glob("features/*/features.npy")
    file.write_bytes(b"nothing")
    with pytest.raises(CacheError) as caught:
        run(way(Backbone()))
    assert str(caught.value).startswith(f"{file} is damaged (")
    assert str(caught.value).endswith("Delete its folder; it is made again.")


def test_the_digest_of_weights() -> None:
    """It is of names, types, shapes and bits, buffers included, in either memory layout."""

    def layer() -> nn.Module:
        torch.manual_seed(3)
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))

    digest = weights_digest(layer())
    same = layer().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert weights_digest(same) == digest
    moved = layer()
    dict(moved.named_buffers())["1.running_mean"][2] += 1e-6
    renamed = nn.Sequential()
    renamed.add_module("a", layer())
    assert len({digest, weights_digest(moved), weights_digest(renamed)}) == 3
    assert weights_digest(layer().bfloat16()) != digest


def test_facts_tell_how() -> None:
    """Beside the features lies what computed them."""
    run(way(Backbone()))
    (file,) = cache_folder().glob("features/*/facts.json")
    facts = json.loads(file.read_text())
    assert facts == {
        "way": "torch in fp32",
        "batch": 10,
        "shape": [42, 6],
        "dtype": "<f2",
        "reason": "Features by torch in fp32.",
    }


def test_ways_are_proved_once_for_all_views_and_parts() -> None:
    """What was proved for one view holds for the next, and for other pictures of the network's;
    what is in the cache asks for no proof."""
    prepared: list[str] = []

    def prepare() -> Backbone:
        prepared.append("here")
        return Backbone()

    ways = exact(Way(name="engine", prepare=prepare), way(Backbone()))
    for name in ("p", "q"):
        extract(ways, batches(Augment(flip="alternate")), network="n", pictures=name, views=3)
    assert prepared == ["here"]
    again = exact(Way(name="engine", prepare=prepare), way(Backbone()))
    assert are_kept(again, batches(Augment(flip="alternate")), network="n", pictures="p", views=3)
    extract(again, batches(Augment(flip="alternate")), network="n", pictures="p", views=3)
    assert prepared == ["here"]
    assert not are_kept(again, batches(), network="n", pictures="p")
