"""A bake-off in one paragraph."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff.evaluation.cautions import Facts
from bakeoff.evaluation.choice import Candidate, Wishes, choose
from bakeoff.evaluation.compare import compare
from bakeoff.evaluation.intervals import accuracy
from bakeoff.evaluation.verdict import Verdict, judge
from tests.evaluation.simulated import right

COSTS = {"cnn10": 0.0021, "vgg16": 0.0312, "probe": 0.0001, "resnet": 0.0053}
N = 10_000
FACTS = Facts(pictures=N, seeds=3)


def verdict(
    validation: dict[str, int],
    test: dict[str, int] | None = None,
    wishes: Wishes | None = None,
    facts: Facts = FACTS,
    others: tuple[Candidate, ...] = (),
    pictures: int = N,
) -> Verdict:
    """Of contenders that have so many pictures right, on validation and on test."""
    test, wishes = test or validation, wishes or Wishes()
    shown = {name: right(hits, pictures) for name, hits in test.items()}
    candidates = [
        Candidate(
            name=name,
            validation=hits / pictures,
            accuracy=accuracy(shown[name]),
            latency=COSTS[name],
            size=int(COSTS[name] * 1e9),
            is_baseline=name == "probe",
        )
        for name, hits in validation.items()
    ]
    correct = {name: right(hits, pictures) for name, hits in validation.items()}
    everyone = [*candidates, *others]
    choice = choose(everyone, correct, wishes)
    pairs = compare(shown, margin=wishes.margin)
    return judge(choice, everyone, pairs, wishes, facts)


def test_a_clear_winner() -> None:
    """Who wins, with how much, over whom by how much, and how sure that is."""
    found = verdict({"cnn10": 9300, "vgg16": 9200, "probe": 6000})
    assert found.winner == "cnn10"
    assert found.paragraph == (
        "cnn10 wins: 93.0% of 10,000 test pictures right (95%: 92.5% to 93.5%, 1 seed). "
        "It is better than every other: the nearest is vgg16, by 1.00 pp (95%: 0.80 to 1.20). "
        "Better means: at 95% confidence, with Holm's correction over 3 pairs."
    )
    assert found.headline == found.paragraph.split(" It is")[0]
    assert (found.tied, found.untold, found.contradicted_by) == ((), (), ())
    assert found.cheapest == "cnn10"


def test_a_tie_names_the_cheapest() -> None:
    """Who is tied with the winner, and which of them costs least."""
    found = verdict({"vgg16": 9310, "cnn10": 9300, "probe": 6000})
    assert (found.winner, found.tied, found.cheapest) == ("vgg16", ("cnn10",), "cnn10")
    assert found.paragraph == (
        "vgg16 is chosen, the most accurate on validation: 93.10% of 10,000 test pictures right "
        "(95%: 92.59% to 93.58%, 1 seed). It is better than probe by 33.1 pp (95%: 32.2 to 34.0). "
        "It is tied with cnn10, less than 0.5 pp apart; the cheapest is cnn10 (2.1 ms a picture, "
        "2.1 MB). Better means: at 95% confidence, with Holm's correction over 3 pairs."
    )
    own = verdict({"cnn10": 9310, "vgg16": 9300, "probe": 6000}).paragraph
    assert (
        "It is tied with vgg16, less than 0.5 pp apart, and is itself the cheapest of them." in own
    )


def test_all_are_tied() -> None:
    """That nothing lies between contenders is a verdict, and then cost decides."""
    found = verdict({"vgg16": 9302, "resnet": 9301, "cnn10": 9300})
    assert found.paragraph == (
        "All 3 contenders are tied: no two are 0.5 pp apart. vgg16 is chosen, the most accurate "
        "on validation: 93.02% of 10,000 test pictures right (95%: 92.50% to 93.50%, 1 seed). "
        "The cheapest is cnn10 (2.1 ms a picture, 2.1 MB)."
    )


def test_nothing_can_be_told() -> None:
    """On few pictures none is shown to be better, and what would tell is said."""
    found = verdict({"vgg16": 187, "cnn10": 186}, facts=Facts(pictures=200, seeds=3), pictures=200)
    assert found.untold == ("cnn10",)
    assert found.paragraph == (
        "None of the 2 contenders is shown to be better than another. vgg16 is chosen, the most "
        "accurate on validation: 93.5% of 200 test pictures right (95%: 89.2% to 96.2%, 1 seed). "
        "It cannot be told from cnn10 (about 4,900 more pictures would tell cnn10)."
    )


def test_none_beats_the_baseline() -> None:
    """If nothing is better than the linear probe, that is said at once."""
    found = verdict({"vgg16": 9300, "cnn10": 9100, "probe": 9299})
    assert "None beats probe, the baseline." in found.paragraph
    assert "None beats" not in verdict({"vgg16": 9300, "probe": 9100}).paragraph
    assert "None beats" not in verdict({"vgg16": 9300, "cnn10": 9200}).paragraph


def test_the_baseline_is_not_held_against_itself() -> None:
    """Where it is chosen, that nothing beats it goes without saying."""
    found = verdict({"probe": 187, "cnn10": 186}, facts=Facts(pictures=200, seeds=3), pictures=200)
    assert found.winner == "probe"
    assert "None beats" not in found.paragraph


def test_level_on_validation() -> None:
    """What decided between contenders that are level is said, not that one was ahead."""
    facts = Facts(pictures=200, seeds=3)
    two = {"vgg16": 180, "cnn10": 180}
    found = verdict(two, {"vgg16": 180, "cnn10": 179}, facts=facts, pictures=200)
    assert (
        "cnn10, level with vgg16 on validation, is chosen as the faster: 89.5% of 200 test"
    ) in found.paragraph
    three = verdict(two | {"resnet": 180, "probe": 3}, facts=facts, pictures=200)
    assert three.headline.startswith(
        "cnn10, level with vgg16 and resnet on validation, is chosen as the fastest:"
    )
    alike = [
        Candidate(name=name, validation=0.9, accuracy=accuracy(right(9, 10)), parameters=number)
        for name, number in (("a", 5), ("b", 4), ("c", 4))
    ]
    correct = {one.name: right(9, 10) for one in alike}
    assert choose(alike[:2], correct, Wishes()).tie_break == "the one with fewer parameters"
    assert choose(alike[1:], correct, Wishes()).tie_break == "the first in the line-up"
    assert choose(alike[1:], correct, Wishes()).level == ("c",)
    # Means of one run and of several may differ in their last bit.
    near = [alike[0], replace(alike[1], validation=0.9 + 1e-16 * 3)]
    assert choose(near, correct, Wishes()).name == "b"


def test_the_test_contradicts_the_choice() -> None:
    """Another that does better on test is named, and the choice stays validation's."""
    found = verdict({"vgg16": 9300, "cnn10": 9200}, {"vgg16": 9200, "cnn10": 9300})
    assert (found.winner, found.contradicted_by) == ("vgg16", ("cnn10",))
    assert (
        "The test pictures contradict the choice: cnn10 did better, cnn10 by 1.00 pp (95%: 0.80 to "
        "1.20). It stays as validation made it, as pictures that choose can no longer measure."
    ) in found.paragraph


