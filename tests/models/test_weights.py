"""Files of weights: the right ones go in whole, others are refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from bakeoff.models.backbones import create
from bakeoff.models.catalogue import entry
from bakeoff.models.weights import WeightsFile, find, load, read
from bakeoff.spec.errors import DataError
from bakeoff.spec.network import Backbone

NAME = "test_efficientnet"
MADE = Backbone(name=NAME, weights="random", size=64, padding="own")


def state() -> dict[str, Tensor]:
    """A full set of weights for the backbone of these tests."""
    whole: dict[str, Tensor] = create(MADE).model.state_dict()
    return whole


def written(tmp_path: Path, tensors: dict[str, Tensor], name: str = "w.safetensors") -> Path:
    """The tensors in a file."""
    path = tmp_path / name
    save_file(tensors, path)
    return path


def loaded(path: Path) -> dict[str, Tensor]:
    """What a backbone holds that is told to take the file."""
    torch.manual_seed(7)
    made = create(Backbone(name=NAME, weights=str(path), size=64, padding="own"))
    held: dict[str, Tensor] = made.model.state_dict()
    return held


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
def test_a_shared_prefix_is_taken_off(tmp_path: Path, prefix: str) -> None:
    """Weights that were saved from inside a wrapper fit as they are, and go in bit by bit."""
    whole = state()
    found = loaded(written(tmp_path, {prefix + key: value for key, value in whole.items()}))
    assert all(torch.equal(found[key], whole[key]) for key in whole)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    """A file in half precision becomes a network in single precision; counters stay whole."""
    whole = {k: v.half() if v.is_floating_point() else v for k, v in state().items()}
    path = written(tmp_path, whole)
    widened = read(WeightsFile(path=path, published=False, says={}))
    assert {value.dtype for value in widened.values()} == {torch.float32, torch.int64}
    found = loaded(path)
    assert {value.dtype for value in found.values()} == {torch.float32, torch.int64}
    assert torch.equal(found["conv_stem.weight"], whole["conv_stem.weight"].float())


def test_what_the_backbone_does_without_is_left_aside(tmp_path: Path) -> None:
    """The old classifier may be in the file, and counters may be missing from it."""
    whole = {k: v for k, v in state().items() if not k.endswith("num_batches_tracked")}
    whole["classifier.weight"] = torch.zeros(1000, 256)
    loaded(written(tmp_path, whole))


def test_a_file_that_does_not_fit(tmp_path: Path) -> None:
    """What is missing, unexpected or of another shape is counted, and the first are named."""
    whole = state()
    wrong = {f"extra{i}": torch.zeros(1) for i in range(5)} | whole
    wrong["conv_stem.weight"] = torch.zeros(3, 2)
    del wrong["bn1.weight"]
    path = written(tmp_path, wrong)
    with pytest.raises(DataError) as caught:
        loaded(path)
    stem = "×".join(str(side) for side in whole["conv_stem.weight"].shape)
    assert str(caught.value) == (
        f"weights {path} do not fit {NAME}.r160_in1k (1 missing: bn1.weight; 5 unexpected: "
        "extra0, extra1, extra2 and 2 more; 1 of another shape: conv_stem.weight (3×2 instead of "
        f"{stem})). Name the backbone they were made for."
    )


def test_a_file_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    """Weights go in all or none."""
    model = create(MADE).model
    before = {key: value.clone() for key, value in model.state_dict().items()}
    wrong = {key: value + 1 for key, value in before.items()}
    del wrong["bn1.weight"]
    file = WeightsFile(path=written(tmp_path, wrong), published=False, says={})
    with pytest.raises(DataError):
        load(model, file, unused=(), name=NAME)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_published_weights_may_hold_more(tmp_path: Path) -> None:
    """Makers publish more than a backbone needs, such as buffers of older versions."""
    extra = state() | {"relic": torch.zeros(1)}
    file = WeightsFile(path=written(tmp_path, extra), published=True, says={})
    load(create(MADE).model, file, unused=(), name=NAME)


def test_positions_are_stretched_to_another_size(tmp_path: Path) -> None:
    """A transformer's weights fit pictures of another size: timm's own rule is applied."""
    declared = Backbone(name="test_vit", weights="random", size=160, padding="own")
    path = written(tmp_path, create(declared).model.state_dict())
    other = Backbone(name="test_vit", weights=str(path), size=64, padding="own")
    assert create(other).model.pos_embed.shape[1] == 4 * 4 + 1


def test_random_weights_have_no_file() -> None:
    """Nothing is looked for."""
    assert find(entry(NAME), "random") is None


@pytest.mark.parametrize("name", ["w.pth", "w.bin", "w.pt", "w.pth.tar", "W.CKPT"])
def test_a_pickled_file_is_refused(tmp_path: Path, name: str) -> None:
    """Training never unpickles; the message names the command that converts."""
    path = tmp_path / name
    path.write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(DataError) as caught:
        find(entry(NAME), str(path))
    assert str(caught.value) == (
        f"weights {path} must be a safetensors file: a pickled one can run code when it is opened. "
        f"Convert it once with: bakeoff backbones convert {path}"
    )


def test_a_file_that_is_not_there() -> None:
    """A path that leads nowhere is told apart from the two words."""
    with pytest.raises(DataError) as caught:
        find(entry(NAME), "pretraned")
    assert str(caught.value) == (
        "Backbone.weights must be 'pretrained', 'random' or a safetensors file that exists, but is "
        "'pretraned'."
    )


def test_a_damaged_file(tmp_path: Path) -> None:
    """A file that is cut short is refused, whether its header is whole or not."""
    path = written(tmp_path, state())
    file = WeightsFile(path=path, published=False, says={})
    for size in (200_000, 4):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(DataError, match=r"weights .* cannot be read as safetensors \("):
            find(entry(NAME), str(path))
        with pytest.raises(DataError, match=r"other formats are converted with: bakeoff backbones"):
            read(file)


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    """The digest is of the bytes."""
    one, same, other = (
        WeightsFile(
            path=written(tmp_path, {"x": torch.tensor(value)}, name), published=False, says={}
        )
        for name, value in (("a", 1.0), ("b", 1.0), ("c", 2.0))
    )
    assert one.digest() == same.digest() != other.digest()
