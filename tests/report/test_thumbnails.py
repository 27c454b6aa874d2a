"""Pictures made small."""

from __future__ import annotations

import pytest

from bakeoff.data.dataset import Dataset, load
from bakeoff.report.thumbnails import Thumbnails, thumbnail
from tests.pictures import encoded, photograph


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Pictures larger and smaller than a thumbnail."""
    root = tmp_path_factory.mktemp("photos")
    for label, size in (("wide", (200, 50)), ("tiny", (16, 16))):
        (root / label).mkdir()
        for number in range(12):
            picture = photograph(*size, seed=number)
            (root / label / f"{number}.png").write_bytes(encoded(picture))
    return load(root)


def test_large_pictures_shrink_and_keep_their_shape(photos: Dataset) -> None:
    """The longest side is as asked, the other follows."""
    place = int((photos.labels == photos.classes.index("wide")).argmax())
    made = thumbnail(photos, place, side=80, quality=80)
    assert (made.width, made.height, made.small) == (80, 20, False)
    assert made.source.startswith("data:image/webp;base64,")
    assert (made.label, made.name) == ("wide", photos.pictures.name(place))


def test_small_pictures_stay_as_they_are(photos: Dataset) -> None:
    """A small picture keeps its pixels and is told to be shown larger."""
    place = int((photos.labels == photos.classes.index("tiny")).argmax())
    made = thumbnail(photos, place, side=80, quality=80)
    assert (made.width, made.height, made.small) == (80, 80, True)


def test_there_is_only_so_much_room(photos: Dataset) -> None:
    """Each picture is kept once, and when the room is spent no other is taken."""
    made = Thumbnails(dataset=photos, room=1, side=40)
    assert made.number(3) == 0
    assert made.number(3) == 0
    assert made.number(4) is None
    assert made.get(4) is None
    assert made.get(3) is made.listed[0]
    assert len(made.listed) == 1
