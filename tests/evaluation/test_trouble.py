"""Signs that a training did not work."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.evaluation.metrics import Metrics, measure
from bakeoff.evaluation.trouble import Effort, below_probe, is_chance, signs_of_trouble


def metrics(predicted: list[int], labels: list[int]) -> Metrics:
    """Of sure predictions."""
    classes = max(labels) + 1
    shares = np.eye(classes, dtype=np.float32)[predicted]
    return measure(shares, np.array(labels), tuple(f"c{place}" for place in range(classes)))


BALANCED = [place % 4 for place in range(200)]


def test_good_training_is_no_trouble() -> None:
    """Where all is well nothing is said."""
    assert signs_of_trouble(metrics(BALANCED, BALANCED), [1.4, 0.8, 0.3]) == ()


@pytest.mark.parametrize("accuracy", [0.1, 0.25, 0.3])
def test_chance_level_is_broken(accuracy: float) -> None:
    """A model that is no better than naming one class has learned nothing, and is called so first
    of all."""
    right = round(accuracy * 200)
    predicted = [c if place < right else (c + 1) % 4 for place, c in enumerate(BALANCED)]
    first = signs_of_trouble(metrics(predicted, BALANCED))[0]
    assert first == (
        f"BROKEN: accuracy {right / 200:.4f} on 200 pictures is no better than always naming the "
        "largest class (0.2500). The model learned nothing that shows. Likely causes: a rate far "
        "too high or too low, labels that do not belong to the pictures, pictures that are not "
        "scaled, or dead units after a bad start. Try a tenth of the rate, and look at the data "
        "with `bakeoff data`."
    )


def test_few_pictures_do_not_show_that_nothing_was_learned() -> None:
    """Well above chance, but not surely so: that is said, and nobody is called broken."""
    labels = [place % 3 for place in range(12)]
    predicted = [c if place < 7 else (c + 1) % 3 for place, c in enumerate(labels)]
    assert signs_of_trouble(metrics(predicted, labels)) == (
        "Accuracy 0.5833 on 12 pictures cannot be told from always naming the largest class "
        "(0.3333): with so few pictures it may be by chance. More validation pictures would tell.",
    )
    fewer = [c if place < 4 else (c + 1) % 3 for place, c in enumerate(labels)]
    assert signs_of_trouble(metrics(fewer, labels))[0].startswith("BROKEN: accuracy 0.3333 on 12 ")


def test_what_is_fitted_has_no_rate() -> None:
    """Advice on an estimator speaks of nothing that it does not have."""
    (first, *_) = signs_of_trouble(
        metrics([(c + 1) % 4 for c in BALANCED], BALANCED), effort=Effort(fitted=True)
    )
    assert first == (
        "BROKEN: accuracy 0.0000 on 200 pictures is no better than always naming the largest class "
        "(0.2500). The model learned nothing that shows. Likely causes: too few pictures to learn "
        "from, labels that do not belong to the pictures, or inputs that do not show what tells "
        "the classes apart. Look at the data with `bakeoff data`, and try features of a pretrained "
        "backbone."
    )


def test_classes_that_count_the_same() -> None:
    """Where training was balanced, the mean recall is held against guessing; and who gave up the
    large class for small ones has learned something, however it was trained."""
    uneven = [0] * 160 + [1] * 20 + [2] * 20
    fair = metrics([0] * 100 + [1] * 60 + [1] * 20 + [2] * 20, uneven)
    assert fair.accuracy < 0.8
    assert not is_chance(fair)
    assert signs_of_trouble(fair, effort=Effort(balanced=True)) == ()
    lazy = metrics([0] * 198 + [1, 2], uneven)
    assert signs_of_trouble(lazy, effort=Effort(balanced=True))[0].startswith(
        "BROKEN: mean recall over classes 0.3500 on 200 pictures is no better than guessing "
        "(0.3333)."
    )


def test_too_little_training_is_blamed_first() -> None:
    """After a few steps or part of an epoch nothing else is the likely cause."""
    short, long = Effort(steps=4, epochs=0.18), Effort(steps=50, epochs=1.0)
    never = metrics([min(place, 1) for place in BALANCED], BALANCED)
    blame = (
        "The likely cause: it was only trained for 0.18 epochs, 4 steps; allow more time or "
        "epochs. If that does not help: "
    )
    assert signs_of_trouble(never, effort=short) == (
        f"2 of 4 classes are never predicted: c2, c3. {blame}too few pictures of them, or classes "
        "of very unequal size.",
    )
    assert signs_of_trouble(never, effort=long) == signs_of_trouble(never)
    assert blame in signs_of_trouble(partly(50), effort=short)[0]
    assert blame in signs_of_trouble(partly(200), [1.4, 1.4, 1.4], short)[0]
    assert blame in (below_probe(partly(80), 0.62, 1500, short) or "")
    assert below_probe(partly(80), 0.62, 1500, long) == below_probe(partly(80), 0.62, 1500)
    assert Effort(steps=1, epochs=3.0).too_little == "trained for 3 epochs, 1 step"
    assert Effort(steps=9, epochs=1.0).too_little == "trained for 1 epoch, 9 steps"
    assert Effort(steps=90, epochs=0.5).too_little == "trained for 0.5 epochs, 90 steps"


def test_chance_depends_on_how_many_pictures_there_are() -> None:
    """A third above chance is little on 40 pictures and much on 4,000; the largest class counts."""
    predicted = [c if place % 3 == 0 else (c + 1) % 4 for place, c in enumerate(BALANCED * 20)]
    assert is_chance(metrics(predicted[:40], BALANCED[:40]))
    assert not is_chance(metrics(predicted, BALANCED * 20))
    uneven = [0] * 90 + [1] * 10
    assert is_chance(metrics([0] * 100, uneven))
    assert not is_chance(metrics(uneven, uneven))


def test_classes_that_are_never_predicted() -> None:
    """They are named, the first five of them."""
    predicted = [min(place, 1) for place in BALANCED]
    found = signs_of_trouble(metrics(predicted, BALANCED))
    assert found == (
        "2 of 4 classes are never predicted: c2, c3. Likely causes: too few pictures of them, or "
        "classes of very unequal size.",
    )
    (text,) = signs_of_trouble(metrics([min(place, 2) for place in BALANCED], BALANCED))
    assert text.startswith("1 of 4 classes is never predicted: c3. Likely causes: too few pictures")
    many = [place % 20 for place in range(400)]
    (text,) = signs_of_trouble(metrics([label % 10 for label in many], many))
    assert text.startswith("10 of 20 classes are never predicted: c10, c11, c12, c13, c14, …. ")


def test_classes_without_pictures_are_not_counted() -> None:
    """Of a class that is not there nobody can say that it is never predicted."""
    labels = np.array([0] * 60 + [1] * 40 + [2] * 40)
    shares = np.eye(4, dtype=np.float32)[np.minimum(labels, 1)]
    found = signs_of_trouble(measure(shares, labels, ("a", "b", "c", "none")))
    assert found == (
        "1 of 3 classes that have pictures here is never predicted: c. Likely causes: too few "
        "pictures of it, or classes of very unequal size.",
    )


def test_a_loss_that_never_moved() -> None:
    """Said after three looks, in either direction; a rising one never moved down."""
    good = metrics(BALANCED, BALANCED)
    for losses in ([1.386, 1.386, 1.385], [1.386, 1.39, 1.5]):
        assert signs_of_trouble(good, losses) == (
            f"The training loss never moved: it began at 1.386 and was never below "
            f"{min(losses):.3f}. Likely causes: a rate far too low, or nothing that is trainable.",
        )
    assert signs_of_trouble(good, [1.386, 1.386]) == ()
    assert signs_of_trouble(good, [1.386, 1.386, 1.0]) == ()
    assert signs_of_trouble(good, []) == ()


def partly(right: int) -> Metrics:
    """So many of 200 pictures right."""
    return metrics(
        [c if place < right else (c + 1) % 4 for place, c in enumerate(BALANCED)], BALANCED
    )


def test_worse_than_a_line() -> None:
    """Both figures, what they were measured on, and what may be the cause."""
    assert below_probe(partly(80), 0.62, 1500) == (
        "Accuracy 0.4000 on 200 pictures is clearly below that of a linear classifier on small "
        "copies of the pictures (0.6200 on 1,500): labels and pictures belong together, and the "
        "training did not get at it. Likely causes: too few epochs, a rate far too high or too "
        "low, augmentation that takes away what tells the classes apart, a frozen backbone with "
        "random weights or one for quite other pictures, or too much regularisation. Try more "
        "epochs first, then a tenth of the rate."
    )


def test_not_clearly_worse_than_a_line() -> None:
    """Nothing is said of a difference below two standard errors, or in the other direction."""
    # 100 of 200 against 0.6: the shares differ by 0.1, and its standard error is 0.0497.
    assert below_probe(partly(100), 0.6, 200) is not None
    assert below_probe(partly(101), 0.6, 200) is None
    assert below_probe(partly(100), 0.6, 150) is None
    assert below_probe(partly(160), 0.6, 200) is None
    assert below_probe(partly(200), 1.0, 200) is None
    assert below_probe(partly(0), 0.0, 200) is None


def test_few_pictures_show_little() -> None:
    """One picture that is wrong against one that is right is no sign of anything."""
    one = measure(np.array([[0, 1]], np.float32), np.array([0]), ("a", "b"))
    assert below_probe(one, 1.0, 1) is None
