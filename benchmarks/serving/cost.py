"""What a request costs the service above decoding its picture and running the model.

    python benchmarks/serving/cost.py CHAMPION [PICTURE] [--requests 200] [--rounds 25]

A service in processes of its own answers clients on connections that stay open. Counted is the
processor time of the service's workers, from the system's own books, so that other work on the
machine disturbs little; taken off is what decoding and the model take,
measured in this process on the same picture in a thread that is woken for each.
Caches are cold after a pause, which is neither the server's doing nor its cost. Rounds are short
and alternate with /livez, the same way through the server without a picture, so that a machine
that is slow for a while is slow for all.
"""

from __future__ import annotations

import argparse
import http.client
import json
import queue
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bakeoff.champion.opening import open as opened
from bakeoff.data.decode import Limits
from bakeoff.serving.computing import Upload, compute


def cpu(pids: Sequence[int]) -> float:
    """Seconds of processor time of some processes, all their threads."""
    total = 0
    for task in (one for pid in pids for one in Path(f"/proc/{pid}/task").iterdir()):
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


def started(champion: str, folder: Path, options: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    """A service, and its port."""
    log = folder / "log"
    words = ["serve", champion, "--port", "0", "--log", "json", "--engine", "onnx", *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bakeoff", *words], stdout=out, stderr=out
        )
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            told = json.loads(line) if line.startswith("{") else {}
            if told.get("event") == "ready":
                return process, told["port"]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(log.read_text())


def workers(parent: int) -> list[int]:
    """The processes that answer."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "serving.worker" in line]


def asked(port: int, content: bytes | None, count: int, clients: int) -> None:
    """So many requests, over connections that stay open, each from a thread of its own."""

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(count // clients):
            if content is None:
                connection.request("GET", "/livez")
            else:
                connection.request("POST", "/predict", content, {"content-type": "image/jpeg"})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(ask) for _ in range(clients)]:
            done.result()


def computed(champion: str, content: bytes, count: int) -> float:
    """Processor time of decoding and the model for one picture, in a thread that is woken for each:
    as cold as a lane of the service finds them, which in a tight loop they are not."""
    model = opened(champion, engine="onnx", threads=1)
    upload = [Upload(content=content)]
    jobs: queue.SimpleQueue[bool] = queue.SimpleQueue()
    done: queue.SimpleQueue[float] = queue.SimpleQueue()

    def lane() -> None:
        while jobs.get():
            began = time.thread_time()
            compute(model, upload, Limits())
            done.put(time.thread_time() - began)

    thread = threading.Thread(target=lane)
    thread.start()
    total = 0.0
    for number in range(count + 20):
        jobs.put(True)
        took = done.get()
        total += took if number >= 20 else 0
        # Meanwhile a service reads the next request.
        time.sleep(0.0005)
    jobs.put(False)
    thread.join()
    return total / count


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("champion")
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--serve", default="", help="options for bakeoff serve, in one word")
    said = parser.parse_args()
    content = Path(said.picture).read_bytes() if said.picture else _picture()
    with tempfile.TemporaryDirectory() as folder:
        process, port = started(said.champion, Path(folder), shlex.split(said.serve))
        try:
            pids = workers(process.pid)
            asked(port, content, 200, said.clients)
            rows: dict[str, list[float]] = {"predict": [], "livez": [], "compute": []}
            for _ in range(said.rounds):
                for name, sent in (("predict", content), ("livez", None)):
                    before = cpu(pids)
                    asked(port, sent, said.requests, said.clients)
                    rows[name].append(1000 * (cpu(pids) - before) / said.requests)
                rows["compute"].append(1000 * computed(said.champion, content, said.requests))
        finally:
            process.terminate()
            process.wait()
    above = [a - b for a, b in zip(rows["predict"], rows["compute"], strict=True)]
    print(f"{len(content)} bytes; ms of processor time a request: median (lowest, highest)")
    for name, values in {**rows, "predict - compute": above}.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:18} {middle:.3f} ({low:.3f}, {high:.3f})")


def _picture() -> bytes:
    """A photograph's worth of noise, as a phone would make it small."""
    import numpy as np

    from bakeoff.data.encode import encode

    coarse = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    return encode(coarse, "jpeg", size=(224, 224))


if __name__ == "__main__":
    main()
