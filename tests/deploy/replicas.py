"""Replicas of one service behind a real nginx, with the configuration that users are given."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tests.champion import made
from tests.serving.journal.entries import until
from tests.serving.running import ROOT, Running

__all__ = [
    "PATIENCE",
    "Asked",
    "Traffic",
    "balancer",
    "holds",
    "kill",
    "nginx",
    "ports",
    "stop",
]

_CONFIGURATION = ROOT / "deploy" / "nginx" / "bakeoff.conf"
PATIENCE = 300.0
"""Seconds for anything to happen: a machine may be busy."""

_PLACES = ("10.0.0.11:8000", "10.0.0.12:8000")
_BETWEEN = 0.01
"""Seconds between an answer and the next request: what is replaced has to start, too."""

_SIDE = 310
_SOCKETS = Path("/proc/net/tcp")
_OPEN = "01"

_AROUND = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    add_header X-Asked $upstream_addr always;
    add_header X-Sent $upstream_bytes_sent always;
    include {folder}/bakeoff.conf;
}}
"""


def nginx() -> str | None:
    """The program, which Debian keeps off a user's path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def ports(count: int) -> list[int]:
    """Ports that are free, and that stay so while nobody listens: from below those that the system
    gives to whoever connects somewhere."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                found += [port] if port not in found else []
        except OSError:
            # It is taken.
            continue
    return found


@contextmanager
def balancer(folder: Path, *replicas: int) -> Iterator[int]:
    """nginx before these ports, with what users are given but for the addresses; its own port."""
    program = nginx()
    assert program is not None
    (own,) = ports(1)
    place = folder / "nginx"
    place.mkdir()
    text = _CONFIGURATION.read_text(encoding="utf-8")
    pairs = [("listen 80;", f"listen 127.0.0.1:{own};")]
    for before, port in zip(_PLACES, replicas, strict=True):
        pairs.append((before, f"127.0.0.1:{port}"))
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    (place / "bakeoff.conf").write_text(text, encoding="utf-8")
    # Else its processes are nobody's, and see nothing of a folder that is root's.
    user = "user root;" if os.geteuid() == 0 else ""
    (place / "nginx.conf").write_text(_AROUND.format(folder=place, user=user), encoding="utf-8")
    words = ["-p", str(place), "-e", str(place / "error.log"), "-c", str(place / "nginx.conf")]
    process = subprocess.Popen([program, *words], stdin=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or _listens(own), PATIENCE)
        assert process.poll() is None, (place / "error.log").read_text()
        yield own
    finally:
        process.terminate()
        process.wait(PATIENCE)


def stop(replica: Running) -> list[int]:
    """Let its workers hang, so that they hold what they are asked; their processes."""
    workers = replica.workers()
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    return workers


def holds(port: int) -> bool:
    """Whether something was sent to this port and is not read."""
    for line in _SOCKETS.read_text().splitlines()[1:]:
        words = line.split()
        waiting = int(words[4].partition(":")[2], 16)
        if int(words[1].partition(":")[2], 16) == port and words[3] == _OPEN and waiting:
            return True
    return False


def kill(replica: Running, workers: list[int]) -> None:
    """All processes at once, as when a machine goes: workers that hang cannot end in good order
    because the one that watches them has gone."""
    for pid in (replica.process.pid, *workers):
        os.kill(pid, signal.SIGKILL)
    replica.process.wait(PATIENCE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What became of a request."""

    status: int
    """0 where no answer came."""

    port: int
    """Of the replica that answered; 0 where none did."""

    again: bool
    """Whether it had been sent to another replica before."""

    id: str
    words: str
    """What was said instead of an answer."""


@dataclass(eq=False)
class Traffic:
    """Predictions from several clients, one request after the other, until the block ends."""

    port: int
    clients: int = 4
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Traffic:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number,)) for number in range(self.clients)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        """What is under way is answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int, port: int | None = None) -> None:
        """Wait until so many more were answered, by this replica if one is named."""
        wanted = len(self.ids(port)) + count
        end = time.monotonic() + PATIENCE
        while len(self.ids(port)) < wanted:
            assert time.monotonic() < end, f"too few answers; {self.failures()[:3]}"
            time.sleep(0.02)

    def ids(self, port: int | None = None) -> list[str]:
        """Of the answers, of this replica if one is named."""
        found = [one for one in list(self.asked) if one.status == 200]
        return [one.id for one in found if port is None or one.port == port]

    def failures(self) -> list[Asked]:
        """All that was not answered."""
        return [one for one in list(self.asked) if one.status != 200]

    def _ask(self, client: int) -> None:
        content = _picture(client)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while not self._stop.wait(_BETWEEN):
            try:
                connection.request("POST", "/predict", content, {"content-type": "image/png"})
                response = connection.getresponse()
                self.asked.append(_told(response, response.read()))
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                lost = Asked(status=0, port=0, again=False, id="", words=repr(error))
                self.asked.append(lost)
        connection.close()


def _picture(client: int) -> bytes:
    """Of noise, so that it is too large for nginx's memory, and goes to the replica in pieces."""
    noise = random.Random(client).randbytes(_SIDE * _SIDE * 3)
    content = made.encoded(Image.frombytes("RGB", (_SIDE, _SIDE), noise))
    assert len(content) > 256 * 1024
    return content


def _told(response: http.client.HTTPResponse, body: bytes) -> Asked:
    """All replicas that were asked stand in the headers, the one that answered last."""
    last = (response.getheader("x-asked") or "").rpartition(":")[2]
    *before, _ = (response.getheader("x-sent") or "").split(", ")
    is_answer = response.status == 200
    return Asked(
        status=response.status,
        port=int(last) if last.isdigit() else 0,
        again=any(one.isdigit() and int(one) > 0 for one in before),
        id=json.loads(body)["id"] if is_answer else "",
        words="" if is_answer else body.decode(errors="replace"),
    )


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
            return True
    except OSError:
        return False
