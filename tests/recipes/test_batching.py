"""Stages with another batch, and the other changes that a command may ask for."""

from __future__ import annotations

import pytest

from bakeoff.recipes import adapted, get
from bakeoff.recipes.batching import rebatched, rule
from bakeoff.spec.errors import SpecError
from bakeoff.spec.training import SGD, Adam, AdamW, Muon, RMSProp, Stage


def test_rates_follow_the_batch() -> None:
    """SGD's in proportion, others with the root; weights that are averaged remember as many
    pictures as before."""
    made = rebatched(Stage(epochs=1, batch=100, optimiser=SGD(rate=0.1), average=0.99), 400)
    assert made.batch == 400
    assert made.optimiser.rate == pytest.approx(0.4)
    assert made.average == pytest.approx(0.99**4)
    for optimiser in (Adam(rate=0.1), AdamW(rate=0.1), RMSProp(rate=0.1)):
        made = rebatched(Stage(epochs=1, batch=400, optimiser=optimiser), 100)
        assert made.optimiser.rate == pytest.approx(0.05)
        assert rule(optimiser) == "with the root of the batch"
    muon = rebatched(Stage(epochs=1, batch=100, optimiser=Muon()), 400).optimiser
    assert isinstance(muon, Muon)
    assert muon.rate == pytest.approx(2 * Muon().rate)
    assert muon.other.rate == pytest.approx(4 * Muon().other.rate)
    assert muon.head_rate == pytest.approx(4 * Muon().head_rate)
    same = Stage(epochs=1, batch=64, average=0.9)
    assert rebatched(same, 64) == same


def test_stages_that_train_on_pictures_are_meant() -> None:
    """A head first keeps its batch where other stages follow; alone, it is what is meant."""
    tuned = adapted(get("resnet50"), batch=7)
    before = get("resnet50").stages
    assert before[0].train == "head"
    assert tuned.stages[0] == before[0]
    assert [stage.batch for stage in tuned.stages[1:]] == [7] * (len(before) - 1)
    frozen = adapted(get("vgg16-frozen"), batch=7)
    assert {stage.batch for stage in frozen.stages} == {7}
    assert adapted(get("speed"), batch=get("speed").stages[0].batch) == get("speed")


def test_balance_is_every_stages() -> None:
    """Written into each of them, so that a run that goes on compares it."""
    made = adapted(get("resnet50"), balance="auto")
    assert {stage.balance for stage in made.stages} == {"auto"}
    assert adapted(made, balance="none") == get("resnet50")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"balance": "auto"},
            "--balance needs a recipe that is trained in stages, and forest is fitted at once, "
            "but is 'auto'.",
        ),
        (
            {"batch": 7},
            "--batch needs a recipe that is trained in stages, and forest is fitted at once, but "
            "is 7.",
        ),
    ],
)
def test_what_is_fitted_has_neither(change: dict[str, object], message: str) -> None:
    """An estimator sees all pictures at once."""
    with pytest.raises(SpecError) as caught:
        adapted(get("forest"), **change)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_other_words_for_balance() -> None:
    """The ways there are, are named."""
    with pytest.raises(SpecError) as caught:
        adapted(get("speed"), balance="yes")
    assert str(caught.value) == (
        "--balance must be one of auto, weights, sampling, none, but is 'yes'."
    )
