"""The network behind every engine: probabilities, scores, features."""

from __future__ import annotations

import pytest
import torch

from bakeoff.champion.tapped import tapped
from bakeoff.models.classifier import Classifier, assemble
from bakeoff.models.fitted import FittedHead
from bakeoff.spec.estimator import Estimator, LinearProbe, LinearRegression
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Classes, Dense, Flatten, Head, Network, Row
from tests.training.jobs import TINY

PREPARED = Preprocess(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
SMALL = Backbone(name="test_resnet", weights="random", size=32)


def shown(count: int = 4) -> torch.Tensor:
    """Any pixels."""
    torch.manual_seed(0)
    return torch.randint(0, 256, (count, 8, 8, 3), dtype=torch.uint8)


def of(network: Network | Estimator) -> Classifier:
    """A classifier with its first weights."""
    made: Classifier = assemble(network, PREPARED, classes=3, seed=0).eval()
    return made


@pytest.mark.parametrize(
    ("network", "width"),
    [
        (Network(rows=TINY), 8),
        (Network(rows=(Flatten(), Dense(width=5, activation="relu"), Classes(scale=0.5))), 5),
        (Network(backbone=SMALL), None),
        (Network(backbone=SMALL, head=Head(rows=(Dense(width=7), Classes()))), 7),
    ],
)
def test_what_the_last_layer_sees(network: Network, width: int | None) -> None:
    """Scores are the classifier's own; features are what its last layer makes them of."""
    classifier = of(network)
    made = tapped(classifier, 2.0)
    assert made.names == ("probabilities", "scores", "features")
    with torch.no_grad():
        shares, scores, features = made(shown())
        assert torch.equal(scores, classifier(shown()))
        assert torch.equal(shares, classifier.probabilities(shown(), 2.0))
    assert features.shape == (4, width or features.shape[1])
    last = [one for one in classifier.head.modules() if isinstance(one, torch.nn.Linear)][-1]
    factor = 0.5 if width == 5 else 1
    assert torch.allclose(last(features) * factor, scores, atol=1e-5)


def test_pixels_are_no_features() -> None:
    """Where the last layer sees the pixels there is nothing between."""
    rows: tuple[Row, ...] = (Flatten(), Classes())
    made = tapped(of(Network(rows=rows)))
    assert made.names == ("probabilities", "scores")
    assert len(made(shown())) == 2


def test_an_estimator_is_a_last_layer() -> None:
    """An estimator sees the backbone's features, or the pixels, which are none."""

    def fitted(estimator: Estimator, width: int) -> Classifier:
        classifier = of(estimator)
        assert isinstance(classifier.head, FittedHead)
        vectors = {
            "mean": torch.zeros(width),
            "factor": torch.ones(width),
            "directions": torch.zeros(0, 0),
        }
        classifier.head.take(vectors, {"weight": torch.ones(3, width), "bias": torch.zeros(3)})
        return classifier

    pixels = tapped(fitted(Estimator(method=LinearRegression()), 192))
    assert pixels.names == ("probabilities", "scores")
    classifier = of(Estimator(method=LinearProbe(), inputs=SMALL))
    width = classifier.features(shown()).shape[1]
    probe = tapped(fitted(Estimator(method=LinearProbe(), inputs=SMALL), width))
    features = probe(shown())[2]
    assert features.shape == (4, width)
