"""What has to be read before a verdict, and which of it makes any answer worthless."""

from __future__ import annotations

from bakeoff.evaluation.cautions import Facts, cautions, grave


def test_grave_is_what_makes_answers_worthless() -> None:
    """A model that learned nothing, or began from random weights, is no model; that another
    contender did says nothing of this one, and most cautions are about numbers."""
    facts = Facts(pictures=100, seeds=3, opened_before=2, random_weights=("cnn", "tiny", "vit"))
    notes = (*cautions([], None, facts), "BROKEN: accuracy 0.1 on 100 pictures.", "Of one run.")
    random, broken = notes[0], notes[-2]
    assert random.startswith("Random weights: cnn, tiny and vit began from random weights")
    for name in ("cnn", "tiny", "vit"):
        assert grave(notes, name) == (random, broken)
    assert grave(notes, "speed") == (broken,)
    assert grave(("random weights: not a transfer result",), "speed") != ()


def test_of_many_with_random_weights_any_may_be_meant() -> None:
    """Where only the first few are named, silence about the others would be wrong."""
    names = tuple(f"n{number}" for number in range(7))
    notes = cautions([], None, Facts(pictures=100, seeds=3, random_weights=names))
    assert len(grave(notes, "n6")) == 1
