"""A figure as one SVG element, small, always the same, and fit to stand in a page with others."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from bakeoff.report.figures.colours import THEMES, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["any_letters", "svg"]

FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'

_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_ID = re.compile(r'\sid="([^"]+)"')
_FONT = re.compile(r"font: (bold |[1-9]00 )?[^;\"]*?([\d.]+px)[^;\"]*;? ?|font-family: [^;\"]*;? ?")
_TAG = re.compile(r"<[^>]+>")
_USED = re.compile(r'(?:href="#|url\(#)([^")]+)')


def svg(figure: Figure, name: str = "figure", *, adaptive: bool = False) -> str:
    """`figure` as an element; ids in it begin with `name`, which no other on the page may have.

    An `adaptive` one has no background and follows the reader's choice of light or dark; it must
    have been drawn in light colours.
    """
    assert re.fullmatch(r"[A-Za-z][\w-]*", name), name
    text = _element(_saved(figure, name, transparent=adaptive))
    used = set(_USED.findall(text))
    text = _TAG.sub(lambda found: _tidy(found[0], name, used), text)
    style = f".{name} text {{ font-family: {FONTS}; }}"
    if adaptive:
        text = _TAG.sub(lambda found: _varying(found[0]), text)
        style = f"{_variables(f'.{name}')} {style}"
    label = escape(str(figure.get_label()), quote=True)
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'class="{name}" width="{width}" height="{height}" '
        f'viewBox="0 0 {0.75 * width:g} {0.75 * height:g}" role="img" '
        f'aria-label="{label}"><style>{style}</style>'
    )
    return re.sub(r"<svg\b[^>]*>", lambda found: head, text, count=1)


def _saved(figure: Figure, name: str, *, transparent: bool) -> str:
    from matplotlib import rc_context

    buffer = io.StringIO()
    # Without a date, and with ids that hang on the content alone, the same figure is the same text.
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "svg.image_inline": True,
        "image.composite_image": False,
    }
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context(settings), any_letters():
        # Each layout begins where the last one ended; the first one stays.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=transparent)
    return buffer.getvalue()


@contextmanager
def any_letters() -> Iterator[None]:
    """No warnings of letters that matplotlib's own font lacks: a reader's browser has them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _element(text: str) -> str:
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"\s*<metadata>.*?</metadata>|\s*<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", text)


def _tidy(tag: str, name: str, used: set[str]) -> str:
    """A tag with short numbers, without fonts, its ids the figure's own; unused ids go."""
    tag = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), tag)
    tag = _FONT.sub(_unnamed, tag)
    tag = _ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", tag)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)


def _unnamed(font: re.Match[str]) -> str:
    """Size and weight of a font without its name."""
    weight, size = font.groups()
    bold = f"font-weight: {weight.strip()}; " if weight else ""
    return f"{bold}font-size: {size}; " if size else ""


def _varying(tag: str) -> str:
    """A tag with variables for colours."""
    for place, colour in enumerate(_colours(THEMES["light"])):
        tag = tag.replace(colour, f"var(--c{place})")
    return tag


def _variables(scope: str) -> str:
    """The rules that give the variables their values."""
    plain, dark = (
        " ".join(f"--c{place}: {colour};" for place, colour in enumerate(_colours(theme)))
        for theme in (THEMES["light"], THEMES["dark"])
    )
    return (
        f"{scope} {{ {plain} }} "
        f"@media (prefers-color-scheme: dark) {{ {scope} {{ {dark} }} }} "
        f"@media print {{ {scope} {{ {plain} }} }}"
    )


def _colours(theme: Theme) -> tuple[str, ...]:
    return (theme.back, theme.ink, theme.soft, theme.line, theme.good, theme.bad, *theme.series)
