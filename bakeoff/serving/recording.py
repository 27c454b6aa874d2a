"""What is kept of every answer: counts, the journal, and how pictures drift."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

from bakeoff.serving.admission import Admission
from bakeoff.serving.answering import Answered
from bakeoff.serving.control import service_folder
from bakeoff.serving.drift import FEWEST, Figure, Window
from bakeoff.serving.journal.address import FILE, PICTURES, address
from bakeoff.serving.journal.entry import Drift, Entry, Outcome
from bakeoff.serving.journal.entry import Feedback as Said
from bakeoff.serving.journal.scribe import Keep
from bakeoff.serving.journal.writer import Journal, State
from bakeoff.serving.live import Live
from bakeoff.serving.memory import trim
from bakeoff.serving.metrics import Metrics
from bakeoff.serving.settings import Settings

__all__ = ["Recording"]

_EVERY = 10.0
"""Seconds between looks at drift, at the journal's state and at memory."""

_LULL = 0.25
"""Seconds without an answer after which the memory that those before took is given back."""

_TOP = 5
"""Classes that an entry holds, with their probabilities."""

_CLOSING = 10.0


class Recording:
    """Everything that is told after an answer. None of it may hold one up, or make one fail."""

    def __init__(
        self, settings: Settings, live: Live, admission: Admission, metrics: Metrics
    ) -> None:
        self.metrics = metrics
        self.figures: tuple[Figure, ...] = ()
        """How the newest window of pictures compares."""

        self._live = live
        self._admission = admission
        self._keeps = settings.keep_pictures is not None
        self._journal = _journal(settings)
        self._window: Window | None = None
        self._answered = 0
        """Requests."""

        self._stop = threading.Event()
        self.deployed(live)
        self._watcher = threading.Thread(target=self._watch, name="watching", daemon=True)
        self._watcher.start()

    def deployed(self, live: Live) -> None:
        """Another champion answers: what is compared begins anew."""
        served = live.current
        champion = served.champion
        mix = champion.reference.get("classes")
        self.metrics.model(
            name=champion.name,
            digest=champion.digest,
            version=str(served.version),
            classes=champion.classes,
            mix=() if mix is None else mix.tolist(),
        )
        has_reference = {"confidence", "classes", "widths", "heights"} <= set(champion.reference)
        self._window = Window(champion.reference) if has_reference else None

    def answered(self, answered: Answered) -> None:
        """Some pictures were answered."""
        self._answered += 1
        metrics, served = self.metrics, answered.served
        count = len(answered.results)
        if served.together is None:
            metrics.batch.observe(count)
        for place, result in enumerate(answered.results):
            told = result.prediction
            if told is None:
                continue
            metrics.answered(
                told.label,
                told.probability,
                role=answered.role,
                unknown=told.unknown,
                decode=answered.decode / count,
                queue=answered.queue,
                infer=answered.infer / count,
            )
            if self._window is not None and served is self._live.current:
                self._window.add(
                    confidence=told.probability,
                    place=served.places[told.label],
                    width=result.width,
                    height=result.height,
                    features=result.features,
                )
            if self._journal is not None:
                content = result.upload.content if self._keeps else None
                self._journal.put(_entry(answered, place), content)

    def compared(self, heard: Answered, shadow: Answered) -> None:
        """A shadow said something to the same pictures."""
        for one, other in zip(heard.results, shadow.results, strict=True):
            if one.prediction is not None and other.prediction is not None:
                same = one.prediction.label == other.prediction.label
                self.metrics.compared(same)

    async def feedback(self, said: Said) -> Outcome:
        """What somebody says of an answer."""
        if self._journal is None:
            return "unavailable"
        return await asyncio.wrap_future(self._journal.feedback(said))

    def journal(self) -> State | None:
        """How the journal is; None where there is none."""
        return None if self._journal is None else self._journal.state()

    def look(self) -> None:
        """Bring what is measured now and then up to date."""
        metrics = self.metrics
        metrics.in_flight.set(self._admission.waiting + self._admission.working)
        metrics.queued.set(self._admission.waiting)
        metrics.queued_bytes.set(self._admission.held)
        metrics.process()
        state = self.journal()
        if state is not None:
            metrics.journal(state)

    def close(self) -> None:
        """Write down what is left."""
        self._stop.set()
        self._watcher.join(_CLOSING)
        if self._journal is not None:
            self._journal.close(_CLOSING)

    def _watch(self) -> None:
        seen = answered = trimmed = 0
        looked = time.monotonic()
        while not self._stop.wait(_LULL):
            before, answered = answered, self._answered
            if before == answered != trimmed:
                trim()
                trimmed = answered
            if time.monotonic() - looked < _EVERY:
                continue
            looked = time.monotonic()
            self.look()
            window = self._window
            if window is None or window.count in (0, seen):
                continue
            seen = window.count
            self.figures = window.score()
            self.metrics.drifted(self.figures)
            if self._journal is not None and seen >= FEWEST:
                self._write(self.figures)

    def _write(self, figures: tuple[Figure, ...]) -> None:
        assert self._journal is not None
        now, model = datetime.now(UTC), self._live.current.champion.digest
        for one in figures:
            self._journal.put(
                Drift(
                    at=now,
                    model=model,
                    figure=one.name,
                    n=one.n,
                    value=one.value,
                    verdict=one.verdict,
                )
            )


def _entry(answered: Answered, place: int) -> Entry:
    result, ask = answered.results[place], answered.ask
    told = result.prediction
    assert told is not None
    count = len(answered.results)
    return Entry(
        id=ask.id,
        picture=place,
        at=datetime.now(UTC),
        model=answered.served.champion.digest,
        route=ask.route,
        label=told.label,
        probability=told.probability,
        top=tuple(list(told.probabilities.items())[:_TOP]),
        unknown=told.unknown,
        strangeness=told.strangeness,
        width=result.width,
        height=result.height,
        size=len(result.upload.content),
        sha256=result.sha256,
        key=ask.key,
        decode_ms=1000 * answered.decode / count,
        queue_ms=1000 * answered.queue,
        infer_ms=1000 * answered.infer / count,
        role=answered.role,
    )


def _journal(settings: Settings) -> Journal | None:
    if settings.journal is None:
        return None
    folder = service_folder(settings.port)
    said = str(folder / FILE) if settings.journal == "auto" else settings.journal
    where = address(said)
    if where is None:
        return None
    keep = Keep() if settings.keep_days is None else replace(Keep(), days=settings.keep_days)
    return Journal(
        where,
        pictures=folder / PICTURES if settings.keep_pictures is not None else None,
        picture_bytes=settings.keep_pictures or 0,
        keep=keep,
    ).start()
