"""The matrix of pairs."""

from __future__ import annotations

from bakeoff.report.figures.pairs import SIGNS
from bakeoff.report.result import Result
from bakeoff.report.units import points


def test_each_pair_is_there_twice(few: Result) -> None:
    """Row against column and turned round, each with its outcome and difference."""
    axes = few.plot_pairs()
    names = list(few.names[:4])
    cells = {one.get_position(): one.get_text() for one in axes.texts}
    assert len(cells) == len(names) * (len(names) - 1)
    turned = {"better": "worse", "worse": "better"}
    for pair in few.facts["pairs"]:
        row, column = names.index(pair["first"]), names.index(pair["second"])
        outcome, difference = pair["outcome"], pair["difference"]
        assert cells[column, row] == f"{SIGNS[outcome]}\n{points(difference)}"
        other = turned.get(outcome, outcome)
        assert cells[row, column] == f"{SIGNS[other]}\n{points(-difference)}"


def test_the_words_are_told(few: Result) -> None:
    """Who does not see the matrix is told every pair."""
    label = few.plot_pairs().figure.get_label()
    assert all(pair["words"] in str(label) for pair in few.facts["pairs"])
