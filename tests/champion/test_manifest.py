"""The manifest: everything is there, nothing else is, and all of it is as it was written."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bakeoff.champion import manifest
from bakeoff.spec.errors import DataError
from tests.champion import made

FILES = [
    "README.md",
    "champion.json",
    "goldens/1000.png",
    "goldens/goldens.json",
    "recipe.json",
    "reference.npz",
    "weights.safetensors",
]


def refused(folder: Path) -> str:
    """What is said of a champion, in one paragraph."""
    with pytest.raises(DataError) as caught:
        manifest.verify(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def told(folder: Path) -> dict[str, Any]:
    """The manifest as JSON."""
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return document


def test_what_was_written_is_verified(champion: Path) -> None:
    """Every file is listed with its size; the digest is that of the manifest's own bytes."""
    found = manifest.verify(champion)
    assert set(FILES) <= set(found.files)
    assert found.files["README.md"] == len("# patterns\n")
    assert found.digest == hashlib.sha256((champion / "manifest.json").read_bytes()).hexdigest()
    assert manifest.write(champion) == found


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_in_every_file(champion: Path, name: str) -> None:
    """One bit that is another is found wherever it is, and the file is named."""
    for place in (0, -1):
        content = bytearray((champion / name).read_bytes())
        content[place] ^= 1
        (champion / name).write_bytes(content)
        assert refused(champion) == (
            f"{name} of {champion} is not what was written: its SHA-256 is not the one in "
            "manifest.json; the file was changed, or the manifest's entry of it. Make the champion "
            "again, or get it again from where it came from."
        )
        content[place] ^= 1
        (champion / name).write_bytes(content)
    manifest.verify(champion)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(champion: Path, name: str) -> None:
    """Whichever file is missing, it is named."""
    (champion / name).unlink()
    assert refused(champion).startswith(f"{name} of {champion} is missing.")


@pytest.mark.parametrize("name", FILES)
def test_a_shorter_file_is_named(champion: Path, name: str) -> None:
    """A file that was cut is named with both sizes."""
    content = (champion / name).read_bytes()
    (champion / name).write_bytes(content[:-1])
    sizes = f"it has {len(content) - 1:,} bytes instead of {len(content):,}"
    assert f"{name} of {champion} is not what was written: {sizes}" in refused(champion)


def test_a_flipped_bit_in_the_manifest_is_found(champion: Path) -> None:
    """The manifest cannot be changed without something no longer fitting; it never verifies with
    the digest that it had."""
    content = (champion / "manifest.json").read_bytes()
    digest = manifest.verify(champion).digest
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        (champion / "manifest.json").write_bytes(changed)
        try:
            assert manifest.verify(champion).digest != digest
        except DataError as error:
            assert str(champion) in str(error)


@pytest.mark.parametrize("name", ["notes.txt", "goldens/extra.png", ".hidden", "code/run.py"])
def test_a_foreign_file_is_named(champion: Path, name: str) -> None:
    """Nothing may be added to a champion, anywhere below it."""
    (champion / name).parent.mkdir(exist_ok=True)
    (champion / name).write_bytes(b"x")
    assert refused(champion) == (
        f"{name} of {champion} does not belong to the champion: nothing may be added to what was "
        "sealed. Remove that file."
    )


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/hosts", "goldens/../../x", "a\\..\\b", "C:x", "a//b", "./README.md", "", "a\0b"],
)
def test_a_name_that_escapes_is_refused(champion: Path, name: str) -> None:
    """A manifest that leads out of the folder is refused before any file is looked at."""
    document = told(champion)
    document["files"][name] = document["files"]["README.md"]
    (champion / "manifest.json").write_text(json.dumps(document))
    rule = f"lists a file that would lie outside of the champion ({name!r})"
    assert rule in refused(champion)


@pytest.mark.parametrize("name", ["README.md", "goldens"])
def test_links_are_refused(champion: Path, tmp_path: Path, name: str) -> None:
    """A link is refused even where it leads to what is right."""
    elsewhere = tmp_path / "elsewhere"
    (champion / name).rename(elsewhere)
    (champion / name).symlink_to(elsewhere)
    rule = "is a link: a champion holds its files itself"
    assert f"{name} of {champion} {rule}" in refused(champion)


def test_what_is_no_plain_file_is_refused(champion: Path) -> None:
    """A pipe in the place of a file is refused, not waited for."""
    (champion / "README.md").unlink()
    os.mkfifo(champion / "README.md")
    assert f"README.md of {champion} is no plain file" in refused(champion)


