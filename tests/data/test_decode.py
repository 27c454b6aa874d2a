"""The one place that opens pictures."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from bakeoff.data.decode import FORMATS, Limits, decode, fit, header
from bakeoff.spec.errors import PictureError
from bakeoff.spec.image import Preprocess
from tests.pictures import digit, encoded, photograph

LETTER = Image.fromarray(
    np.array([[255, 0], [90, 30], [60, 0]], np.uint8).repeat(8, 0).repeat(8, 1)
)
"""A grey picture, 16 wide and 24 high, that looks different every way it is turned."""

WIDE = photograph(60, 20)


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that say they are a huge picture."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", 4)
        + b"IDAT\0\0\0\0"
        + b"\0\0\0\0"
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_every_allowed_format_is_opened(kind: str) -> None:
    """A picture comes out much the same whatever format it was saved in."""
    picture = photograph(160, 120)
    pixels = decode(encoded(picture, kind))
    assert pixels.shape == (120, 160, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < 6


def test_other_formats_are_refused_whatever_they_are_called(tmp_path: Path) -> None:
    """A format that is not on the list is not opened, even under another name."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(encoded(digit(0), "PPM"))
    with pytest.raises(PictureError) as caught:
        decode(path, name="cat.jpg")
    assert str(caught.value) == (
        "cat.jpg is not a picture that can be opened (JPEG, PNG, WebP, GIF, BMP, TIFF)."
    )


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_photograph_comes_out_upright(turn: int) -> None:
    """All eight EXIF orientations are undone, and the header knows the upright size."""
    undone = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = LETTER.transpose(undone[turn]) if turn > 1 else LETTER
    exif = Image.Exif()
    exif[0x0112] = turn
    content = encoded(stored, "PNG", exif=exif)
    assert np.array_equal(decode(content)[:, :, 0], np.asarray(LETTER))
    assert (header(content).width, header(content).height) == LETTER.size


@pytest.mark.parametrize(
    ("mode", "value", "shown"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("LA", (40, 0), (255, 255, 255)),
        ("I;16", 0x8000, (128, 128, 128)),
        ("I;16", 0xFFFF, (255, 255, 255)),
    ],
)
def test_every_pixel_layout_becomes_red_green_and_blue(
    mode: str, value: float | tuple[int, ...], shown: tuple[int, int, int]
) -> None:
    """Grey, 16-bit and transparent pictures look as a viewer shows them on white."""
    pixels = decode(encoded(Image.new(mode, (9, 5), value), "PNG"))
    assert pixels.shape == (5, 9, 3)
    assert tuple(pixels[2, 4]) == shown


def test_palettes_with_a_transparent_colour_lie_on_white() -> None:
    """The transparent entry of a palette is shown white, the others in their colour."""
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.paste(1, (4, 0, 8, 8))
    pixels = decode(encoded(picture, "PNG", transparency=0))
    assert tuple(pixels[4, 0]) == (255, 255, 255)
    assert tuple(pixels[4, 7]) == (0, 0, 200)


def test_printers_colours_are_understood() -> None:
    """A CMYK JPEG comes out in its colours, not inverted."""
    pixels = decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = (int(value) for value in pixels[8, 8])
    assert red > 200
    assert max(green, blue) < 60


