"""What all figures have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bakeoff.report.figures import style
from bakeoff.report.figures.svg import svg
from bakeoff.report.result import Result
from bakeoff.spec.errors import ArgumentError, MissingExtraError
from tests.report.figures.seen import overlapping

KINDS: dict[str, Callable[..., Axes]] = {
    "accuracy": lambda result, **how: result.plot_accuracy(**how),
    "pairs": lambda result, **how: result.plot_pairs(**how),
    "curves": lambda result, **how: result.plot_curves(**how),
    "loss of one": lambda result, **how: result.plot_curves(result.names[1], of="loss", **how),
    "classes": lambda result, **how: result.plot_classes(result.names[0], **how),
    "confusion": lambda result, **how: result.plot_confusion(result.names[0], **how),
    "reliability": lambda result, **how: result.plot_reliability(result.names[0], **how),
    "pareto": lambda result, **how: result.plot_pareto(**how),
    "size": lambda result, **how: result.plot_pareto("bytes", **how),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["few", "many"])
def test_nothing_overlaps(kind: str, size: str, request: pytest.FixtureRequest) -> None:
    """No text covers another or leaves the figure, with few and short names or many and long."""
    axes = KINDS[kind](request.getfixturevalue(size))
    assert overlapping(axes) == []


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_drawn_where_they_are_wanted(kind: str, few: Result) -> None:
    """Given axes are drawn on and returned; dark ones are drawn on in light colours."""
    figure = Figure(facecolor="#101010")
    axes = figure.subplots()
    assert KINDS[kind](few, ax=axes) is axes
    assert axes.title.get_text() or axes.get_title(loc="left")
    assert sum(_rgb(axes.yaxis.get_ticklabels()[0].get_color())) > 1.5
    assert figure.get_label() == ""


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_described(kind: str, few: Result) -> None:
    """Each says in words what it shows."""
    assert len(str(style.root(KINDS[kind](few)).get_label())) > 30


def test_a_notebook_shows_them(few: Result) -> None:
    """The axes a call returns show themselves and their figure."""
    axes = few.plot_confusion("cnn10", theme="dark")
    shown = axes._repr_svg_()  # type: ignore[attr-defined]
    assert shown == style.root(axes)._repr_svg_()  # type: ignore[attr-defined]
    assert shown == svg(style.root(axes))


def test_no_state_is_global(few: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing does without pyplot and its windows, and changes no settings."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    before = _settings()
    svg(style.root(few.plot_accuracy()))
    svg(style.root(few.plot_pareto()))
    assert _settings() == before


def _settings() -> dict[str, object]:
    # To ask for the backend would choose one.
    return {name: rcParams[name] for name in rcParams if name != "backend"}


def test_a_theme_that_is_none(few: Result) -> None:
    """A misspelt theme is named, with those there are."""
    with pytest.raises(ArgumentError) as caught:
        few.plot_accuracy(theme="drak")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "theme must be one of those there are, but is 'drak'. Did you mean 'dark'? "
        "(Known: dark, light.)"
    )


def test_without_matplotlib(few: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib a figure names the part of Bakeoff that brings it."""
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    style._figure_class.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match=r"pip install 'bakeoff\[report\]'"):
            few.plot_accuracy()
    finally:
        style._figure_class.cache_clear()


def test_long_names_keep_their_ends() -> None:
    """A long name loses its middle, a short one nothing."""
    assert style.short("resnet50") == "resnet50"
    name = style.short("convnext_tiny_frozen_lr3e-4_seeded", 20)
    assert name == "convnext_t…-4_seeded"
    assert len(name) == 20


def test_contenders_look_different() -> None:
    """Two dozen contenders differ in colour, mark or line."""
    theme = style._theme("light")
    assert len({str(style.series(theme, place)) for place in range(24)}) == 24
    assert len({(one[0], str(one[2])) for one in (style.series(theme, i) for i in range(24))}) == 24


def _rgb(colour: object) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)  # type: ignore[arg-type]
