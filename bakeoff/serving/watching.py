"""What the page that watches a service is told: the same counts that Prometheus reads, of all
workers together, and what only words can say."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import Metric

from bakeoff.serving.metrics import ASIDE
from bakeoff.serving.scraping import ENVIRONMENT, collected
from bakeoff.serving.service import Service

__all__ = ["watched"]

Facts = dict[str, Any]

_VERDICTS = ("none", "some", "strong")


async def watched(service: Service) -> Facts:
    """All of it, as it is now. Counts are since the start: rates are the page's business."""
    service.recording.look()
    folder = os.environ.get(ENVIRONMENT)
    source = Path(folder) if folder else service.recording.metrics.registry
    found = {one.name: one for one in await asyncio.to_thread(collected, source)}
    return {
        "at": time.time(),
        "seconds": round(time.time() - service.started, 1),
        "workers": service.plan.workers,
        "champions": service.live.facts(),
        **_counts(found),
        **_answers(found, service),
        "drift": _drift(found, service),
        "journal": _journal(found, service),
    }


def _counts(found: dict[str, Metric]) -> Facts:
    requests: dict[str, float] = {}
    for labels, value in _values(found, "bakeoff_requests", "_total"):
        if labels["route"] not in ASIDE:
            requests[labels["status"]] = requests.get(labels["status"], 0) + value
    return {
        "requests": requests,
        "rejections": {
            labels["reason"]: value
            for labels, value in _values(found, "bakeoff_rejections", "_total")
        },
        "latency": _histogram(found, "bakeoff_request_seconds"),
        "queued": _sum(found, "bakeoff_queued_pictures"),
    }


def _answers(found: dict[str, Metric], service: Service) -> Facts:
    classes: dict[str, float] = {}
    roles: dict[str, float] = {}
    for labels, value in _values(found, "bakeoff_predictions", "_total"):
        roles[labels["role"]] = roles.get(labels["role"], 0) + value
        if labels["role"] != "shadow":
            classes[labels["label"]] = classes.get(labels["label"], 0) + value
    champion = service.live.current.champion
    known = champion.reference
    mix = known.get("classes")
    confidence = known.get("confidence")
    return {
        "classes": classes,
        "roles": roles,
        "mix": {} if mix is None else _shares(champion.classes, mix.tolist()),
        "confidence": _histogram(found, "bakeoff_confidence_ratio"),
        "confidence_before": [] if confidence is None else confidence.tolist(),
        "none_of_these": _sum(found, "bakeoff_none_of_these", "_total"),
        "shadow": {
            labels["answer"]: value
            for labels, value in _values(found, "bakeoff_shadow_answers", "_total")
        },
    }


def _shares(classes: Iterable[str], counts: list[int]) -> dict[str, float]:
    """Of the classes that were answered most, which are the ones with a series of their own."""
    whole = max(1, sum(counts))
    ranked = sorted(zip(classes, counts, strict=True), key=lambda entry: -entry[1])
    return {name: round(count / whole, 6) for name, count in ranked[:100]}


def _drift(found: dict[str, Metric], service: Service) -> list[Facts]:
    """Figures in the words of this worker; the verdict is the worst of all."""
    worst = {
        labels["figure"]: int(value) for labels, value in _values(found, "bakeoff_drift_verdict")
    }
    return [
        {
            "figure": one.name,
            "verdict": _VERDICTS[max(worst.get(one.name, 0), _VERDICTS.index(one.verdict))],
            "words": one.words,
        }
        for one in service.recording.figures
    ]


def _journal(found: dict[str, Metric], service: Service) -> Facts | None:
    state = service.recording.journal()
    if state is None:
        return None
    return {
        "text": state.text,
        "waiting": _sum(found, "bakeoff_journal_waiting_entries"),
        "written": _sum(found, "bakeoff_journal_written_entries", "_total"),
        "dropped": _sum(found, "bakeoff_journal_dropped_entries", "_total"),
    }


def _values(
    found: dict[str, Metric], name: str, suffix: str = ""
) -> list[tuple[dict[str, str], float]]:
    metric = found.get(name)
    samples = [] if metric is None else metric.samples
    return [(one.labels, one.value) for one in samples if one.name == name + suffix]


def _sum(found: dict[str, Metric], name: str, suffix: str = "") -> float:
    return sum(value for _, value in _values(found, name, suffix))


def _histogram(found: dict[str, Metric], name: str) -> list[tuple[float | None, float]]:
    """Upper bounds and how many lie at or below them; the last bound is none."""
    buckets = [(float(labels["le"]), value) for labels, value in _values(found, name, "_bucket")]
    return [(None if math.isinf(bound) else bound, value) for bound, value in sorted(buckets)]