def test_a_scientific_picture_is_scaled_or_refused() -> None:
    """Deep grey TIFFs are read at the depth they use, and refused beyond 16 bits."""
    assert decode(encoded(Image.new("F", (4, 4), 0.5), "TIFF"))[0, 0, 0] == 127
    assert decode(encoded(Image.new("I", (4, 4), 40_000), "TIFF"))[0, 0, 0] == 156
    assert decode(encoded(Image.new("I", (4, 4), 200), "TIFF"))[0, 0, 0] == 200
    with pytest.raises(PictureError, match="floating-point values outside 0 to 1"):
        decode(encoded(Image.new("F", (4, 4), 7.0), "TIFF"))
    with pytest.raises(PictureError, match="values outside the 16 bits that are read"):
        decode(encoded(Image.new("I", (4, 4), 1 << 20), "TIFF"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame(kind: str) -> None:
    """Only the first frame of several is read."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    assert tuple(decode(content)[4, 4]) == (255, 0, 0)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    """A few bytes that claim 81 million pixels are refused by their header."""
    bomb = png_that_claims(9_000, 9_000)
    for look in (header, decode):
        with pytest.raises(PictureError) as caught:
            look(bomb, name="bomb.png")
        assert str(caught.value) == (
            "bomb.png is 9000×9000 pixels; at most 80 million pixels and 32768 pixels a side "
            "are opened. Shrink it first."
        )


def in_scans(count: int, between: bytes = b"") -> bytes:
    """A progressive JPEG whose last scan is there again and again."""
    content = encoded(WIDE, "JPEG", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    missing = count - content.count(b"\xff\xda")
    return content[:-2] + (between + scan) * missing + content[-2:]


@pytest.mark.parametrize(
    "between",
    [
        b"",
        # A remark that holds what would be the end.
        b"\xff\xfe\x00\x04\xff\xd9",
        b"\xff" * 5,
    ],
)
def test_a_jpeg_in_many_scans_is_refused_before_it_is_decoded(between: bytes) -> None:
    """A few bytes that have a picture decoded over and over are not decoded once."""
    with pytest.raises(PictureError) as caught:
        decode(in_scans(101, between), name="slow.jpg")
    assert str(caught.value) == (
        "slow.jpg is a JPEG in more than the 100 scans that are decoded. Save it anew."
    )
    with pytest.raises(PictureError, match="in more than the 9 scans"):
        decode(encoded(WIDE, "JPEG", progressive=True), limits=Limits(scans=9))


@pytest.mark.parametrize("count", [10, 100])
def test_a_jpeg_in_some_scans_is_decoded(count: int, tmp_path: Path) -> None:
    """Progressive JPEGs are opened, from memory and from a file, also where what they remark looks
    like scans."""
    content = in_scans(count)
    remark = b"\xff\xfe" + (2 + 400).to_bytes(2, "big") + b"\xff\xda" * 200
    content = content[:2] + remark + content[2:] + b"\xff\xda" * 200
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    plain = decode(encoded(WIDE, "JPEG", progressive=True))
    for source in (content, path):
        assert decode(source).shape == plain.shape


def test_a_jpeg_of_nothing_but_remarks_is_refused() -> None:
    """Parts that are no scans are not counted without end either."""
    content = encoded(WIDE, "JPEG")
    with pytest.raises(PictureError, match="in more than the 100 scans"):
        decode(content[:-2] + b"\xff\xfe\x00\x02" * 20_000 + content[-2:])


@pytest.mark.parametrize("size", [(40_000, 1), (12_000, 12_000), (2_000_000_000, 2_000_000_000)])
def test_no_claimed_size_gets_through(size: tuple[int, int]) -> None:
    """Long slivers and sizes beyond Pillow's own limits are refused for their size."""
    with pytest.raises(PictureError, match=r"^bomb\.png .*80 million pixels.*Shrink it first"):
        decode(png_that_claims(*size), name="bomb.png")


def test_limits_can_be_lowered() -> None:
    """A service may allow less than training does."""
    with pytest.raises(PictureError, match=r"at most 0\.0001 million pixels"):
        decode(encoded(WIDE), limits=Limits(pixels=100))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is not a picture that can be opened"),
        (b"<html>not found</html>", "it is not a picture that can be opened"),
        (encoded(WIDE, "JPEG")[:-300], "it is damaged (image file is truncated"),
        (encoded(WIDE, "PNG")[:-40], "it is damaged (image file is truncated"),
    ],
)
def test_a_damaged_picture_is_named_with_its_damage(content: bytes, message: str) -> None:
    """What cannot be decoded is an error about that file, in words."""
    with pytest.raises(PictureError) as caught:
        decode(content, name="it")
    assert str(caught.value).startswith(message)


def test_missing_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    """A path that is no file is said to be what it is."""
    with pytest.raises(PictureError, match=r"gone\.png is missing\.$"):
        decode(tmp_path / "gone.png")
    with pytest.raises(PictureError, match=r"is a folder, not a picture\.$"):
        decode(tmp_path)


def test_what_pillow_only_warns_of_is_an_error() -> None:
    """A picture whose metadata is damaged is broken, not silently half-read."""
    content = encoded(WIDE, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01")
    with pytest.raises(PictureError, match="is damaged"):
        decode(content)


def test_decoding_leaves_the_users_warnings_alone() -> None:
    """After pictures were decoded in several threads, warning filters are as they were."""
    before = list(warnings.filters)
    content, broken = encoded(WIDE, "JPEG"), encoded(WIDE, "JPEG")[:200]

    def work() -> None:
        for _ in range(20):
            decode(content)
            with pytest.raises(PictureError):
                decode(broken)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_crop_takes_the_middle() -> None:
    """The long side loses as much on either end, and `keep` cuts further in."""
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 200
    assert (fit(pixels, Preprocess(size=20, interpolation="nearest")) == 200).all()
    pixels[5:15, 25:35] = 90
    assert (fit(pixels, Preprocess(size=10, keep=0.5, interpolation="nearest")) == 90).all()


def test_pad_keeps_the_whole_object() -> None:
    """The picture is scaled to the long side and laid in the middle of the mean colour."""
    pixels = np.full((20, 60, 3), 200, np.uint8)
    target = Preprocess(size=30, fit="pad", mean=(0.2, 0.4, 0.6), std=(1, 1, 1))
    fitted = fit(pixels, target)
    assert tuple(fitted[0, 0]) == (51, 102, 153)
    assert (fitted[10:20] == 200).all()
    assert not (fitted[:10] == 200).all()


def test_stretch_keeps_everything_and_no_proportion() -> None:
    """Both halves of a wide picture are still there, each half as wide."""
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 30:] = 200
    fitted = fit(pixels, Preprocess(size=10, fit="stretch", interpolation="area"))
    assert (fitted[:, :5] == 0).all()
    assert (fitted[:, 5:] == 200).all()