def test_what_has_to_be_there_has_to_be_listed(champion: Path) -> None:
    """A manifest that is silent about the weights does not make them welcome."""
    document = told(champion)
    del document["files"]["weights.safetensors"]
    (champion / "manifest.json").write_text(json.dumps(document))
    assert f"weights.safetensors of {champion} is not listed in manifest.json" in refused(champion)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not valid JSON"),
        (b"[]", "it is no manifest of a champion"),
        (b"{}", "it is no manifest of a champion"),
        (b'{"schema": 1, "kind": "run", "files": {}}', "it is no manifest of a champion"),
        (
            b'{"schema": 1, "kind": "manifest", "files": {"a": {}}}',
            "its entry of a is no size and SHA-256",
        ),
        (b"\xff", "it is not valid JSON"),
        (b"[" * 9999, "it is not valid JSON"),
    ],
)
def test_a_manifest_of_something_else_is_refused(
    champion: Path, content: bytes, reason: str
) -> None:
    """What is no manifest is refused in words, whatever it is."""
    (champion / "manifest.json").write_bytes(content)
    assert refused(champion) == (
        f"manifest.json of {champion} is not what was written: {reason}. Make the champion again, "
        "or get it again from where it came from."
    )


def test_a_newer_manifest_is_for_a_newer_bakeoff(champion: Path) -> None:
    """A schema that comes later is not guessed at."""
    (champion / "manifest.json").write_text(json.dumps({**told(champion), "schema": 2}))
    assert refused(champion) == (
        f"manifest.json of {champion} is of schema 2, and this Bakeoff reads up to 1. "
        "Use the Bakeoff that wrote it."
    )


@pytest.mark.parametrize(
    "entry",
    [{"sha256": "0" * 63, "bytes": 3}, {"sha256": "g" * 64, "bytes": 3}]
    + [{"sha256": "0" * 64, "bytes": size} for size in (-1, 1.0, True)]
    + [{"sha256": "0" * 64, "bytes": 3, "more": 1}],
)
def test_an_entry_that_is_none(champion: Path, entry: object) -> None:
    """A manifest's fault is not reported as that of the file which the entry is of."""
    document = told(champion)
    document["files"]["README.md"] = entry
    (champion / "manifest.json").write_text(json.dumps(document))
    assert refused(champion).startswith(
        f"manifest.json of {champion} is not what was written: its entry of README.md is no size "
        "and SHA-256."
    )


def test_a_file_by_another_name(champion: Path) -> None:
    """Where a file that is missing is there by another name, it is said which."""
    (champion / "goldens" / "1000.png").rename(champion / "goldens" / "1000.pnf")
    assert refused(champion).startswith(
        f"goldens/1000.png of {champion} is missing, and goldens/1000.pnf has its bytes: the file "
        "or its entry in manifest.json changed."
    )


@pytest.mark.parametrize("name", ["extra", "goldens/extra", "extra/more"])
def test_a_foreign_empty_folder_is_named(champion: Path, name: str) -> None:
    """A folder is added, too, even if nothing lies in it but what a system left."""
    (champion / name).mkdir(parents=True)
    expected = f"{name}/ of {champion} does not belong to the champion: nothing may be added"
    assert expected in refused(champion)
    (champion / name / ".DS_Store").write_bytes(b"x")
    assert expected in refused(champion)


LITTER = [".DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini", "._README.md"]


@pytest.mark.parametrize("name", [*LITTER, "goldens/.DS_Store", "goldens/._1000.png"])
def test_what_systems_leave_is_passed_over(champion: Path, name: str) -> None:
    """Files that systems put into folders change nothing, and are not sealed with the rest."""
    before = manifest.verify(champion)
    (champion / name).write_bytes(b"x")
    assert manifest.verify(champion) == manifest.write(champion) == before


def test_only_files_are_passed_over(champion: Path, tmp_path: Path) -> None:
    """A link or a folder of such a name is refused like any other."""
    (champion / ".DS_Store").symlink_to(tmp_path)
    assert "is a link: a champion holds its files itself" in refused(champion)
    (champion / ".DS_Store").unlink()
    (champion / "._code").mkdir()
    (champion / "._code" / "run.py").write_bytes(b"x")
    assert f"._code/run.py of {champion} does not belong" in refused(champion)


def test_the_signature_comes_later(champion: Path) -> None:
    """The one file that may be added is signature.json, which changes no digest."""
    before = manifest.verify(champion)
    (champion / "signature.json").write_text("{}")
    assert manifest.verify(champion) == before
    assert "signature.json" not in made.resealed(champion, lambda _: None).name
    assert "signature.json" not in manifest.verify(champion).files
