"""An open champion: whatever a picture comes as, the answer is the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bakeoff.champion.champion import Champion
from bakeoff.champion.opening import open as open_champion
from bakeoff.champion.record import Unknown
from bakeoff.spec.errors import ArgumentError, PictureError
from tests.champion import made


@pytest.fixture
def model(champion: Path) -> Champion:
    """Opened by torch."""
    return open_champion(champion, engine="torch", device="cpu")


def kinds(shown: Image.Image, folder: Path) -> dict[str, Any]:
    """The same picture in all ways it can come."""
    path = folder / "shown.png"
    path.write_bytes(made.encoded(shown))
    opaque = shown.copy()
    opaque.putalpha(255)
    return {
        "str": str(path),
        "path": path,
        "bytes": path.read_bytes(),
        "bytearray": bytearray(path.read_bytes()),
        "memoryview": memoryview(path.read_bytes()),
        "Pillow": shown,
        "Pillow, from a file": Image.open(path),
        "Pillow, with alpha": opaque,
        "array": np.asarray(shown),
        "array, with alpha": np.asarray(opaque),
        "array, in another order": np.asfortranarray(np.asarray(shown)),
        "array, read-only": np.frombuffer(np.asarray(shown).tobytes(), np.uint8).reshape(30, 40, 3),
    }


def test_every_kind_of_picture(model: Champion, tmp_path: Path) -> None:
    """A path, bytes, a picture of Pillow's and arrays get the same answer, alone or in a list."""
    given = kinds(made.picture(1, 4), tmp_path)
    expected = model.predict(given["path"])
    for name, one in given.items():
        assert model.predict(one) == expected, name
    together = model.predict(list(given.values()), batch=5)
    assert [one.label for one in together] == [expected.label] * len(given)
    for one in together:
        assert one.probability == pytest.approx(expected.probability, abs=1e-5)


def test_grey(model: Champion) -> None:
    """A grey picture is one of three equal channels, whether it comes flat, deep or by Pillow."""
    grey = made.picture(1, 4).convert("L")
    values = np.asarray(grey)
    expected = model.predict(grey.convert("RGB"))
    for one in (grey, values, values[:, :, None]):
        assert model.predict(one) == expected


