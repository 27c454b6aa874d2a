"""CLIP told the names of the classes: against open_clip's own answers, on a small random model."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import huggingface_hub
import pytest
import torch
from safetensors.torch import load, save, save_file
from torch.nn import functional

from bakeoff.models import zero_shot
from bakeoff.models.classifier import Classifier, assemble, settle
from bakeoff.models.fitted import Descriptions, FittedHead
from bakeoff.models.torchvision_guard import import_torchvision
from bakeoff.models.weights import RANDOM_NOTE
from bakeoff.recipes import get
from bakeoff.spec.errors import DataError, MissingExtraError, SpecError
from bakeoff.spec.estimator import Estimator, ZeroShot
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone

needs_clip = pytest.mark.skipif(
    importlib.util.find_spec("open_clip") is None, reason="the optional part 'clip' is not there"
)

TOWER = "vit_xsmall_patch16_clip_224"
"""The smallest CLIP tower that timm has; the model around it is made here."""
SMALL = ZeroShot(model="small-clip", prompts=("a {}.", "two of {}"), width=24)
NAMES = ("cat", "fire_engine", "x-ray")


@pytest.fixture
def clip(tmp_path: Path) -> ModuleType:
    """open_clip, which knows a small model too."""
    torch.set_num_threads(1)
    import_torchvision()
    library = importlib.import_module("open_clip")
    text = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    vision = {"image_size": 224, "layers": 10, "width": 256, "patch_size": 16}
    small = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "small-clip.json").write_text(json.dumps(small))
    library.add_model_config(tmp_path / "small-clip.json")
    return library


@pytest.fixture
def no_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the optional part."""
    original = importlib.import_module

    def refused(name: str, package: str | None = None) -> ModuleType:
        if name == "open_clip":
            raise ModuleNotFoundError("No module named 'open_clip'", name="open_clip")
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", refused)


def towers(clip: ModuleType) -> Any:
    """A random model with a logit scale of its own."""
    torch.manual_seed(3)
    model = clip.CLIP(**clip.get_model_config("small-clip")).eval()
    model.logit_scale.data.fill_(3.0)
    return model


def declared(weights: str, method: ZeroShot = SMALL, name: str = TOWER) -> Estimator:
    """The small model, with weights."""
    inputs = Backbone(name=name, weights=weights, size=224, padding="own")
    return Estimator(method=method, inputs=inputs, standardise=False)


def described(estimator: Estimator) -> Classifier:
    """A classifier that was told the names."""
    network, preprocess = settle(estimator, Preprocess(), side=224)
    made = assemble(network, preprocess, classes=3, seed=0).eval()
    assert isinstance(made.head, FittedHead)
    zero_shot.fit(made.head, NAMES, seed=0, device=torch.device("cpu"))
    return made


def pictures() -> torch.Tensor:
    """Noise."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (4, 224, 224, 3), generator=generator, dtype=torch.uint8)


@needs_clip
def test_it_answers_as_open_clip_does(clip: ModuleType, tmp_path: Path) -> None:
    """One file serves both towers, and the scores are open_clip's own for the same prompts."""
    model = towers(clip)
    save_file(model.state_dict(), tmp_path / "both.safetensors")
    made = described(declared(str(tmp_path / "both.safetensors")))
    words = clip.get_tokenizer("small-clip")
    with torch.inference_mode():
        rows = []
        for name in ("cat", "fire engine", "x-ray"):
            both = model.encode_text(words([f"a {name}.", f"two of {name}"]), normalize=True)
            rows.append(functional.normalize(both.mean(0), dim=0))
        seen = model.encode_image(made.normalised(pictures()).contiguous(), normalize=True)
        expected = seen @ torch.stack(rows).T * model.logit_scale.exp()
        assert expected.std() > 0.1
        assert torch.allclose(made(pictures()), expected, atol=1e-4)
    assert made.notes == (zero_shot.SEEN_NOTE,)


