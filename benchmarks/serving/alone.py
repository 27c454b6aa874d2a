"""Decoding and the network by themselves, in one process and without a server.

    python alone.py CHAMPION SECONDS PICTURE…

Prints, as JSON, what is said of each picture, and the processor's milliseconds for each part: in
one thread, and in as many as there are processors, where each waits for the others' memory.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from bakeoff.champion.champion import Champion
from bakeoff.champion.opening import open as opened
from bakeoff.data.decode import decode


def measured(champion: Champion, content: bytes, seconds: float, threads: int) -> dict[str, float]:
    """Milliseconds of processor for decoding and for the network, in turn: as a service does,
    with the caches full of the other."""
    target = champion.recipe.preprocess
    spent = {"decode": 0.0, "network": 0.0}
    count = 0
    lock = threading.Lock()

    def lane() -> None:
        nonlocal count
        until = time.perf_counter() + seconds
        own, times = {"decode": 0.0, "network": 0.0}, 0
        pixels = decode(content, target)[None]
        champion.engine(pixels)
        while time.perf_counter() < until:
            began = time.thread_time()
            pixels = decode(content, target)[None]
            middle = time.thread_time()
            champion.engine(pixels)
            own["decode"] += middle - began
            own["network"] += time.thread_time() - middle
            times += 1
        with lock:
            count += times
            for part, took in own.items():
                spent[part] += took

    lanes = [threading.Thread(target=lane) for _ in range(threads)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    return {part: 1000 * took / count for part, took in spent.items()}


def main() -> None:
    """All pictures."""
    place, seconds, *names = sys.argv[1:]
    # One thread for each picture, as the service takes where there are many.
    champion = opened(Path(place), engine="onnx", threads=1, replay=False)
    told: dict[str, Any] = {}
    for name in names:
        content = Path(name).read_bytes()
        found = champion.predict(content)
        told[name] = {
            "label": found.label,
            "probability": found.probability,
            "one": measured(champion, content, float(seconds), 1),
            "all": measured(champion, content, float(seconds), os.cpu_count() or 1),
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
