"""Which champions answer: one, and perhaps a second that is tried out on a share of requests.

A request takes its champion once, at its start: a swap under way never mixes two in one answer.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.spec.errors import SpecError

if TYPE_CHECKING:
    from bakeoff.champion.champion import Champion

__all__ = ["Live", "Mode", "Served", "Trial"]

Mode = Literal["swap", "canary", "shadow"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Served:
    """A champion in service."""

    champion: Champion
    path: str
    """Where it was opened from."""

    version: int
    """Counts up with every champion that this service deployed; the first is 1."""

    together: Champion | None = None
    """The same champion, if it is one that computes for several requests at once."""

    is_quick: bool = False
    """Whether it answers for a picture sooner than a thread is worth waking."""

    places: dict[str, int] = field(init=False)
    """Of the classes, by their names."""

    def __post_init__(self) -> None:
        found = {name: place for place, name in enumerate(self.champion.classes)}
        object.__setattr__(self, "places", found)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trial:
    """A second champion."""

    served: Served
    mode: Literal["canary", "shadow"]
    """A canary answers its share itself; a shadow is asked as well, and only compared."""

    share: float

    def takes(self, request: str) -> bool:
        """Whether it has to do with the request of this id: always the same."""
        number = int.from_bytes(hashlib.blake2b(request.encode(), digest_size=4).digest(), "big")
        return number < self.share * 2**32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    current: Served
    trial: Trial | None = None
    prepared: tuple[Served, Mode, float] | None = None


class Live:
    """The champions of one worker. What is asked of it is one reference, swapped whole."""

    def __init__(self, first: Served) -> None:
        self._state = _State(current=first)
        self._lock = threading.Lock()
        """For those who change it; who only looks needs none."""

    @property
    def current(self) -> Served:
        """What answers, but for a canary's share."""
        return self._state.current

    @property
    def trial(self) -> Trial | None:
        """What is tried out, if anything is."""
        return self._state.trial

    def answers(self, request: str) -> tuple[Served, Trial | None]:
        """Who answers this request, and who is asked as well without being heard."""
        state = self._state
        trial = state.trial
        if trial is None or not trial.takes(request):
            return state.current, None
        if trial.mode == "canary":
            return trial.served, None
        return state.current, trial

    def prepare(self, served: Served, mode: Mode, share: float) -> None:
        """Hold a champion that was opened and warmed ready for `commit`."""
        classes = self.current.champion.classes
        if mode != "swap" and served.champion.classes != classes:
            raise SpecError(
                f"the champion {served.path}",
                f"cannot be tried beside one with other classes ({', '.join(classes[:5])}, …)",
                suggestion="Deploy it without --canary or --shadow.",
            )
        with self._lock:
            self._state = replace(self._state, prepared=(served, mode, share))

    def commit(self) -> None:
        """Let what was prepared answer from now on."""
        with self._lock:
            state = self._state
            assert state.prepared is not None
            served, mode, share = state.prepared
            if mode == "swap":
                self._state = _State(current=served)
            else:
                trial = Trial(served=served, mode=mode, share=share)
                self._state = replace(state, trial=trial, prepared=None)

    def abort(self) -> None:
        """Let go of what was prepared."""
        with self._lock:
            self._state = replace(self._state, prepared=None)

    def end_trial(self) -> None:
        """Nobody is tried out any more."""
        with self._lock:
            self._state = replace(self._state, trial=None)

    def facts(self) -> dict[str, Any]:
        """For people and programs that ask what is served."""
        state = self._state
        trial = state.trial
        return {
            "current": _facts(state.current),
            "trial": None
            if trial is None
            else {**_facts(trial.served), "mode": trial.mode, "share": trial.share},
        }


def _facts(served: Served) -> dict[str, Any]:
    champion = served.champion
    return {
        "name": champion.record.name,
        "digest": champion.digest,
        "version": served.version,
        "engine": champion.engine.name,
    }
