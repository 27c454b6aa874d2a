"""How training went: loss and accuracy over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.report.figures import style
from bakeoff.report.figures.colours import Theme, ThemeName
from bakeoff.report.figures.svg import svg
from bakeoff.report.recorded import History, history
from bakeoff.report.units import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Value", "curves_of", "draw", "keep_curves"]

Value = Literal["accuracy", "loss"]


def draw(
    histories: Mapping[str, Sequence[History]],
    *,
    of: Value = "accuracy",
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """Validation `of` each contender, a line for each seed; of one alone, training loss too."""
    high = max(3.6, 1.2 + 0.2 * len(histories))
    axes, colours = style.begin(ax, (7.2, high), theme)
    alone = len(histories) == 1
    for place, (name, seeds) in enumerate(_ordered(histories, of)):
        colour, _, line = style.series(colours, place)
        for number, one in enumerate(seeds):
            label = "validation" if alone else style.key_label(style.short(name))
            _line(axes, one, of, color=colour, linestyle=line, label=None if number else label)
            if alone:
                _borders(axes, colours, one)
                if of == "loss":
                    _training(axes, colours, one, label=None if number else "training")
    _finish(axes, colours, of)
    which = style.short(next(iter(histories)), 34) if alone else "training"
    title = f"{of.capitalize()}: {which}" if alone else f"{of.capitalize()} during training"
    style.titled(axes, colours, title, x="epoch", y=f"validation {of}" if not alone else of)
    if not alone or of == "loss":
        style.key(axes, colours, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.described(axes, _words(histories, of))
    return axes


def curves_of(run: Path, *, theme: ThemeName | None = None) -> Figure:
    """Loss and accuracy of one run, side by side."""
    found = history(run)
    figure, colours = style.open_figure((8.6, 3.4), theme)
    values: tuple[Value, Value] = ("loss", "accuracy")
    for value, ax in zip(values, figure.subplots(1, 2), strict=True):
        axes, _ = style.begin(ax, (0, 0))
        if value == "loss":
            _training(axes, colours, found, label="training")
        _line(axes, found, value, color=colours.series[0], label="validation")
        _borders(axes, colours, found)
        _finish(axes, colours, value)
        style.titled(axes, colours, value.capitalize(), x="epoch")
        if value == "loss":
            style.key(axes, colours)
    figure.set_label(_words({run.name: [found]}, "accuracy"))
    return figure


def keep_curves(run: Path) -> Path | None:
    """Write `curves.svg` into a run's directory, where there are curves and a way to draw them."""
    if find_spec("matplotlib") is None or not history(run).looks:
        return None
    file = run / "curves.svg"
    file.write_text(svg(curves_of(run), "curves", adaptive=True), encoding="utf-8")
    return file


def _ordered(
    histories: Mapping[str, Sequence[History]], of: Value
) -> list[tuple[str, Sequence[History]]]:
    """The best first, so that the key reads like the lines' ends."""

    def end(item: tuple[str, Sequence[History]]) -> float:
        ends = [getattr(one.looks[-1], of) for one in item[1] if one.looks]
        mean = float(sum(ends)) / len(ends)
        return mean if of == "loss" else -mean

    return sorted(histories.items(), key=end)


def _line(axes: Axes, one: History, of: Value, **look: Any) -> None:
    epochs = [each.epoch for each in one.looks]
    values = [getattr(each, of) for each in one.looks]
    marker = "o" if len(values) == 1 else ""
    axes.plot(epochs, values, linewidth=1.6, marker=marker, markersize=4, **look)


def _training(axes: Axes, colours: Theme, one: History, *, label: str | None) -> None:
    colour = colours.series[1]
    epochs, values = zip(*one.steps, strict=True) if one.steps else ((), ())
    axes.plot(epochs, values, color=colour, linewidth=0.7, alpha=0.35)
    axes.plot(
        [each.epoch for each in one.looks],
        [each.train_loss for each in one.looks],
        color=colour,
        linewidth=1.4,
        linestyle=(0, (5, 1.5)),
        label=label,
    )


def _borders(axes: Axes, colours: Theme, one: History) -> None:
    """Where one stage ended and the next began."""
    for end in one.stages:
        axes.axvline(end, color=colours.soft, linewidth=0.8, linestyle=(0, (1, 2)))


def _finish(axes: Axes, colours: Theme, of: Value) -> None:
    style.grid(axes, colours, "y")
    axes.set_xlim(left=0)
    if of == "accuracy":
        low, high = axes.get_ylim()
        decimals = 0 if high - low > 0.05 else 1
        axes.set_ylim(max(low, 0), min(high, 1.005))
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, decimals))
    else:
        axes.set_ylim(bottom=0)


def _words(histories: Mapping[str, Sequence[History]], of: Value) -> str:
    def each(name: str, seeds: Sequence[History]) -> str:
        ends = [getattr(one.looks[-1], of) for one in seeds if one.looks]
        shown = [percent(end) if of == "accuracy" else f"{end:.3f}" for end in ends]
        return f"{name} ends at {', '.join(shown)}"

    told = "; ".join(each(name, seeds) for name, seeds in histories.items())
    return f"Validation {of} over epochs: {told}."