def test_cost_is_preferred() -> None:
    """The fastest of those as good as the best is chosen, and the sentence says so."""
    hits = {"vgg16": 9310, "cnn10": 9300, "probe": 6000}
    found = verdict(hits, wishes=Wishes(prefer="latency"))
    assert found.winner == "cnn10"
    assert found.headline.startswith(
        "cnn10 is chosen, the fastest of vgg16 and those as good on validation: 93.0% of"
    )
    alone = verdict(
        {"vgg16": 9400, "cnn10": 9300, "resnet": 9398}, wishes=Wishes(prefer="size", margin=1e-4)
    )
    assert alone.headline.startswith("vgg16 is chosen, as none is as accurate on validation:")


def test_beyond_the_limits() -> None:
    """Who was not let in is named with the reason, and what it would have gained."""
    hits = {"vgg16": 9300, "cnn10": 9200, "probe": 6000}
    found = verdict(hits, wishes=Wishes(max_latency=0.02))
    assert (found.winner, found.contradicted_by) == ("cnn10", ())
    assert found.headline.startswith(
        "cnn10 is chosen, the most accurate on validation within the limits:"
    )
    assert (
        "Beyond the limits: vgg16 (31.2 ms a picture, 20 ms at most, though better by 1.00 pp "
        "(95%: 0.80 to 1.20))."
    ) in found.paragraph
    only = verdict(hits, wishes=Wishes(max_latency=0.001))
    assert only.headline.startswith("probe is chosen, the only one within the limits:")


def test_nobody_keeps_the_limits() -> None:
    """Then there is no winner, and the nearest is named."""
    found = verdict({"vgg16": 9300, "cnn10": 9200}, wishes=Wishes(max_latency=2e-3, max_size=10**6))
    assert found.winner is None
    assert found.paragraph == (
        "No contender keeps to the limits, so there is no winner: at most 2 ms a picture and at "
        "most 1 MB. cnn10 comes nearest: 2.1 ms a picture, 2 ms at most; 2.1 MB, 1 MB at most."
    )
    assert (found.tied, found.cheapest) == ((), None)
    assert found.pareto == ("cnn10", "vgg16")


CRASHED = Candidate(name="vit", status="crashed", reason="Out of memory.")


def test_one_contender() -> None:
    """Compared with nothing, it wins nothing; who crashed is named."""
    found = verdict({"cnn10": 9300}, others=(CRASHED,))
    assert found.paragraph == (
        "cnn10 is the only contender, compared with nothing: 93.0% of 10,000 test pictures right "
        "(95%: 92.5% to 93.5%, 1 seed). Without a result: vit (Out of memory)."
    )
    assert found.winner == "cnn10"


def test_no_contender() -> None:
    """If none finished there is no winner, and each reason is given."""
    found = verdict({}, others=(CRASHED, Candidate(name="knn", status="stopped")))
    assert found.winner is None
    assert found.paragraph == (
        "No contender finished, so there is no winner. vit: Out of memory; knn: stopped."
    )


