"""Bills of materials: what they list."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bakeoff.champion.bill import bill
from bakeoff.champion.manifest import FILE
from bakeoff.champion.place import BOXED
from bakeoff.cli import main
from bakeoff.spec.errors import DataError
from tests.champion import made


def test_every_file(tmp_path: Path) -> None:
    """Every file is listed with its SHA-256, the manifest too, whose digest is the champion's."""
    folder = made.champion(tmp_path / "c")
    told = bill(folder)
    files = {one["name"]: one["hashes"] for one in told["components"] if one["type"] == "file"}
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert len(paths) > 4
    assert files == {
        path.relative_to(folder).as_posix(): [
            {"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}
        ]
        for path in paths
    }
    assert told["metadata"]["component"]["hashes"] == files[FILE]
    assert told["dependencies"][0]["dependsOn"] == sorted(f"file:{name}" for name in files)


def test_the_one_in_the_box(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints it, the same each time: the licence, recipe and data with it."""
    assert main(["champion", "sbom", "boxed"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == bill(BOXED)
    model, data = told["metadata"]["component"], told["components"][-1]
    assert model["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert data["name"] == "cifar10"
    assert model["modelCard"]["modelParameters"]["datasets"] == [{"ref": data["bom-ref"]}]
    names = [one["name"] for one in model["properties"]]
    assert names == [f"bakeoff:digest:{name}" for name in ("code", "data", "recipe", "run")]


@pytest.mark.parametrize(
    ("said", "name"), [('"unknown"', None), ('"mit"', "mit"), ("cc-by-4.0", "cc-by-4.0")]
)
def test_licences(tmp_path: Path, said: str, name: str | None) -> None:
    """The licence is what the card begins with; without one, or with an unknown one, none is
    claimed."""
    folder = made.champion(tmp_path / "c")
    assert "licenses" not in bill(folder)["metadata"]["component"]
    card = f"---\nlicense: {said}\n---\n"
    made.resealed(folder, lambda one: (one / "README.md").write_text(card))
    found = bill(folder)["metadata"]["component"].get("licenses")
    assert found == (None if name is None else [{"license": {"name": name}}])


def test_not_whole(tmp_path: Path) -> None:
    """There is no bill of a champion that was changed."""
    folder = made.champion(tmp_path / "c")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"weights\.safetensors .* is not what was written"):
        bill(folder)
