"""Which champion answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bakeoff.serving.live import Live, Mode, Served
from bakeoff.spec.errors import SpecError


def _served(name: str, version: int = 1, classes: tuple[str, ...] = ("a", "b")) -> Served:
    champion = SimpleNamespace(
        classes=classes,
        digest=name,
        record=SimpleNamespace(name=name),
        engine=SimpleNamespace(name="none"),
    )
    return Served(champion=cast(Any, champion), path=name, version=version)


def _deployed(live: Live, served: Served, mode: Mode = "swap", share: float = 1.0) -> None:
    live.prepare(served, mode, share)
    live.commit()


def test_a_swap() -> None:
    """What was prepared answers only once it is committed."""
    live = Live(_served("first"))
    live.prepare(_served("second"), "swap", 1.0)
    assert live.answers("x")[0].path == "first"
    live.commit()
    assert live.answers("x")[0].path == "second"


def test_what_is_given_up_never_answers() -> None:
    """What was prepared and given up leaves everything as it was."""
    live = Live(_served("first"))
    live.prepare(_served("second"), "swap", 1.0)
    live.abort()
    assert live.facts()["current"]["name"] == "first"
    assert live.facts()["trial"] is None


def test_a_canary_answers_its_share() -> None:
    """A canary answers its share of the requests, and always the same ones."""
    live = Live(_served("first"))
    _deployed(live, _served("second"), "canary", 0.25)
    names = [live.answers(f"{number:016x}")[0].path for number in range(4000)]
    again = [live.answers(f"{number:016x}")[0].path for number in range(4000)]
    assert 0.22 < names.count("second") / 4000 < 0.28
    assert names == again


def test_a_shadow_is_never_heard() -> None:
    """A shadow is asked about its share of the requests as well, and the first one answers all."""
    live = Live(_served("first"))
    _deployed(live, _served("second"), "shadow", 0.5)
    found = [live.answers(f"{number:016x}") for number in range(2000)]
    assert {served.path for served, _ in found} == {"first"}
    asked = sum(shadow is not None for _, shadow in found)
    assert 0.45 < asked / 2000 < 0.55


def test_the_end_of_a_trial() -> None:
    """Where a trial ends, the first one answers everything again."""
    live = Live(_served("first"))
    _deployed(live, _served("second"), "canary", 1.0)
    assert live.answers("x")[0].path == "second"
    live.end_trial()
    assert live.answers("x")[0].path == "first"


def test_a_trial_needs_the_same_classes() -> None:
    """A champion that tells other classes apart cannot be tried on a share of requests."""
    live = Live(_served("first"))
    with pytest.raises(SpecError, match="cannot be tried beside one with other classes"):
        live.prepare(_served("second", classes=("a", "c")), "canary", 0.5)
    _deployed(live, _served("second", classes=("a", "c")))
    assert live.current.places == {"a": 0, "c": 1}
