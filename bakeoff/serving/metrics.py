"""What Prometheus is told of the service.

Made after `PROMETHEUS_MULTIPROC_DIR` is set where there are several workers (see `scraping`):
prometheus_client decides when it is imported.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from bakeoff.serving.drift import Figure
from bakeoff.serving.journal.writer import State

__all__ = ["ASIDE", "Metrics"]

_SECONDS = (*(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),)
_SHARES = tuple(round(0.05 * step, 2) for step in range(1, 21))
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)

_MOST_CLASSES = 100
"""That have a series of their own: every series costs memory here and at Prometheus."""

ASIDE = frozenset({"docs", "health", "metrics", "pages"})
"""Routes that are quick and asked all the time: how long they take says nothing of the answers."""

_OTHER = "other"
_VERDICTS = {"none": 0, "some": 1, "strong": 2}


class Metrics:
    """All series of one process. Methods may be called from any thread and take microseconds."""

    def __init__(self, *, routes: Sequence[str], registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._routes = frozenset(routes)
        self._classes: frozenset[str] = frozenset()
        self._answers: dict[tuple[str, str], Counter] = {}
        self._known: dict[tuple[str, int], Counter] = {}
        self._model: tuple[str, str, str] | None = None
        self._seen: dict[str, int] = {}
        self._journal: _Journal | None = None
        self._journal_lock = threading.Lock()
        self._requests()
        self._work()
        self._watching()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            # Of several processes none can speak for the others: there only the gauges do.
            ProcessCollector(registry=self.registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """One was answered, in whatever way."""
        key = (route if route in self._routes else _OTHER, status)
        series = self._known.get(key)
        if series is None:
            series = self._known[key] = self.requests.labels(key[0], str(status))
        series.inc()
        if key[0] not in ASIDE:
            self.total.observe(seconds)

    def rejected(self, reason: str) -> None:
        """One was turned away; `reason` is one of ours, never a client's words."""
        self.rejections.labels(reason).inc()

    def answered(
        self,
        label: str,
        confidence: float,
        *,
        role: str = "live",
        unknown: bool | None = None,
        decode: float | None = None,
        queue: float | None = None,
        infer: float | None = None,
    ) -> None:
        """One picture was answered; times in seconds."""
        key = (label if label in self._classes else _OTHER, role)
        series = self._answers.get(key)
        if series is None:
            series = self._answers[key] = self.predictions.labels(*key)
        series.inc()
        self.confidence.observe(confidence)
        if unknown:
            self.none_of_these.inc()
        for histogram, seconds in (
            (self.decode, decode),
            (self.queue, queue),
            (self.infer, infer),
        ):
            if seconds is not None:
                histogram.observe(seconds)

    def compared(self, same: bool) -> None:
        """A shadow was asked about a picture as well."""
        self.shadowed.labels("same" if same else "other").inc()

    def model(
        self, *, name: str, digest: str, version: str, classes: Sequence[str], mix: Sequence[float]
    ) -> None:
        """The champion that answers now; `mix` is how often its classes were predicted when it was
        made: of very many classes the most frequent have series of their own."""
        order = sorted(range(len(classes)), key=lambda place: -mix[place] if mix else place)
        self._classes |= {classes[place] for place in order[: _MOST_CLASSES - len(self._classes)]}
        labels = (_text(name), digest, version)
        if self._model is not None and self._model != labels:
            self.info.labels(*self._model).set(0)
        self.info.labels(*labels).set(1)
        self._model = labels

    def drifted(self, figures: Sequence[Figure]) -> None:
        """How the newest window compares."""
        for one in figures:
            self.drift_verdict.labels(one.name).set(_VERDICTS[one.verdict])
            if one.value is not None:
                self.drift.labels(one.name).set(one.value)

    def journal(self, state: State) -> None:
        """How the journal is; counts are those since the process began."""
        with self._journal_lock:
            if self._journal is None:
                self._journal = _Journal(self.registry)
            series = self._journal
            series.up.set(state.is_ok)
            series.waiting.set(state.waiting)
            series.waiting_bytes.set(state.waiting_bytes)
            for what, counter, count in (
                ("written", series.written, state.written),
                ("dropped", series.dropped, state.dropped),
                ("pictures", series.pictures, state.pictures_lost),
            ):
                counter.inc(max(0, count - self._seen.get(what, 0)))
                self._seen[what] = count

    def process(self) -> None:
        """Memory and time of this process: one look, to be taken now and then."""
        self.cpu.set(time.process_time())
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except OSError:
            # Not Linux.
            return
        self.memory.set(pages * os.sysconf("SC_PAGE_SIZE"))

    def _requests(self) -> None:
        own = self.registry
        self.requests = Counter(
            "bakeoff_requests", "Requests answered.", ("route", "status"), registry=own
        )
        self.rejections = Counter(
            "bakeoff_rejections", "Requests turned away, by reason.", ("reason",), registry=own
        )
        self.in_flight = Gauge(
            "bakeoff_in_flight_pictures",
            "Pictures let in and not answered yet.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.queued = Gauge(
            "bakeoff_queued_pictures",
            "Pictures that wait to be computed.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.queued_bytes = Gauge(
            "bakeoff_queued_bytes",
            "Bytes of the pictures that wait.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.total = self._seconds(
            "request", "From a request's first byte to its answer, but for pages and health."
        )

    def _work(self) -> None:
        own = self.registry
        self.decode = self._seconds("decode", "Decoding and fitting a picture.")
        self.queue = self._seconds("queue", "Waiting for a thread.")
        self.infer = self._seconds("infer", "The model's own time for a picture.")
        self.batch = Histogram(
            "bakeoff_batch_pictures", "Pictures computed at once.", registry=own, buckets=_BATCHES
        )
        self.predictions = Counter(
            "bakeoff_predictions", "Pictures by class answered.", ("label", "role"), registry=own
        )
        self.confidence = Histogram(
            "bakeoff_confidence_ratio",
            "Probability of the class answered.",
            registry=own,
            buckets=_SHARES,
        )
        self.shadowed = Counter(
            "bakeoff_shadow_answers",
            "What a shadow said, beside what was answered.",
            ("answer",),
            registry=own,
        )
        self.none_of_these = Counter(
            "bakeoff_none_of_these", "Pictures like none of the classes.", registry=own
        )

    def _watching(self) -> None:
        gauge = partial(_gauge, self.registry)
        self.drift = gauge(
            "drift_score", "How far a figure is from validation.", "livemax", ("figure",)
        )
        self.drift_verdict = gauge(
            "drift_verdict", "0 no drift, 1 some, 2 strong.", "livemax", ("figure",)
        )
        self.info = gauge(
            "model_info",
            "1 for the champion that answers.",
            "livemax",
            ("name", "digest", "version"),
        )
        self.memory = gauge("worker_memory_bytes", "Resident memory of a process.", "liveall")
        self.cpu = gauge("worker_cpu_seconds", "Processor time of a process.", "liveall")

    def _seconds(self, name: str, text: str) -> Histogram:
        return Histogram(f"bakeoff_{name}_seconds", text, registry=self.registry, buckets=_SECONDS)


class _Journal:
    """Its series. Where none is kept there are none: a 0 would be taken for one that is down."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, mode: str) -> Gauge:
            return _gauge(registry, f"journal_{name}", text, mode)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"bakeoff_journal_{name}", text, registry=registry)

        self.up = gauge("up", "1 if all is written down.", "livemin")
        self.waiting = gauge("waiting_entries", "Not yet written.", "livesum")
        self.waiting_bytes = gauge("waiting_bytes", "Not yet written.", "livesum")
        self.written = counter("written_entries", "Entries written.")
        self.dropped = counter("dropped_entries", "Entries lost.")
        self.pictures = counter("lost_pictures", "Pictures that were not kept.")


def _gauge(
    registry: CollectorRegistry, name: str, text: str, mode: str, labels: Sequence[str] = ()
) -> Gauge:
    return Gauge(
        f"bakeoff_{name}",
        text,
        labels,
        registry=registry,
        multiprocess_mode=mode,  # type: ignore[arg-type]
    )


def _text(name: str) -> str:
    """A name as UTF-8 has it."""
    return name.encode("utf-8", "replace").decode()
