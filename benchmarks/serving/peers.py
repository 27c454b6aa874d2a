"""The service beside others, on the same champion and the same pictures.

    python benchmarks/serving/peers.py --champion CHAMPION --venvs ~/venvs --out results/

Every server is started on this machine as its documentation shows, with what it takes by itself,
in an environment of its own, which is made by pip where it is not there. The network is computed by
torch in plain FastAPI and LitServe, by ONNX Runtime in the others; `fastapi-onnx` and
`litserve-onnx` are there to tell server from engine, `bakeoff-form` is ours with a form as those
two take it, and `nothing` is a server that only reads and answers: what HTTP costs. The client is
`load.py`; it runs on the same processors, and its share is in the results.

Needs Linux, NumPy and Pillow. Seven peers and three rounds of 10 s for each figure take an hour.
Nothing else should run meanwhile: the load before each measurement is in the results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from load import Found, percentile
from pictures import BAD, GOOD, Picture
from processes import cpu, memory, watched
from servers import PEERS, ROOT, Peer, Running, Unable, installed, started, understood, versions
from tables import Facts, table

DEFAULT = "nothing,bakeoff,fastapi,litserve,gradio,ray,bentoml,mlserver"
CONNECTIONS = (2, 4, 8, 32)
FLOOD = 4
"""Times what it can do."""

_APART = {"PNG 32×32": 0.003, "JPEG 640×480": 0.05}
"""How far an answer may be from ours: JPEGs are decoded smaller by us, and whole by others."""

_WARM = 1.0
_SETTLE = 1.0
_RECOVERY = 3
"""Times as long as the flood, in which a server has to recover."""


def asked(running: Running, picture: Picture, connections: int, seconds: float) -> Facts:
    """So many clients for so long."""
    before = cpu(running.pids())
    found = running.client(picture).closed(connections, seconds)
    spent = cpu(running.pids()) - before
    return {
        "a_second": len(found.good) / found.seconds,
        "p50_ms": _ms(percentile(found.good, 0.5)),
        "p99_ms": _ms(percentile(found.good, 0.99)),
        "cpu_ms": 1000 * spent / len(found.good) if found.good else None,
        "processors": spent / found.seconds,
        **_common(found),
    }


def flooded(
    running: Running, picture: Picture, capacity: float, calm: float, seconds: float
) -> Any:
    """What becomes of those who ask when four times too many do."""
    with watched(running.mark) as watch:
        found, recovered = running.client(picture).flood(
            FLOOD * capacity, seconds, calm=calm, patience=_RECOVERY * seconds
        )
    turned = sum(n for status, n in found.statuses.items() if status in ("429", "503"))
    return {
        "rate": FLOOD * capacity,
        "asked": found.asked,
        "accepted_a_second": found.in_time / found.seconds,
        "p50_ms": _ms(percentile(found.good, 0.5)),
        "p99_ms": _ms(percentile(found.good, 0.99)),
        "turned_away": turned / max(1, found.asked),
        "turned_away_p99_ms": _ms(percentile(found.took.get("503", []), 0.99)),
        "unanswered": found.statuses["none"] / max(1, found.asked),
        "recovered_s": recovered,
        "memory_mb": watch.peak,
        "growth_mb": watch.growth,
        "retry_after": sorted(set(found.retry_after)),
        **_common(found),
    }


def broken(running: Running, picture: Picture) -> Facts:
    """What becomes of a picture that is none, or too much."""
    with watched(running.mark) as watch:
        found = running.client(picture).once()
    status = next(iter(found.statuses))
    seconds = found.took[status][0]
    alive = running.client(GOOD[0]).once(10.0)
    return {
        "status": status,
        "seconds": seconds,
        "growth_mb": watch.growth,
        "said": found.last[:200].decode(errors="replace"),
        "answers_on": bool(alive.good),
    }


def measured(running: Running, seconds: float) -> Facts:
    """All figures of one server that has just started."""
    small, large = GOOD
    told: Facts = {"ready_s": running.ready, "load": os.getloadavg()[0]}
    for picture in GOOD:
        running.client(picture).closed(2, _WARM)
    time.sleep(_SETTLE)
    told["idle_mb"] = memory(running.pids())
    told["processes"] = len(running.pids())
    told["alone"] = {str(one): asked(running, one, 1, seconds) for one in GOOD}
    many = {str(n): asked(running, small, n, seconds) for n in CONNECTIONS}
    told["many"] = {str(small): many, str(large): {"8": asked(running, large, 8, seconds)}}
    time.sleep(_SETTLE)
    told["after_mb"] = memory(running.pids())
    if running.peer.engine != "none":
        capacity = max(one["a_second"] for one in many.values())
        calm = 2 * told["alone"][str(small)]["p50_ms"] / 1000 + 0.005
        told["flood"] = flooded(running, small, capacity, calm, seconds)
        told["broken"] = {str(one): broken(running, one) for one in BAD}
    time.sleep(_SETTLE)
    told["end_mb"] = memory(running.pids())
    return told


def parts(python: Path, champion: Path, seconds: float, scratch: Path) -> Facts:
    """Decoding and the network by themselves, for each picture."""
    names = {}
    for picture in GOOD:
        place = scratch / picture.kind.replace("/", ".")
        place.write_bytes(picture.content)
        names[str(place)] = str(picture)
    command = [str(python), str(Path(__file__).parent / "alone.py"), str(champion), str(seconds)]
    ran = subprocess.run(
        [*command, *names],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {names[key]: value for key, value in json.loads(ran.stdout).items()}


def checked(running: Running, known: Facts) -> None:
    """Whether it says what the champion says."""
    if running.peer.engine == "none":
        return
    for picture in GOOD:
        label, probability = understood(running, picture)
        right = known[str(picture)]
        apart = abs(probability - right["probability"])
        if label != right["label"] or apart > _APART[str(picture)]:
            raise Unable(
                f"says {label} ({probability:.4f}) of {picture}, which is {right['label']} "
                f"({right['probability']:.4f})"
            )


class Bench:
    """One run of everything."""

    def __init__(self, names: Sequence[str], champion: Path, venvs: Path, seconds: float) -> None:
        self.champion, self.venvs, self.seconds = champion, venvs, seconds
        self.peers = [PEERS[name] for name in names]
        self.scratch = Path(tempfile.mkdtemp(prefix="serving"))
        self.facts: Facts = {"machine": _machine(), "unable": {}, "peers": {}, "rounds": []}
        self.facts |= {"seconds": seconds, "champion": champion.name}
        self._pythons: dict[str, Path] = {}
        self._known: Facts = {}

    def prepare(self) -> None:
        """Install all, start each once, and hold its answers against the champion's."""
        own = installed(PEERS["bakeoff"], self.venvs)
        self._known = parts(own, self.champion, 0.5, self.scratch)
        for peer in list(self.peers):
            try:
                self._pythons[peer.name] = python = installed(peer, self.venvs)
                running = self._start(peer)
                try:
                    checked(running, self._known)
                finally:
                    seconds, killed = running.end()
            except Unable as error:
                _say(f"{peer.name}: {error}")
                self.facts["unable"][peer.name] = str(error)
                self.peers.remove(peer)
                continue
            self.facts["peers"][peer.name] = {
                "engine": peer.engine,
                "versions": versions(peer, python),
                "first_ready_s": running.ready,
                "ending_s": seconds,
                "left": killed,
            }
            _say(f"{peer.name}: answers as the champion does, after {running.ready:.2f} s")

    def round(self, number: int) -> None:
        """All servers once, in another order each time."""
        found: Facts = {"load": os.getloadavg()[0], "peers": {}}
        own = installed(PEERS["bakeoff"], self.venvs)
        found["parts"] = parts(own, self.champion, max(1.0, self.seconds / 2), self.scratch)
        turn = number * max(1, len(self.peers) // 3) % max(1, len(self.peers))
        for peer in [*self.peers[turn:], *self.peers[:turn]]:
            _say(f"round {number + 1}: {peer.name}, load {os.getloadavg()[0]:.1f}")
            running = None
            try:
                running = self._start(peer)
                found["peers"][peer.name] = measured(running, self.seconds)
            except (Unable, OSError, ValueError) as error:
                _say(f"{peer.name}: {error}")
                self.facts["unable"][peer.name] = f"in round {number + 1}: {error}"
            finally:
                if running is not None:
                    running.end()
        self.facts["rounds"].append(found)

    def _start(self, peer: Peer) -> Running:
        python = self._pythons[peer.name]
        return started(peer, python, self.champion, GOOD[0], scratch=self.scratch)


def _common(found: Found) -> Facts:
    return {
        "n": sum(found.statuses.values()),
        "statuses": dict(found.statuses),
        "client_processors": found.own_cpu / max(found.seconds, 1e-9),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _machine() -> Facts:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((one.split(":")[1].strip() for one in lines if "model name" in one), "unknown")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": model,
        "processors": len(os.sched_getaffinity(0)),
        "memory_gb": round(total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Run everything; the table is printed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--champion", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each figure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=DEFAULT, help=f"of {', '.join(PEERS)}")
    parser.add_argument("--venvs", type=Path, help="kept from run to run; default: a new folder")
    parser.add_argument("--out", type=Path, help="folder for serving.json and serving.md")
    given = parser.parse_args()
    names = given.peers.split(",")
    if unknown := set(names) - set(PEERS):
        parser.error(f"no such peers: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    # Whatever runs is ended first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    venvs = given.venvs or Path(tempfile.mkdtemp(prefix="venvs"))
    bench = Bench(names, given.champion.resolve(), venvs.resolve(), given.seconds)
    bench.prepare()
    for number in range(given.rounds):
        bench.round(number)
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(bench.facts, indent=1, ensure_ascii=False)
            (given.out / "serving.json").write_text(text)
            (given.out / "serving.md").write_text(table(bench.facts))
    print(table(bench.facts))


if __name__ == "__main__":
    main()
