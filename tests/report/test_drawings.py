"""Where things lie in drawings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bakeoff.report.drawings import dots, losses, panels, reliability
from bakeoff.report.recorded import History, Look
from tests.report.bakeoffs import made


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Contenders of which two lead and two are far behind."""
    folder = made(tmp_path_factory.mktemp("drawn") / "one", accuracies=(0.92, 0.9, 0.5, 0.3))
    found: dict[str, Any] = json.loads(Path(folder, "result.json").read_text())
    return found


def history(*accuracies: float, loss: float = 1.0) -> History:
    """One run's looks, an epoch each."""
    return History(
        looks=tuple(
            Look(epoch=float(epoch), train_loss=loss / 2, loss=loss, accuracy=accuracy)
            for epoch, accuracy in enumerate(accuracies, 1)
        )
    )


def test_leaders_are_drawn_apart(facts: dict[str, Any]) -> None:
    """Where some are far behind, the best have a drawing of their own, and then come all."""
    leaders, everyone = dots(facts)
    assert [dot.name for dot in leaders.dots] == ["resnet50", "convnext_tiny"]
    assert len(everyone.dots) == 4
    assert leaders.axis.low > 0.8 > everyone.axis.low


def test_dots_lie_within_their_intervals(facts: dict[str, Any]) -> None:
    """Places rise with accuracy, between the ends of the interval; the band is the winner's."""
    for drawn in dots(facts):
        for dot in drawn.dots:
            assert 0 <= dot.low < dot.at < dot.high <= 100
        places = [dot.at for dot in drawn.dots]
        assert places == sorted(places, reverse=True)
        first = drawn.dots[0]
        assert first.tone == "winner"
        assert drawn.band is not None
        assert drawn.band[0] == first.low
        assert drawn.band[1] == pytest.approx(first.high - first.low, abs=0.01)


def test_curves_share_their_axes(facts: dict[str, Any]) -> None:
    """Each contender that has curves gets a panel, whose lines end at the last look."""
    curves = {"resnet50": [history(0.2, 0.8), history(0.4, 0.9)], "cnn10": [history()]}
    drawn = panels(facts, curves)
    assert drawn is not None
    across, up, found = drawn
    assert [panel.name for panel in found] == ["resnet50"]
    assert len(found[0].lines) == 2
    assert found[0].lines[1].points.split()[-1] == f"1000,{up.up(0.9) * 10:.0f}"
    assert found[0].text == "85.0% after 2 epochs"
    assert across.at(2.0) == 100
    assert panels(facts, {"resnet50": [history()]}) is None


def test_long_curves_are_thinned(facts: dict[str, Any]) -> None:
    """A curve of thousands of looks stays small, and its last look stays."""
    drawn = panels(facts, {"resnet50": [history(*[0.5] * 5000, 0.9)]})
    assert drawn is not None
    points = drawn[2][0].lines[0].points.split()
    assert len(points) <= 121
    assert points[-1] == f"1000,{drawn[1].up(0.9) * 10:.0f}"


def test_losses_that_are_no_numbers_are_left_out() -> None:
    """A run that blew up is drawn as far as it went."""
    found = losses([history(0.5, loss=1.0), history(0.5, loss=float("nan"))])
    assert found is not None
    assert [bool(line.points) for line in found[2] if line.kind == "loss"] == [True, False]
    assert losses([history(0.5, loss=float("inf"))]) is None
    assert losses([]) is None


def test_reliability(facts: dict[str, Any]) -> None:
    """Filled bins become bars as high as their accuracy; without any there is no drawing."""
    found = reliability(facts["contenders"][0]["reliability"])
    assert found is not None
    bins = [one for one in facts["contenders"][0]["reliability"]["bins"] if one["count"]]
    assert [bar[2] for bar in found.bars] == [round(100 * one["accuracy"], 2) for one in bins]
    assert max(bar[4] for bar in found.bars) == 100
    assert reliability(None) is None
    assert reliability({"bins": [{"count": 0}], "ece": 0.0}) is None
