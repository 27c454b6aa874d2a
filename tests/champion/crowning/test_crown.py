"""A champion is what was measured, or it does not appear."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from bakeoff.champion.crowning.choosing import chosen
from bakeoff.champion.crowning.crown import crown
from bakeoff.champion.crowning.standing import stands
from bakeoff.champion.opening import open as opened
from bakeoff.data.dataset import Dataset, load
from bakeoff.runs.run import Run
from bakeoff.spec.errors import UserError
from bakeoff.spec.split import SplitPlan
from tests.champion.crowned import light
from tests.pictures import folder_of_digits
from tests.runs.baking import baked, cheap, near, tiny
from tests.runs.digits import digits, run


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    light(monkeypatch)
    cheap(monkeypatch)


def refused(call: Callable[[], object]) -> str:
    """What a user is told, in one paragraph."""
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def sealed(out: Path, dataset: Dataset | None = None) -> Run:
    """A run on the digits that is over."""
    return run(out, near(), dataset=dataset or digits()).run


def test_the_winner_of_a_bakeoff(tmp_path: Path) -> None:
    """It holds what it needs, says what the bake-off found, and leaves the test part alone."""
    out = tmp_path / "out"
    baked(out, near(), tiny(), seeds=2)
    told = json.loads((out / "result.json").read_text())
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.jsonl")}
    made = crown(out, digits(), out / "champion")
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.jsonl")}
    assert before == after, "the test part was opened again"
    assert {
        "champion.json",
        "recipe.json",
        "weights.safetensors",
        "reference.npz",
        "README.md",
    } <= (files(made).keys())
    champion = opened(made)
    record = champion.record
    row = next(one for one in told["contenders"] if one["name"] == "near")
    assert (record.name, record.seed) == ("near", told["verdict"]["seed"])
    measured = record.metrics["measured"]
    assert measured["part"] == "test"
    assert measured["seeds"]["accuracy"] == row["numbers"]["accuracy"]
    assert measured["shipped"]["accuracy"]["value"] == row["runs"][0]["accuracy"]
    assert record.data["opened"] == 1
    assert record.digests["data"] == digits().digest
    assert told["verdict"]["paragraph"].split(",")[0] in champion.card
    assert 'license: "unknown"' in champion.card
    assert "opened once" in champion.card
    shown = digits().picture(int(digits().split.val[0]))
    assert champion.predict(shown).label in digits().classes


def test_another_contender(tmp_path: Path) -> None:
    """Asked for by name it is made, and says at the top that it is not the winner."""
    baked(tmp_path / "out", near(), tiny())
    made = crown(tmp_path / "out", digits(), tmp_path / "other", recipe="tiny")
    record = opened(made).record
    assert record.name == "tiny"
    assert record.notes[0] == (
        "It was asked for by name and is not what the bake-off chose: that is near."
    )
    assert refused(lambda: chosen(tmp_path / "out", recipe="tny")) == (
        "--recipe must be a contender's, but is 'tny'. Did you mean 'tiny'? (Known: near, tiny.)"
    )
    assert refused(lambda: chosen(tmp_path / "out", seed=4)) == (
        "--seed must be one that near finished with (0), but is 4."
    )


def test_a_run_alone(tmp_path: Path) -> None:
    """One run of `bakeoff train` becomes one too, and says that it was never compared."""
    made = sealed(tmp_path / "run")
    out = crown(made.path, digits(), tmp_path / "champion")
    champion = opened(out)
    assert champion.record.notes[0] == (
        "It was never compared with another: one run of one seed, measured on the validation part "
        "alone. The test part is sealed."
    )
    assert champion.record.metrics["measured"]["part"] == "val"
    assert "The test part is sealed." in champion.card
    text = refused(lambda: chosen(made.path, recipe="other"))
    assert text == (f"--recipe must be 'near', as {made.path} holds this one run, but is 'other'.")


def test_goldens_are_the_files_that_came(tmp_path: Path) -> None:
    """Small files are kept byte by byte; they are of validation, of all classes."""
    source = folder_of_digits(tmp_path / "digits", per_class=20, classes=3)
    dataset = load(source, plan=SplitPlan(seed=1))
    made = sealed(tmp_path / "run", dataset)
    out = crown(made.path, dataset, tmp_path / "champion", count=8)
    pictures = dataset.pictures
    val = {pictures.path(int(index)).read_bytes() for index in dataset.split.val}  # type: ignore[union-attr]
    kept = {name: content for name, content in files(out / "goldens").items() if ".png" in name}
    count = min(8, len(dataset.split.val))
    assert len(kept) == count
    assert set(kept.values()) <= val
    told = json.loads((out / "goldens" / "goldens.json").read_text())["pictures"]
    assert {one["label"] for one in told} == {"0", "1", "2"}


def test_what_answers_otherwise_does_not_appear(tmp_path: Path) -> None:
    """Weights that were changed since are refused, and nothing is left behind."""
    made = run(tmp_path / "run", tiny()).run
    path = made.path / "weights.safetensors"
    held = load_file(path)
    save_file(
        {name: tensor + (tensor.is_floating_point() * 1) for name, tensor in held.items()}, path
    )
    text = refused(lambda: crown(made.path, digits(), tmp_path / "champion"))
    assert text.startswith(f"a champion of {made.path} would not be what was measured: on ")
    assert text.endswith(
        "The run's weights, the pictures or the libraries have changed since it ended. Train it "
        "again."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "run"]


def test_half_precision(tmp_path: Path) -> None:
    """Half the bytes, and the card says what that changed."""
    made = run(tmp_path / "run", tiny()).run
    whole = crown(made.path, digits(), tmp_path / "whole")
    half = crown(made.path, digits(), tmp_path / "half", half=True)
    sizes = [(one / "weights.safetensors").stat().st_size for one in (whole, half)]
    assert sizes[1] < 0.8 * sizes[0]
    record = opened(half).record
    assert record.weights.dtype == "float16"
    assert 0 < record.metrics["replay"]["apart"] < 0.01
    assert "in half precision was asked for all" in opened(half).card


def test_one_file(tmp_path: Path) -> None:
    """Zipped it opens just the same."""
    made = sealed(tmp_path / "run")
    out = crown(made.path, digits(), tmp_path / "near.bakeoff", zipped=True)
    assert out.is_file()
    assert opened(out).record.name == "near"


def test_it_is_not_written_over(tmp_path: Path) -> None:
    """One that is there stays, unless it may be replaced; and is known by its run."""
    made = sealed(tmp_path / "run")
    out = tmp_path / "champion"
    assert not stands(out, chosen(made.path))
    crown(made.path, digits(), out)
    assert stands(out, chosen(made.path))
    assert not stands(out, chosen(made.path), half=True)
    assert stands(out, chosen(made.path), goldens="validation")
    assert not stands(out, chosen(made.path), goldens="own")
    assert refused(lambda: crown(made.path, digits(), out)) == (
        f"{out} is there already (near, seed 0), and a champion is not written over. Remove it, or "
        "give another --out."
    )
    before = files(out)
    crown(made.path, digits(), out, replacing=True)
    assert before.keys() == files(out).keys()
    (out / "signature.json").write_text("{}")
    assert "is there already" in refused(lambda: crown(made.path, digits(), out, replacing=True))
    (out / "README.md").write_text("x")
    assert not stands(out, chosen(made.path))


def test_another_seed_is_another_champion(tmp_path: Path) -> None:
    """Where nothing is random all seeds end with the same weights; what lies there is still of the
    seed that it names."""
    out, place = tmp_path / "out", tmp_path / "champion"
    baked(out, near(), seeds=2)
    crown(out, digits(), place, seed=0)
    assert stands(place, chosen(out, seed=0))
    assert not stands(place, chosen(out, seed=1))
    assert "is there already (near, seed 0), and" in refused(
        lambda: crown(out, digits(), place, seed=1)
    )


def test_places_that_cannot_be(tmp_path: Path) -> None:
    """Below a file, by a name that is too long: said in a paragraph."""
    made = sealed(tmp_path / "run")
    (tmp_path / "file").write_text("")
    for out, why in (
        (tmp_path / "file" / "x", "a file stands where a folder is needed"),
        (tmp_path / ("x" * 300), "file name too long"),
        (tmp_path / ("x" * 250), "file name too long"),
    ):
        assert refused(lambda out=out: crown(made.path, digits(), out)) == (  # type: ignore[misc]
            f"the champion in {out} cannot be written: {why}. Give another --out."
        )


def test_nobody_won(tmp_path: Path) -> None:
    """Without a winner there is no champion, and the reason is said."""
    baked(tmp_path / "out", near())
    path = tmp_path / "out" / "result.json"
    told = json.loads(path.read_text())
    told["verdict"] |= {"winner": None, "paragraph": "No winner: all crashed."}
    path.write_text(json.dumps(told))
    assert refused(lambda: chosen(tmp_path / "out")) == (
        f"{tmp_path / 'out'} has no winner: No winner: all crashed. Mend that, or name a contender "
        "that finished with --recipe."
    )


def test_other_data(tmp_path: Path) -> None:
    """Goldens come from the pictures that were learnt from, or there are none."""
    made = sealed(tmp_path / "run")
    text = refused(lambda: crown(made.path, digits(seed=3), tmp_path / "champion"))
    assert text.startswith(f"the data of {made.path} must be the data it began with")


def test_what_is_neither(tmp_path: Path) -> None:
    """A folder of something else, and one that is not there, are said to be so."""
    assert refused(lambda: chosen(tmp_path)) == (
        f"{tmp_path} holds neither a bake-off nor a run. Give the --out of `bakeoff run` or of "
        "`bakeoff train`."
    )
    assert refused(lambda: chosen(tmp_path / "no")).startswith(f"{tmp_path / 'no'} is not there.")


def test_reference_statistics(tmp_path: Path) -> None:
    """What drift is measured against is of the whole validation part."""
    made = sealed(tmp_path / "run")
    out = crown(made.path, digits(), tmp_path / "champion")
    with np.load(out / "reference.npz", allow_pickle=False) as held:
        count = len(digits().split.val)
        assert held["confidence"].shape == (20,)
        assert held["confidence"].sum() == held["classes"].sum() == count
        assert set(held["widths"]) == {8.0}


def test_too_few_pictures_to_know_what_is_foreign(tmp_path: Path) -> None:
    """With few validation pictures no threshold is made up."""
    dataset = digits(60)
    made = sealed(tmp_path / "run", dataset)
    champion = opened(crown(made.path, dataset, tmp_path / "champion"))
    assert champion.record.unknown is None
    count = len(dataset.split.val)
    assert (
        "Not offered: it takes 40 validation pictures to set a threshold at 5% false alarms, and "
        f"there are {count}."
    ) in champion.card
    assert replace(champion.record, unknown=None) == champion.record
