"""`bakeoff champion`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.champion import archive
from bakeoff.cli import main
from tests.champion.crowned import light
from tests.pictures import encoded, photograph
from tests.runs.baking import baked, cheap, near
from tests.runs.digits import run


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    light(monkeypatch)
    cheap(monkeypatch)


def test_of_a_bakeoff(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """DIR alone is enough: path, size and digest are printed; asked again, it is there."""
    out = tmp_path / "out"
    baked(out, near(), test=False)
    assert main(["champion", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "! The test part is sealed: " in said
    assert f"\nChampion: {out / 'champion'} (near, seed 0; " in said
    assert said.splitlines()[-1].startswith("Digest: ")
    assert main(["champion", str(out)]) == 0
    again, told = capsys.readouterr()
    assert (again, told) == (said, "It was made before, and is whole.\n")
    assert main(["champion", "--json", str(out), "--zip", "--recipe", "near"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["champion"] == str(out / "champion.bakeoff")
    assert "weights.safetensors" in found["files"]


def test_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Without anything behind it the help is printed, which says that DIR may follow and where
    its options are; nothing is called an error."""
    assert main(["champion"]) == 0
    out, err = capsys.readouterr()
    said = " ".join(out.split())
    assert "Usage: bakeoff champion [OPTIONS] DIR | COMMAND" in said
    assert "`bakeoff champion DIR` is `bakeoff champion make DIR`" in said
    assert "options that `bakeoff champion make --help` lists" in said
    assert err == ""


def test_of_a_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run does not say where its pictures are: they have to be given."""
    out = tmp_path / "run"
    run(out, near())
    assert main(["champion", str(out)]) == 2
    assert capsys.readouterr().err == (
        f"Error: {out} is one run, which does not say where its pictures are. Give them with "
        "--data.\n"
    )
    assert main(["champion", str(out), "--data", "digits", "--quiet", "--license", "mit"]) == 0
    assert 'license: "mit"' in (out / "champion" / "README.md").read_text()


def test_another_seed_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What stands there is not called the champion of another seed, nor of other goldens."""
    out = tmp_path / "out"
    baked(out, near(), seeds=2, test=False)
    assert main(["champion", str(out), "--seed", "0", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["champion", str(out), "--seed", "1"]) == 2
    said, told = capsys.readouterr()
    assert said == ""
    assert "It was made before" not in told
    assert f"{out / 'champion'} is there already (near, seed 0), and" in told


def test_a_place_that_cannot_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What the system refuses at --out is one paragraph, not a fault of the program."""
    out = tmp_path / "run"
    run(out, near())
    long = tmp_path / ("x" * 300)
    words = ["champion", str(out), "--data", "digits", "--quiet", "--out", str(long)]
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f"Error: the champion in {long} cannot be written: file name too long. Give another --out."
        "\n"
    )


def test_goldens_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With --goldens no picture of validation travels; of neighbours, who are pictures, it is said
    all the same. The plan of the split travels."""
    out, own = tmp_path / "run", tmp_path / "own"
    run(out, near())
    own.mkdir()
    for seed in range(8):
        (own / f"{seed}.png").write_bytes(encoded(photograph(40, 30, seed=seed), "PNG"))
    words = ["champion", str(out), "--data", "digits", "--quiet"]
    assert main([*words, "--goldens", str(tmp_path / "no")]) == 2
    assert "the folder of golden pictures " in capsys.readouterr().err
    assert main(words) == 0
    made = out / "champion"
    assert "a few pictures of the validation part" in (made / "README.md").read_text()
    capsys.readouterr()
    assert main([*words, "--goldens", str(own), "--out", str(tmp_path / "own-champion")]) == 0
    made = tmp_path / "own-champion"
    assert "! The data travels with it: weights.safetensors holds reduced copies" in (
        capsys.readouterr().out
    )
    card = (made / "README.md").read_text()
    assert "a few pictures of the validation part" not in card
    assert "none of the data travels" not in card
    told = json.loads((made / "goldens" / "goldens.json").read_text())["pictures"]
    assert [one["label"] for one in told] == [None] * 8
    told = json.loads((made / "champion.json").read_text())["data"]
    assert (told["goldens"], told["plan"]["kind"]) == ("own", "SplitPlan")
    assert main(["champion", "verify", str(made)]) == 0


def test_signed_and_verified(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A pair of keys is made, one signs, the other verifies; a byte that is flipped is named."""
    pytest.importorskip("cryptography")
    out, key = tmp_path / "run", str(tmp_path / "key")
    run(out, near())
    assert main(["champion", str(out), "--data", "digits", "--quiet"]) == 0
    champion = str(out / "champion")
    capsys.readouterr()
    assert main(["champion", "verify", champion]) == 0
    assert capsys.readouterr().out.endswith("Nobody signed it.\n")
    assert main(["champion", "keys", key]) == 0
    assert main(["champion", "sign", champion, "--key", key]) == 0
    assert "Signed: " in capsys.readouterr().out
    assert main(["champion", "verify", champion, "--key", f"{key}.pub"]) == 0
    assert "Signed by " in capsys.readouterr().out
    packed = str(archive.pack(Path(champion), tmp_path / "mine.bakeoff"))
    assert main(["champion", "verify", packed]) == 0
    assert "Signed by " in capsys.readouterr().out
    card = Path(champion) / "README.md"
    card.write_bytes(card.read_bytes()[:-1] + b"x")
    assert main(["champion", "verify", champion]) == 2
    assert "README.md" in capsys.readouterr().err