def test_a_picture_is_turned_upright(model: Champion, tmp_path: Path) -> None:
    """What Pillow holds is turned as its file asks for, and left as it was."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    made.picture(1, 4).save(path, exif=exif)
    held = Image.open(path)
    assert model.predict(held) == model.predict(path)
    assert held.size == (40, 30)
    assert model.predict(path) != model.predict(made.picture(1, 4))


def test_what_is_transparent_is_white(model: Champion) -> None:
    """Four channels are laid on white, as in files."""
    clear = np.zeros((20, 20, 4), np.uint8)
    assert model.predict(clear) == model.predict(np.full((20, 20, 3), 255, np.uint8))


def test_the_answer(model: Champion) -> None:
    """Probabilities are calibrated, add up to 1, and come with the likeliest first."""
    shown = made.picture(2, 8)
    said = model.predict(shown)
    outputs = model.tell(model.read(shown)[None])
    raised = np.exp(outputs.scores[0].astype(np.float64) / made.TEMPERATURE)
    expected = dict(zip(made.CLASSES, raised / raised.sum(), strict=True))
    assert dict(said.probabilities) == pytest.approx(expected, abs=1e-5)
    shares = list(said.probabilities.values())
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert (said.label, said.probability) == next(iter(said.probabilities.items()))
    assert (said.unknown, said.strangeness) == (None, None)


def test_none_of_these(champion: Path) -> None:
    """A picture that is stranger than the threshold is called unknown; its label stays the
    likeliest."""

    def opened(threshold: float) -> Champion:
        model = open_champion(champion, engine="torch", device="cpu")
        unknown = Unknown(method="energy", threshold=threshold, false_alarms=0.05, foreign=())
        model.record = replace(model.record, unknown=unknown)
        return model

    shown = made.picture(0, 6)
    strange = opened(0.0).predict(shown).strangeness
    assert strange is not None
    scores = opened(0.0).tell(opened(0.0).read(shown)[None]).scores.astype(np.float64)
    assert strange == pytest.approx(-np.log(np.exp(scores).sum()))
    assert opened(strange - 1e-3).predict(shown).unknown
    assert not opened(strange).predict(shown).unknown
    assert not opened(strange + 1e-3).predict(shown).unknown
    assert opened(strange - 1).predict(shown).label == opened(strange + 1).predict(shown).label


def test_lists(model: Champion) -> None:
    """A list gives a list in its order, whatever the batch; an array of four dimensions is one."""
    shown = [made.picture(at % 3, at) for at in range(7)]
    alone = [model.predict(one) for one in shown]
    for batch in (1, 3, 64):
        assert [one.label for one in model.predict(shown, batch=batch)] == [
            one.label for one in alone
        ]
    stacked = np.stack([np.asarray(one) for one in shown])
    assert [one.label for one in model.predict(stacked)] == [one.label for one in alone]
    assert model.predict([]) == []
    assert model.predict(tuple(shown[:1]))[0].label == alone[0].label


def refused(model: Champion, x: Any, **how: Any) -> str:
    """What is said of a picture, in one paragraph."""
    with pytest.raises((PictureError, ArgumentError)) as caught:
        model.predict(x, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_picture(model: Champion, tmp_path: Path) -> None:
    """Whatever else is given is refused with its reason."""
    assert refused(model, tmp_path) == (
        f"{tmp_path} is a folder, not a picture. Give the pictures in it: "
        "predict(list(folder.glob('*.jpg'))), or bakeoff predict CHAMPION FOLDER on the command "
        "line."
    )
    assert refused(model, tmp_path / "no.png") == f"{tmp_path / 'no.png'} is missing."
    expected = "the picture is not a picture that can be opened (JPEG, PNG,"
    assert refused(model, b"junk").startswith(expected)
    for one in (3, None, {"a": 1}, object()):
        assert refused(model, one) == (
            "the picture must be a path, bytes, a picture of Pillow's, an array, or a list of "
            f"these, but is {type(one).__name__!r}."
        )
    assert refused(model, [], batch=0) == "batch must be at least 1, but is 0."


def test_arrays_that_are_no_pictures(model: Champion) -> None:
    """Values and shapes that cannot be pixels are named."""
    assert refused(model, np.zeros((8, 8, 3))) == (
        "the picture must hold whole numbers from 0 to 255 (uint8), and holds float64. If it runs "
        "from 0 to 1: (picture * 255).round().astype('uint8')."
    )
    expected = "and holds int64. If its values do: picture.astype('uint8')."
    assert refused(model, np.zeros((8, 8, 3), np.int64)).endswith(expected)
    rule = "must be height × width, or height × width × 3 or 4 channels, and is"
    assert refused(model, np.zeros((3, 8, 8), np.uint8)) == f"the picture {rule} 3×8×8."
    assert refused(model, np.zeros(8, np.uint8)) == f"the picture {rule} 8."
    assert refused(model, np.zeros((8, 8, 2), np.uint8)) == f"the picture {rule} 8×8×2."
    expected = "the picture has no pixels, but is '0×8×3'."
    assert refused(model, np.zeros((0, 8, 3), np.uint8)) == expected


def test_which_of_a_list_is_broken(model: Champion, tmp_path: Path) -> None:
    """An error in a list says where in it, counted from 0, and which file."""
    fine = made.picture(0, 1)
    assert refused(model, [fine, fine, b"junk"]).startswith("picture 2 is not a picture")
    assert refused(model, [fine, tmp_path / "no.png"], batch=1) == (
        f"picture 1, {tmp_path / 'no.png'}, is missing."
    )
    assert refused(model, [fine, [fine]]).startswith("picture 1 must be a path")


def test_pixels_of_another_size(model: Champion) -> None:
    """What was not read by the champion is not told of."""
    given: list[Any] = [np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 16, 16, 3), np.float32)]
    for pixels in given:
        with pytest.raises(ArgumentError, match=r"pixels must be uint8, N×16×16×3, as read\(\)"):
            model.tell(pixels)


def test_many_threads(model: Champion) -> None:
    """Threads that ask at once get what they get one after another."""
    shown = [made.picture(at % 3, at) for at in range(24)]
    alone = [model.predict(one) for one in shown]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(model.predict, shown)) == alone
