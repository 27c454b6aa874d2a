"""Reliability and temperature, on predictions whose truth is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.evaluation.calibration import reliability, temperature, tempered
from bakeoff.evaluation.metrics import measure

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def sure(
    seed: int, sharpness: float = 1.0, pictures: int = 4000, classes: int = 5
) -> tuple[Probabilities, Labels]:
    """Probabilities and labels drawn from them; then `sharpness` times as sure in the logarithm."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(pictures, classes)) * 2
    true = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    labels = (true.cumsum(1) < random.random((pictures, 1))).sum(1)
    sharp = np.exp(scores * sharpness)
    return (sharp / sharp.sum(1, keepdims=True)).astype(np.float32), labels


def test_bins() -> None:
    """Each holds what is surer than its low end and up to its high one; empty ones say 0."""
    shares = np.array([[0.6, 0.4], [0.75, 0.25], [0.2, 0.8], [1, 0]], np.float64)
    found = reliability(shares, np.array([0, 1, 1, 0]), bins=4)
    assert [(one.low, one.high, one.count) for one in found.bins] == [
        (0, 0.25, 0),
        (0.25, 0.5, 0),
        (0.5, 0.75, 2),
        (0.75, 1, 2),
    ]
    assert [one.confidence for one in found.bins] == pytest.approx([0, 0, 0.675, 0.9])
    assert [one.accuracy for one in found.bins] == [0, 0, 0.5, 1]
    assert found.ece == pytest.approx((0.175 * 2 + 0.1 * 2) / 4)
    assert found.max_error == pytest.approx(0.175)


def test_fifteen_bins_over_all_pictures() -> None:
    """Equally wide ones, from 0 to 1."""
    shares, labels = sure(0, pictures=300)
    bins = reliability(shares, labels).bins
    assert len(bins) == 15
    assert {round(one.high - one.low, 9) for one in bins} == {round(1 / 15, 9)}
    assert (bins[0].low, bins[-1].high) == (0, 1)
    assert sum(one.count for one in bins) == 300


@given(seed=st.integers(0, 10_000), bins=st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_the_error_is_a_mean_over_pictures(seed: int, bins: int) -> None:
    """It lies between the distance of the two means and the largest of a bin."""
    shares, labels = sure(seed, sharpness=2, pictures=200)
    found = reliability(shares, labels, bins=bins)
    whole = abs(float(shares.max(1).mean()) - float((shares.argmax(1) == labels).mean()))
    assert whole - 1e-6 <= found.ece <= found.max_error + 1e-12 <= 1 + 1e-12


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_calibrated_predictions_need_no_temperature(seed: int) -> None:
    """The temperature of probabilities from which the labels were drawn is about 1."""
    assert temperature(*sure(seed)) == pytest.approx(1, abs=0.12)


@given(seed=st.integers(0, 10_000), sharpness=st.floats(1.5, 6))
@settings(max_examples=15, deadline=None)
def test_too_sure_predictions_are_cooled_down(seed: int, sharpness: float) -> None:
    """The temperature is what they were sharpened by, and on other pictures error and loss fall."""
    found = temperature(*sure(seed, sharpness))
    assert found == pytest.approx(sharpness, rel=0.12)
    shares, labels = sure(seed + 1, sharpness)
    better = tempered(shares, found)
    assert reliability(better, labels).ece < reliability(shares, labels).ece
    names = tuple("abcde")
    assert (
        measure(better.astype(np.float32), labels, names).loss < measure(shares, labels, names).loss
    )


def test_too_modest_predictions_become_surer() -> None:
    """Below 1 where the labels follow more closely than is said."""
    assert temperature(*sure(3, 0.5)) == pytest.approx(0.5, rel=0.12)


@given(seed=st.integers(0, 10_000), heat=st.floats(0.05, 20), close=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_temperature_changes_no_prediction(seed: int, heat: float, close: bool) -> None:
    """Also where probabilities are equal, next to each other, or 0; and they still add up to 1."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(6, 0.1), 50).astype(np.float32)
    if close:
        shares[:, 4] = shares.max(1)
        shares[:, 2] = np.nextafter(shares[:, 4], np.float32(1))
    shares[:10, :3] = 0
    shares[10:20] = np.eye(6, dtype=np.float32)[random.integers(0, 6, 10)]
    made = tempered(shares, heat)
    assert (made.argmax(1) == shares.argmax(1)).all()
    assert made.sum(1) == pytest.approx(1)
    assert np.isfinite(made).all()


def test_a_temperature_of_one_changes_nothing() -> None:
    """But for what a float32 could not say."""
    shares, _ = sure(0, pictures=100)
    assert tempered(shares, 1) == pytest.approx(shares, rel=1e-6)


def test_probabilities_that_hit_zero_and_one() -> None:
    """A classifier that is certain and wrong now and then gets a finite, hot temperature, after
    which its confidence is about its accuracy."""
    labels = np.arange(1000) % 4
    predicted = np.where(np.arange(1000) % 10 == 0, (labels + 1) % 4, labels)
    shares = np.eye(4, dtype=np.float32)[predicted]
    found = temperature(shares, labels)
    assert 1 < found <= 20.01
    better = tempered(shares, found)
    assert better.max(1) == pytest.approx(0.9, abs=0.1)
    assert reliability(better, labels).ece < reliability(shares, labels).ece + 1e-9


@pytest.mark.parametrize("pictures", [1, 20, 1000])
def test_no_mistake_is_no_certainty(pictures: int) -> None:
    """Where all pictures are right, one more might not be: the temperature is no bound's, and the
    confidence no more than that."""
    labels = np.arange(pictures) % 3
    shares = np.full((pictures, 3), 0.1, np.float32)
    shares[np.arange(pictures), labels] = 0.8
    found = temperature(shares, labels)
    assert 0.05 < found < 20
    confidence = tempered(shares, found).max(1)
    wanted = (pictures + 1 / 3) / (pictures + 1)
    assert confidence == pytest.approx(wanted, abs=1e-3)


def test_a_temperature_has_bounds() -> None:
    """Predictions that are worse than none are cooled down as far as it goes."""
    shares, labels = sure(0, 5)
    assert temperature(shares, (labels + 1) % 5) == pytest.approx(20, rel=0.01)