@needs_clip
def test_it_comes_back_without_its_library(
    clip: ModuleType, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was told is tensors: saved, loaded where open_clip is not, and the answers are equal."""
    save_file(towers(clip).state_dict(), tmp_path / "both.safetensors")
    estimator = declared(str(tmp_path / "both.safetensors"))
    made = described(estimator)
    kept = {name: tensor.contiguous() for name, tensor in made.state_dict().items()}
    state = load(save(kept))
    request.getfixturevalue("no_clip")
    plain = Preprocess(size=224, mean=(0.481, 0.458, 0.408), std=(0.269, 0.261, 0.276))
    again = assemble(estimator, plain, classes=3, seed=5, pretrained=False).eval()
    again.load_state_dict(state)
    with torch.inference_mode():
        features = made.features(pictures())
        assert torch.equal(again.head(features), made.head(features))


@needs_clip
def test_random_towers_say_so(clip: ModuleType) -> None:
    """Random weights are no web data: the other note is theirs; the same seed, the same rows."""
    one, two = (described(declared("random")) for _ in range(2))
    assert one.notes == (RANDOM_NOTE,)
    assert one.state_dict()["head.scores.texts"].equal(two.state_dict()["head.scores.texts"])


@needs_clip
@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        (
            ZeroShot(model="small-klip"),
            TOWER,
            "ZeroShot.model must be a model that open_clip knows, but is 'small-klip'. "
            "Did you mean 'small-clip'?",
        ),
        (ZeroShot(model="RN50"), TOWER, "ZeroShot.model must be a plain CLIP whose picture tower"),
        (ZeroShot(model="small-clip"), TOWER, "ZeroShot.width must be 24 for small-clip, but is"),
        (
            SMALL,
            "vit_base_patch32_clip_224",
            "ZeroShot.model must be the model whose picture tower is vit_base_patch32_clip_224, "
            "but is 'small-clip'.",
        ),
        (
            ZeroShot(),
            "vit_base_patch32_clip_224",
            "ZeroShot.model must be the model whose picture tower is vit_base_patch32_clip_224, "
            "but is 'ViT-B-32-quickgelu'.",
        ),
    ],
)
def test_towers_that_do_not_belong_together(
    clip: ModuleType, method: ZeroShot, name: str, message: str
) -> None:
    """A model that is not known, not plain, or another one's is refused before anything is made."""
    with pytest.raises(SpecError) as caught:
        settle(declared("random", method, name), Preprocess(), side=32)
    assert message in str(caught.value)


@needs_clip
def test_without_a_network(clip: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights out of reach: one paragraph with the file to fetch and where to give it."""

    def unreachable(*_: object, **__: object) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    recipe = get("zero-shot-clip")
    with pytest.raises(DataError) as caught:
        settle(recipe.network, recipe.preprocess, side=32)
    hub = "timm/vit_base_patch32_clip_224.openai"
    assert str(caught.value) == (
        "weights of vit_base_patch32_clip_quickgelu_224.openai are not on this machine and could "
        f"not be fetched from {hub} on the hub (ConnectionError: no network). Fetch the file "
        f"open_clip_model.safetensors of {hub} where there is a network and pass it with "
        "--weights FILE: it holds the towers for pictures and for words."
    )


@needs_clip
def test_published_weights_are_those_of_both_towers(
    clip: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The words come from the file with both towers, beside the picture tower's own."""
    file = tmp_path / "both.safetensors"
    save_file({**towers(clip).state_dict(), "more": torch.ones(1)}, file)
    asked = []

    def cached(repository: str, name: str, **_: object) -> str:
        asked.append(name)
        return str(file)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    estimator = declared("pretrained")
    zero_shot.ready(estimator)
    head = FittedHead(estimator, 3)
    zero_shot.fit(head, NAMES, seed=0, device=torch.device("cpu"))
    assert set(asked) == {"open_clip_model.safetensors"}
    assert isinstance(head.scores, Descriptions)
    assert torch.allclose(head.scores.texts.norm(dim=1), torch.full((3,), 3.0).exp(), rtol=1e-4)


def test_without_the_optional_part(no_clip: None) -> None:
    """Its absence is named, with the command that mends it, before anything is fetched."""
    recipe = get("zero-shot-clip")
    with pytest.raises(MissingExtraError) as caught:
        settle(recipe.network, recipe.preprocess, side=32)
    start = "zero-shot CLIP needs the optional part 'clip', which is not installed. Install it with"
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith("-m pip install 'bakeoff[clip]'")


def test_descriptions_compare_directions() -> None:
    """The score is the cosine between the projected features and a class's row, times its length;
    the shares are their softmax."""
    head = FittedHead(declared("random", ZeroShot(width=2)), 2)
    head.take(
        {"mean": torch.zeros(3), "factor": torch.ones(3), "directions": torch.empty(0)},
        {
            "projection": torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
            "texts": torch.tensor([[10.0, 0.0], [0.0, 10.0]]),
        },
    )
    scores = head(torch.tensor([[3.0, 4.0, 9.0]]))
    assert torch.allclose(scores, torch.tensor([[6.0, 8.0]]))


def test_every_result_says_what_it_has_seen() -> None:
    """The note belongs to the classifier: a champion that is loaded says it too."""
    estimator = declared("pretrained")
    plain = Preprocess(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    made = assemble(estimator, plain, classes=3, seed=0, pretrained=False)
    assert made.notes == (zero_shot.SEEN_NOTE,)
    assert "it has seen web data: pictures like these, test pictures" in zero_shot.SEEN_NOTE
