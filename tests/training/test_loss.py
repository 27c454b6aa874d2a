"""Cross-entropy against torch's own and against sums by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from bakeoff.training.loss import class_weights, cross_entropy

SCORES = torch.randn(12, 4, generator=torch.Generator().manual_seed(1)) * 3
CLASSES = torch.randint(0, 4, (12,), generator=torch.Generator().manual_seed(2))
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.1])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_as_in_torch(smoothing: float, weights: torch.Tensor | None) -> None:
    """The sum, and without weights the mean, are torch's to 1e-6, for classes and for shares."""
    shares = torch.softmax(torch.randn(12, 4, generator=torch.Generator().manual_seed(3)), 1)
    for targets in (CLASSES, shares):
        options = {"weight": weights, "label_smoothing": smoothing}
        wanted = functional.cross_entropy(SCORES, targets, reduction="sum", **options)  # type: ignore[arg-type]
        got = cross_entropy(SCORES, targets, smoothing=smoothing, weights=weights)
        assert float(got) == pytest.approx(float(wanted), rel=1e-6)
        if weights is None:
            wanted = functional.cross_entropy(SCORES, targets, **options)  # type: ignore[arg-type]
            got = cross_entropy(SCORES, targets, smoothing=smoothing, total=12)
            assert float(got) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_shares_of_one_class_are_that_class(weights: torch.Tensor | None) -> None:
    """A class and a share of 1 in it cost the same, with and without weights and smoothing."""
    shares = functional.one_hot(CLASSES, 4).float()
    for smoothing in (0.0, 0.3):
        hard = cross_entropy(SCORES, CLASSES, smoothing=smoothing, weights=weights, total=12)
        soft = cross_entropy(SCORES, shares, smoothing=smoothing, weights=weights, total=12)
        assert float(hard) == pytest.approx(float(soft), rel=1e-6)


def test_by_hand() -> None:
    """Two pictures, two classes: the loss is what the formula gives."""
    scores = torch.tensor([[0.0, 0.0], [1.0, -1.0]])
    log = torch.log_softmax(scores.double(), 1)
    wanted = -(0.9 * log[0, 1] + 0.1 * log[0, 0]) - (0.9 * log[1, 0] + 0.1 * log[1, 1])
    got = cross_entropy(scores, torch.tensor([1, 0]), smoothing=0.2)
    assert float(got) == pytest.approx(float(wanted), rel=1e-6)


def test_parts_add_up_to_the_whole() -> None:
    """Micro-batches divided by the total of the step add up to the step's mean."""
    whole = cross_entropy(SCORES, CLASSES, weights=WEIGHTS, total=12)
    parts = [
        cross_entropy(SCORES[a:b], CLASSES[a:b], weights=WEIGHTS, total=12)
        for a, b in ((0, 5), (5, 6), (6, 12))
    ]
    assert float(sum(parts)) == pytest.approx(float(whole), rel=1e-6)


def test_bf16_scores_are_summed_in_fp32() -> None:
    """The logarithm is taken in full precision whatever the scores come in."""
    rounded = SCORES.bfloat16()
    assert cross_entropy(rounded, CLASSES).dtype == torch.float32
    assert torch.equal(cross_entropy(rounded, CLASSES), cross_entropy(rounded.float(), CLASSES))


def test_balanced_classes_count_alike() -> None:
    """Weight times pictures is the same for each class there is, and the mean weight is 1."""
    counts = [10, 30, 0, 60]
    weights = class_weights(counts)
    assert weights.tolist() == pytest.approx([10 / 3, 10 / 9, 0, 5 / 9])
    assert sum(w * n for w, n in zip(weights.tolist(), counts, strict=True)) == pytest.approx(100)