def test_pareto() -> None:
    """Whom nobody beats in one without losing in the other, the cheapest first."""
    found = verdict({"vgg16": 9300, "resnet": 9100, "cnn10": 9200, "probe": 6000})
    assert found.pareto == ("probe", "cnn10", "vgg16")
    assert found.pareto_size == ("probe", "cnn10", "vgg16")


def test_warnings_stand_above() -> None:
    """Leaks with the accuracy without them, random weights, broken runs, tests opened before and
    single seeds."""
    facts = Facts(
        pictures=N, seeds=1, opened_before=2, leaked=537, random_weights=("resnet", "vgg16")
    )
    broken = replace(CRASHED, warnings=("BROKEN: no better than chance.",))
    found = verdict({"cnn10": 9300, "vgg16": 9000}, facts=facts, others=(broken,))
    assert found.warnings == (
        "Leak: 537 of 10,000 test pictures have a copy, or nearly one, among those trained or "
        "chosen on.",
        "Random weights: resnet and vgg16 began from random weights in place of pretrained ones, "
        "and say nothing about transfer.",
        "vit: BROKEN: no better than chance.",
        "The test part had been opened 2 times before: the more often it guides what is tried "
        "next, the less it is worth.",
        "One seed only: intervals and tests are about these very runs. Trained again with another "
        "seed, contenders may change places; --seeds 3 tells.",
    )
    assert verdict({"cnn10": 9300, "vgg16": 9000}).warnings == ()


def test_one_seed_of_what_is_not_random() -> None:
    """Another seed changes nothing of a contender in which nothing is random, and nothing of a
    verdict on such alone."""
    shown = {"probe": right(9300, N), "knn": right(9000, N), "cnn10": right(8000, N)}
    candidates = [
        Candidate(
            name=name,
            validation=float(rows.mean()),
            accuracy=accuracy(rows),
            deterministic=name != "cnn10",
        )
        for name, rows in shown.items()
    ]
    facts = Facts(pictures=N, seeds=1)

    def judged(count: int) -> Verdict:
        some = candidates[:count]
        pairs = compare({one.name: shown[one.name] for one in some}, deterministic=("probe", "knn"))
        return judge(choose(some, shown, Wishes()), some, pairs, Wishes(), facts)

    assert judged(2).warnings == ()
    assert judged(2).headline == (
        "probe wins: 93.0% of 10,000 test pictures right (95%: 92.5% to 93.5%, whatever the seed)."
    )
    assert judged(3).warnings == (
        "One seed only: intervals and tests are about these very runs. Trained again with another "
        "seed, cnn10 may do otherwise; --seeds 3 tells.",
    )


def test_classes_without_pictures() -> None:
    """They are named, with what they do to the numbers and to the choice."""
    facts = replace(FACTS, empty=("tiny",), empty_val=("tiny", "glass"))
    hits = {"cnn10": 9300, "vgg16": 9000}
    assert verdict(hits, facts=facts).warnings == (
        "No test pictures of tiny: how well it is told is not known, and it counts as 0 in macro "
        "averages.",
        "No validation pictures of tiny and glass: the choice takes no account of them.",
    )
    sealed = replace(facts, part="val", empty=("tiny", "glass"))
    assert verdict(hits, facts=sealed).warnings[0] == (
        "No validation pictures of tiny and glass: how well they are told is not known, and each "
        "counts as 0 in macro averages."
    )
    assert len(verdict(hits, facts=sealed).warnings) == 2


def test_accuracy_without_leaks() -> None:
    """It stands beside the plain one."""
    shown = right(9300, N)
    won = Candidate(
        name="cnn10", validation=0.93, accuracy=accuracy(shown), clean=accuracy(shown[600:])
    )
    choice = choose([won], {"cnn10": shown}, Wishes())
    found = judge(choice, [won], (), Wishes(), replace(FACTS, leaked=600))
    assert found.warnings == (
        "Leak: 600 of 10,000 test pictures have a copy, or nearly one, among those trained or "
        "chosen on. Without them cnn10 has 92.6% (92.0% to 93.1%, 9,400 pictures); with them "
        "93.0%.",
    )


@pytest.mark.parametrize("opened", [0, 3])
def test_validation_is_called_so(opened: int) -> None:
    """Where the test part stays sealed every number is said to be validation's."""
    facts = replace(FACTS, part="val", opened_before=opened)
    found = verdict({"cnn10": 9300, "vgg16": 9000}, facts=facts)
    assert "93.0% of 10,000 validation pictures right" in found.paragraph
    assert found.warnings == (
        "The test part was not opened: all numbers are from validation, on which the winner was "
        "chosen, and flatter it.",
    )
    nobody = verdict({"cnn10": 9300, "vgg16": 9000}, wishes=Wishes(max_size=1), facts=facts)
    plain = ("The test part was not opened: all numbers are from validation.",)
    assert nobody.warnings == verdict({"cnn10": 9300}, facts=facts).warnings == plain
    assert verdict({}, facts=facts, others=(CRASHED,)).warnings == (
        "The test part was not opened.",
    )
