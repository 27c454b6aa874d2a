"""Clients with bad manners: what they send does no harm, and what they keep open is closed."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from bakeoff.serving import connection as module
from bakeoff.serving.connection import connection
from tests.serving.shared import PNG, shared
from tests.serving.within import Within

pytest.importorskip("onnxruntime")

PATIENCE = 0.5


@pytest.fixture(scope="module")
def service() -> Iterator[Within]:
    """With little patience, and few connections."""
    with shared(patience_body=PATIENCE, connections=8) as one:
        yield one


def head(*lines: str, method: str = "POST", path: str = "/predict") -> bytes:
    """The head of a request."""
    first = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    return (first + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode("latin-1")


WHOLE = head(f"Content-Length: {len(PNG)}") + PNG
LAST = head(f"Content-Length: {len(PNG)}", "Connection: close") + PNG


def statuses(answer: bytes) -> list[int]:
    """Of all answers in what came back."""
    found = []
    while answer:
        top, _, rest = answer.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        found.append(int(lines[0].split()[1]))
        size = [line for line in lines if line.lower().startswith("content-length")]
        answer = rest[int(size[0].split()[1]) :] if size else rest
    return found


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"EVIL /predict HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT evil:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbad header: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\na: b\0c\r\n\r\n", 400),
        (head("Content-Length: 5", "Content-Length: 6") + b"abcdef", 400),
        (head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
        (head("Content-Length: -1"), 400),
        (head("Content-Length: 1 2") + b"a", 400),
        (head("Content-Length: 99999999999999999999999"), 400),
        (head("Transfer-Encoding: xchunked") + b"0\r\n\r\n", 400),
        (head("Transfer-Encoding: chunked, identity") + b"0\r\n\r\n", 400),
        (head("Transfer-Encoding : chunked") + b"0\r\n\r\n", 400),
        (head("Transfer-Encoding: chunked") + b"zz\r\nabc", 400),
        (head("Transfer-Encoding: chunked") + b"fffffffffffffffff\r\nabc", 400),
        (head("a: " + "b" * 40_000, method="GET"), 431),
        (head(*["a: b"] * 20_000, method="GET"), 431),
        (head(method="GET", path="/" + "a" * 40_000), 431),
    ],
)
def test_what_is_no_request(service: Within, content: bytes, status: int) -> None:
    """What is not HTTP, or could be read in two ways, is refused, and the connection closed."""
    answer = service.raw(content)
    assert statuses(answer) == [status]
    assert b"application/problem+json" in answer
    assert service.ask("GET", "/livez").status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/../../etc/passwd", 404),
        ("//predict", 404),
        ("/predict/", 404),
        ("/predict%00", 404),
        ("/%ff%fe", 404),
        ("/v2/models/%2e%2e/infer", 404),
        ("/v2/models/a%2fb/infer", 404),
        ("/static/%2e%2e%2fshelf.py", 404),
        ("/predict?top=%ff", 422),
        ("/predict?" + "&".join(["a"] * 5_000), 422),
        ("http://other/predict", 422),
        ("/PREDICT", 404),
    ],
)
def test_strange_addresses(service: Within, path: str, status: int) -> None:
    """An address is one of the service's, or there is nothing; nothing is ever looked up."""
    body = b"x" * 10
    content = head("Content-Length: 10", "Connection: close", path=path) + body
    assert statuses(service.raw(content)) == [status]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_strange_methods(service: Within, method: str) -> None:
    """Methods that an address does not take are named as such."""
    answer = service.raw(head("Connection: close", method=method))
    assert statuses(answer) == [405]
    assert b"allow: POST" in answer


def test_headers_are_not_taken_over(service: Within) -> None:
    """An id that would break a line of the answer is not given back."""
    lines = ("X-Request-Id: a\tb", "Origin: x", "Connection: close")
    answer = service.raw(head(*lines, method="GET", path="/livez"))
    assert re.search(rb"x-request-id: [0-9a-f]{24}\r\n", answer)
    long = service.raw(
        head("X-Request-Id: " + "a" * 65, "Connection: close", method="GET", path="/livez")
    )
    assert b"aaaaa" not in long


def test_what_follows_a_body_is_no_head(service: Within) -> None:
    """Trailers, which proxies do not look at, count for nothing."""
    chunks = f"{len(PNG):x}\r\n".encode() + PNG + b"\r\n0\r\nX-Deadline-Ms: x\r\n\r\n"
    answer = service.raw(head("Transfer-Encoding: chunked", "Connection: close") + chunks)
    assert statuses(answer) == [200]


def test_requests_one_after_the_other(service: Within) -> None:
    """Requests that do not wait for answers are answered in order; whoever sends very many is cut
    off."""
    first = head(method="GET", path="/nothing")
    assert statuses(service.raw(first + WHOLE + LAST)) == [404, 200, 200]
    assert statuses(service.raw(WHOLE * 200)) in ([], [200])
    assert service.ask("GET", "/livez").status == 200


def test_a_good_request_before_a_bad_one(service: Within) -> None:
    """The error about a request is never taken for the answer to the one before it."""
    found = statuses(service.raw(WHOLE + b"\0\0\r\n\r\n"))
    assert found in ([], [200], [200, 400]), found


def test_a_head_that_does_not_come(service: Within) -> None:
    """Whoever sends a head letter by letter, or nothing at all, is told once the time is up."""
    for sent in (b"", b"POST /predict HT", head()[:-4]):
        began = time.monotonic()
        answer = service.raw(sent, patience=20)
        assert statuses(answer) == [408]
        assert time.monotonic() - began < 15


