"""Pictures of several requests, computed at once."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.champion.engine import Outputs
from bakeoff.serving.together import Together
from tests.champion import made
from tests.serving.shared import shared

Pixels = npt.NDArray[np.uint8]


class Slow:
    """Says of each picture its first value; the first batch takes until `go` is set."""

    name, tolerance = "slow", 0.0

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.batches: list[int] = []

    def __call__(self, pictures: Pixels) -> Outputs:
        self.batches.append(len(pictures))
        self.begun.set()
        assert self.go.wait(60)
        if (pictures == 255).any():
            raise ZeroDivisionError
        said = pictures[:, 0, 0, :1].astype(np.float32)
        return Outputs(probabilities=said, scores=said + 1, features=said + 2)


def _picture(*values: int) -> Pixels:
    return np.stack([np.full((2, 2, 3), value, np.uint8) for value in values])


def _answers(
    engine: Slow, together: Together, first: Pixels, others: Sequence[Pixels]
) -> list[Outputs | Exception]:
    """What each request is told, where the others come while the first is computed."""
    found: dict[int, Outputs | Exception] = {}

    def ask(place: int, pictures: Pixels) -> None:
        try:
            found[place] = together(pictures)
        except ZeroDivisionError as error:
            found[place] = error

    threads = [threading.Thread(target=ask, args=(0, first))]
    threads[0].start()
    assert engine.begun.wait(60)
    for place, pictures in enumerate(others, start=1):
        thread = threading.Thread(target=ask, args=(place, pictures))
        thread.start()
        threads.append(thread)
        until = time.monotonic() + 60
        while len(together._waiting) < place and time.monotonic() < until:
            time.sleep(0.001)
    engine.go.set()
    for thread in threads:
        thread.join(60)
    return [found[place] for place in sorted(found)]


def test_who_waits_is_computed_together() -> None:
    """What comes while a batch is computed is the next one, and each is told what is its own."""
    engine, seen = Slow(), list[int]()
    together = Together(engine, 32, seen.append)
    found = _answers(engine, together, _picture(1), [_picture(2), _picture(3, 4), _picture(5)])
    assert engine.batches == seen == [1, 4]
    for one, expected in zip(found, ([1], [2], [3, 4], [5]), strict=True):
        assert isinstance(one, Outputs)
        assert one.features is not None
        assert one.probabilities[:, 0].tolist() == expected
        assert (one.scores - one.probabilities == 1).all()
        assert (one.features - one.probabilities == 2).all()


def test_no_more_than_fit() -> None:
    """A batch has no more pictures than it may, unless one request brings them."""
    engine, seen = Slow(), list[int]()
    together = Together(engine, 3, seen.append)
    waiting = [_picture(2), _picture(3, 4), _picture(5), _picture(6, 7, 8, 9)]
    found = _answers(engine, together, _picture(1), waiting)
    assert sorted(seen) == [1, 1, 3, 4]
    assert len(found) == 5


def test_what_one_cannot_have_others_can() -> None:
    """Where a batch goes wrong, each is computed by itself."""
    engine = Slow()
    together = Together(engine, 32, lambda count: None)
    found = _answers(engine, together, _picture(1), [_picture(2), _picture(255), _picture(3)])
    assert isinstance(found[2], ZeroDivisionError)
    assert [one.probabilities.item() for one in found if isinstance(one, Outputs)] == [1, 2, 3]


def test_it_passes_for_the_engine() -> None:
    """It has the engine's name and its tolerance."""
    together = Together(Slow(), 32, lambda count: None)
    assert (together.name, together.tolerance) == ("slow", 0.0)


def test_a_service_that_computes_together() -> None:
    """Answers to requests at the same time are those of each by itself, and batches are counted."""
    pytest.importorskip("onnxruntime")
    content = [made.encoded(made.picture(number % 3, number)) for number in range(6)]
    with shared(batch=8, lanes=6) as service:
        champion = service.service.live.current.champion
        found: dict[int, str] = {}

        def ask(place: int) -> None:
            one = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
            one.request("POST", "/predict", content[place], {"content-type": "image/png"})
            found[place] = json.load(one.getresponse())["predictions"][0]["label"]
            one.close()

        threads = [threading.Thread(target=ask, args=(place,)) for place in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counted = service.ask("GET", "/metrics").body.decode()
    assert [found[place] for place in range(6)] == [champion.predict(one).label for one in content]
    assert "bakeoff_batch_pictures_sum 6.0" in counted
