"""Many files at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.champion.files import answers, pictures_in
from bakeoff.champion.opening import open as open_champion
from bakeoff.spec.errors import DataError
from tests.champion import made


def fill(folder: Path, count: int) -> list[Path]:
    """Pictures, in folders below each other."""
    found = []
    for at in range(count):
        path = folder / f"{at % 3}" / f"{at:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.encoded(made.picture(at % 3, at)))
        found.append(path)
    return sorted(found)


def test_folders_are_walked(tmp_path: Path) -> None:
    """Pictures below a folder come in order; what is no picture by its name stays out, unless it
    is named itself."""
    shown = fill(tmp_path / "photos", 7)
    for name in ("note.txt", ".hidden.png", "Thumbs.db"):
        (tmp_path / "photos" / name).write_text("x")
    (tmp_path / "photos" / ".trash").mkdir()
    (tmp_path / "photos" / ".trash" / "old.png").write_text("x")
    assert pictures_in([tmp_path / "photos"]) == shown
    named = [tmp_path / "photos" / "note.txt", shown[0]]
    assert pictures_in(named) == named
    assert pictures_in([tmp_path / "no.png"]) == [tmp_path / "no.png"]


def test_an_empty_folder(tmp_path: Path) -> None:
    """A folder without pictures is an error, which says what counts as one."""
    with pytest.raises(DataError, match=r"holds no pictures by their names\. Known: \.jpg, \."):
        pictures_in([tmp_path])


@pytest.mark.parametrize("batch", [1, 4, 64, 500])
def test_answers(champion: Path, tmp_path: Path, batch: int) -> None:
    """Each file is answered as if it were alone, in order, whatever the batch; broken ones are
    told of and stop nobody."""
    shown = fill(tmp_path / "photos", 20)
    model = open_champion(champion, engine="torch", device="cpu")
    alone = [model.predict(path) for path in shown]
    broken = {3, 4, 11, 19}
    for at in broken:
        shown[at].write_bytes(b"junk")
    heard: list[tuple[int, int | None]] = []

    def progress(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        assert task == "predicting"
        heard.append((done, total))

    found = list(answers(model, shown, batch=batch, progress=progress))
    assert [one.path for one in found] == shown
    for at, one in enumerate(found):
        if at in broken:
            assert one.prediction is None
            assert str(one.broken).startswith(f"{shown[at]} is not a picture")
        else:
            assert one.broken is None
            assert one.prediction is not None
            assert one.prediction.label == alone[at].label
            assert one.prediction.probability == pytest.approx(alone[at].probability, abs=1e-5)
    assert heard[0] == (0, 20)
    assert heard[-1] == (20, 20)


def test_only_broken_ones(champion: Path, tmp_path: Path) -> None:
    """A batch in which nothing can be read is no trouble."""
    path = tmp_path / "a.png"
    path.write_bytes(b"junk")
    model = open_champion(champion, engine="torch", device="cpu")
    found = list(answers(model, [path, tmp_path / "no.png"]))
    assert [one.prediction for one in found] == [None, None]
    assert list(answers(model, [])) == []
