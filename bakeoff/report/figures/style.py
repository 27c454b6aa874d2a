"""What makes figures one family: where they begin, their text, their grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from bakeoff.report.figures.colours import THEMES, Theme, ThemeName
from bakeoff.report.figures.svg import svg
from bakeoff.spec.errors import ArgumentError, MissingExtraError, one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import LayoutEngine

__all__ = [
    "LARGE",
    "LINES",
    "MARKERS",
    "SMALL",
    "TEXT",
    "TINY",
    "begin",
    "described",
    "escaped",
    "grid",
    "key",
    "key_label",
    "labels",
    "open_figure",
    "root",
    "series",
    "short",
    "titled",
]

LARGE, TEXT, SMALL, TINY = 11.0, 9.0, 8.0, 6.5
"""Sizes of text, in points."""

RIM = 0.09
"""Room at the rim of a figure, in inches."""

MARKERS = ("o", "s", "^", "D", "v", "P")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))
"""Contenders that share a colour differ in these."""

Format = Callable[[float], str]


def begin(
    ax: Axes | None,
    size: tuple[float, float],
    theme: ThemeName | None = None,
    *,
    spines: Sequence[str] = ("left", "bottom"),
) -> tuple[Axes, Theme]:
    """Axes to draw on, in inches where there are none yet, and the colours that suit them."""
    axes = open_figure(size, theme)[0].subplots() if ax is None else ax
    colours = _suiting(axes) if ax is not None and theme is None else _theme(theme)
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in spines)
        spine.set_color(colours.line)
    axes.tick_params(
        which="both",
        length=0,
        labelsize=SMALL,
        labelcolor=colours.ink,
        labelfontfamily="sans-serif",
    )
    axes.set_axisbelow(True)
    return axes, colours


def open_figure(size: tuple[float, float], theme: ThemeName | None = None) -> tuple[Figure, Theme]:
    """An empty figure that belongs to no window and to no global state."""
    colours = _theme(theme)
    made = _figure_class()
    figure: Figure = made(figsize=size, layout=_layout(), facecolor=colours.back)
    return figure, colours


def _layout() -> LayoutEngine:
    """Room for all text, and some at the rim."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=RIM, h_pad=RIM)


@cache
def _figure_class() -> Any:
    try:
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing figures", "report") from error

    class ShownAxes(Axes):
        """Axes that a notebook shows as their figure."""

        def _repr_svg_(self) -> str:
            return svg(root(self))

    class ShownFigure(Figure):
        """A figure that a notebook shows without a window system."""

        def add_subplot(self, *args: Any, **kwargs: Any) -> Axes:
            kwargs.setdefault("axes_class", ShownAxes)
            axes: Axes = super().add_subplot(*args, **kwargs)
            return axes

        def _repr_svg_(self) -> str:
            return svg(self)

    return ShownFigure


def _theme(name: str | None) -> Theme:
    for known, theme in THEMES.items():
        if known == (name or "light"):
            return theme
    raise ArgumentError("theme", "must be one of those there are", name, one_of(str(name), THEMES))


def _suiting(axes: Axes) -> Theme:
    """The colours for what is behind somebody else's axes."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(root(axes).get_facecolor())
    return THEMES["dark" if 0.3 * red + 0.6 * green + 0.1 * blue < 0.4 else "light"]


def root(axes: Axes) -> Figure:
    """The whole figure that axes are in."""
    figure = axes.get_figure()
    assert figure is not None
    whole: Figure = figure.figure
    return whole


def series(theme: Theme, place: int) -> tuple[str, str, Any]:
    """Colour, marker and line of the contender at a place: other ones for each of the first 24."""
    turn, colour = divmod(place, len(theme.series))
    return theme.series[colour], MARKERS[(colour + turn) % len(MARKERS)], LINES[turn % len(LINES)]


def titled(axes: Axes, theme: Theme, title: str, *, x: str = "", y: str = "") -> None:
    """Title and names of the axes."""
    axes.set_title(
        escaped(title), loc="left", color=theme.ink, fontsize=LARGE, family="sans-serif", pad=10
    )
    axes.set_xlabel(escaped(x), color=theme.soft, fontsize=TEXT, family="sans-serif")
    axes.set_ylabel(escaped(y), color=theme.soft, fontsize=TEXT, family="sans-serif")


def described(axes: Axes, text: str) -> None:
    """What the figure shows, for those who do not see it."""
    figure = root(axes)
    # Of a figure that is somebody else's, only they know what it shows.
    if hasattr(figure, "_repr_svg_"):
        figure.set_label(text)


def grid(axes: Axes, theme: Theme, along: str) -> None:
    """Thin lines to read values by."""
    axes.grid(visible=False)
    axes.grid(visible=True, axis=along, color=theme.line, linewidth=0.7)  # type: ignore[arg-type]


def labels(axis: Any, places: Sequence[float], texts: Sequence[str], **style: Any) -> None:
    """Names at places of an axis, as they are."""
    axis.set_ticks(list(places), [escaped(text) for text in texts], **style)


def key(axes: Axes, theme: Theme, **place: Any) -> None:
    """The legend, where `place` says."""
    axes.legend(
        **place,
        frameon=False,
        labelcolor=theme.ink,
        prop={"size": SMALL, "family": "sans-serif"},
        handlelength=2.2,
    )


def short(name: str, most: int = 28) -> str:
    """`name`, its middle left out where it is long: what sets names apart is at the ends."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"


def key_label(name: str) -> str:
    """`name` as a legend takes it: one that begins with an underscore would be left out."""
    return escaped(f" {name}" if name.startswith("_") else name)


def escaped(text: str) -> str:
    """`text` with dollar signs that are taken as they are, not as mathematics."""
    return text.replace("$", r"\$")