def test_shrinking_is_antialiased() -> None:
    """A fine checkerboard shrinks to grey, not to a random half of its squares."""
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    fitted = fit(np.stack([board] * 3, -1), Preprocess(size=8))
    assert np.abs(fitted.astype(int) - 127).max() <= 2


def test_a_picture_that_fits_is_unchanged() -> None:
    """Fitting what has the right size already changes no pixel, nor does fitting twice."""
    pixels = np.asarray(photograph(32, 32))
    target = Preprocess(size=32)
    once = fit(pixels, target)
    assert np.array_equal(once, pixels)
    assert np.array_equal(fit(once, target), once)


@pytest.mark.parametrize("shape", ["crop", "pad", "stretch"])
def test_a_large_jpeg_is_the_same_decoded_small(shape: str) -> None:
    """Scaled decoding shows what decoding whole and shrinking shows, to a grey level or two."""
    content = encoded(photograph(900, 700), "JPEG", quality=92)
    target = Preprocess(size=64, fit=shape)  # type: ignore[arg-type]
    small, whole = decode(content, target), fit(decode(content), target)
    assert np.abs(small.astype(int) - whole).mean() < 1.5


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(4, 40),
    st.sampled_from(["crop", "pad", "stretch"]),
    st.sampled_from(["JPEG", "PNG"]),
)
@settings(max_examples=60, deadline=None)
def test_any_size_fits_any_square(
    width: int, height: int, size: int, shape: str, kind: str
) -> None:
    """Every picture becomes the square that was asked for, however long and thin it is."""
    content = encoded(photograph(width, height), kind)
    target = Preprocess(size=size, fit=shape)  # type: ignore[arg-type]
    assert decode(content, target).shape == (size, size, 3)


SEEDS = [
    encoded(digit(5), "PNG"),
    encoded(WIDE, "JPEG"),
    encoded(WIDE, "GIF"),
    encoded(WIDE, "BMP"),
    encoded(WIDE, "TIFF", compression="tiff_lzw"),
    encoded(WIDE, "WEBP"),
    encoded(Image.new("I;16", (9, 9), 40_000), "PNG"),
]


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4))),
    st.floats(0, 1),
)
@example(encoded(WIDE, "TIFF"), [(0.01, b"\xff\xff\xff\xff")], 1.0)
@settings(max_examples=300, deadline=None)
def test_a_mutated_file_is_a_picture_or_a_named_error(
    seed: bytes, edits: list[tuple[float, bytes]], kept: float
) -> None:
    """Whatever happens to a file's bytes, decoding gives pixels or a PictureError that names it."""
    content = bytearray(seed)
    for place, patch in edits:
        start = int(place * len(content))
        content[start : start + len(patch)] = patch
    mutated = bytes(content[: int(len(content) * kept)])
    try:
        pixels = decode(mutated, Preprocess(size=8), name="it", limits=Limits(pixels=1_000_000))
    except PictureError as error:
        assert str(error).startswith("it ")
    else:
        assert pixels.shape == (8, 8, 3)
        assert pixels.dtype == np.uint8


@pytest.mark.parametrize("shape", ["crop", "pad", "stretch"])
def test_area_is_a_mean_when_shrinking_and_smooth_when_enlarging(shape: str) -> None:
    """Shrunk by half, a pixel is the mean of four; enlarged, the new pixels lie in between."""
    target = Preprocess(size=4, fit=shape)  # type: ignore[arg-type]
    ramp = np.repeat(np.arange(8, dtype=np.uint8)[None, :, None] * 20, 8, axis=0).repeat(3, axis=2)
    assert fit(ramp, target)[0, :, 0].tolist() == [10, 50, 90, 130]
    enlarged = fit(ramp, Preprocess(size=32, fit=shape))[16, :, 0].astype(int)  # type: ignore[arg-type]
    assert len(set(enlarged.tolist())) > 20