def test_a_body_that_does_not_come(service: Within) -> None:
    """So is whoever stops in the middle of a body; what was held for it is let go."""
    for sent in (head("Content-Length: 1000") + b"x" * 10, head("Transfer-Encoding: chunked")):
        assert statuses(service.raw(sent, patience=20)) == [408]
    assert service.service.admission.held == 0


def test_a_body_that_comes_drop_by_drop(service: Within) -> None:
    """Sending a little now and then does not keep it waiting."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as one:
        one.sendall(head("Content-Length: 100000"))
        found = b""
        one.settimeout(0.05)
        for _ in range(400):
            try:
                one.sendall(b"x")
                found += one.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
            if found:
                break
        assert statuses(found) == [408]


@pytest.mark.parametrize("length", [True, False])
def test_a_body_that_is_too_large(service: Within, length: bool) -> None:
    """It is refused before it is read, and the client gets to know although it is still sending;
    nothing of it stays in memory."""
    if length:
        start, piece = head("Content-Length: 100000000"), b"x" * 1_000_000
    else:
        start, piece = head("Transfer-Encoding: chunked"), b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as one:
        one.sendall(start)
        sent = 0
        try:
            while sent < 100:
                one.sendall(piece)
                sent += 1
        except OSError:
            pass
        assert sent < 100
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as one:
        one.sendall(start + piece * 12)
        found = b""
        while b"\r\n\r\n{" not in found:
            found += one.recv(65_536)
        assert statuses(found) == [413]
        assert b"connection: close" in found
    assert service.service.admission.held == 0


def test_clients_that_hang_up(service: Within) -> None:
    """Whoever goes away in the middle leaves nothing behind."""
    for sent in (head()[:20], head("Content-Length: 1000") + b"x", WHOLE[:-1], WHOLE):
        with socket.create_connection(("127.0.0.1", service.port)) as one:
            one.sendall(sent)
    until = time.monotonic() + 20
    admission = service.service.admission
    while admission.held + admission.working + admission.waiting and time.monotonic() < until:
        time.sleep(0.01)
    assert (admission.held, admission.working, admission.waiting) == (0, 0, 0)
    assert service.post("/predict", PNG).status == 200


def test_nothing_is_computed_for_those_who_are_gone(service: Within) -> None:
    """A request whose client hangs up while it waits gives its turn away, and is counted so."""
    gone = 'bakeoff_requests_total{route="predict",status="499"}'
    before = counted(service, gone)
    go = threading.Event()
    pool, admission = service.service.pool, service.service.admission

    async def busy() -> None:
        waiting = [pool.run(admission.admit(1, 60), lambda: go.wait(60)) for _ in range(2)]
        await asyncio.gather(*waiting)

    lanes = asyncio.run_coroutine_threadsafe(busy(), service.loop)
    until = time.monotonic() + 60
    while admission.working < 2 and time.monotonic() < until:
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", service.port)) as one:
        one.sendall(WHOLE)
        while not admission.waiting and time.monotonic() < until:
            time.sleep(0.01)
    while counted(service, gone) == before and time.monotonic() < until:
        time.sleep(0.01)
    go.set()
    lanes.result(60)
    assert counted(service, gone) == before + 1
    while admission.waiting and time.monotonic() < until:
        time.sleep(0.01)
    assert (admission.working, admission.waiting) == (0, 0)


def counted(service: Within, name: str) -> float:
    """What a counter stands at."""
    lines = service.ask("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def heard(one: socket.socket) -> list[int]:
    """The status of the one answer that comes."""
    found = b""
    while not found.endswith(b"}"):
        more = one.recv(65_536)
        assert more, found
        found += more
    return statuses(found)


def test_too_many_connections(service: Within) -> None:
    """More connections than there may be are turned away, and those that are there go on; when
    they are gone there is room again."""
    for one in service.kept:
        one.close()
    service.kept.clear()
    held = []
    try:
        for _ in range(8):
            held.append(socket.create_connection(("127.0.0.1", service.port), timeout=10))
            held[-1].sendall(head(method="GET", path="/livez"))
            assert heard(held[-1]) == [200]
        answer = service.raw(b"")
        assert statuses(answer) == [503]
        assert b"retry-after: 1" in answer
        held[0].sendall(LAST)
        assert heard(held[0]) == [200]
    finally:
        for open_one in held:
            open_one.close()
    until = time.monotonic() + 20
    while statuses(service.raw(LAST)) != [200]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_nothing_of_this_was_our_mistake(service: Within) -> None:
    """No failure was logged, and no answer was 500."""
    lines = service.lines()
    assert [line for line in lines if line["kind"] == "failure"] == []
    assert {line["status"] for line in lines if line["kind"] == "request"} & {500, 502} == set()
    assert json.dumps(lines).count("Traceback") == 0


@pytest.mark.parametrize("asks", [True, False])
def test_who_came_in_last(asks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a service ends, whoever was let in and has not asked yet is waited for a moment: long
    enough for a request that is on its way, and no longer."""
    monkeypatch.setattr(module, "_LATEST", 60.0 if asks else 0.01)

    async def answer() -> bytes:
        kind = connection(most=8, patience=60.0, heard=lambda: None)
        config = uvicorn.Config(
            PlainTextResponse("ok"), http=kind, ws="none", lifespan="off", log_config=None
        )
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return kind(config=config, server_state=state, app_state={})

        async with asyncio.timeout(60), await loop.create_server(protocol, "127.0.0.1", 0) as door:
            reader, writer = await asyncio.open_connection(*door.sockets[0].getsockname())
            while not state.connections:
                await asyncio.sleep(0.001)
            for one in list(state.connections):
                one.shutdown()
            if asks:
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            found = await reader.read()
            writer.close()
            return found

    assert statuses(asyncio.run(answer())) == ([200] if asks else [])
