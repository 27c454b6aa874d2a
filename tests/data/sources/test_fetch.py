"""Downloads: resumed, checked, never half in place."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.data.sources import fetch as module
from bakeoff.data.sources.fetch import Published, fetch, sha256_of
from bakeoff.spec.errors import CacheError, DataError
from tests.data.sources.server import Server, serving

CONTENT = bytes(range(256)) * 4000
BY_HAND = "put it here by hand."


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    """Serves `CONTENT`."""
    with serving(CONTENT) as server:
        yield server


def published(server: Server, content: bytes = CONTENT) -> Published:
    """What the server should be serving."""
    return Published(url=server.url, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def files(folder: Path) -> set[str]:
    """What lies in a folder, locks aside."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_file_is_fetched_whole(server: Server, tmp_path: Path) -> None:
    """It lies in place, alone, and progress ran from none to all of its bytes."""
    said: list[tuple[str, int, int | None, str]] = []
    path = fetch(
        published(server),
        tmp_path / "new",
        by_hand=BY_HAND,
        progress=lambda task, done, total, unit="pictures": said.append((task, done, total, unit)),
    )
    assert path.read_bytes() == CONTENT
    assert files(tmp_path / "new") == {"data.bin"}
    downloading = [call for call in said if call[0] == "downloading data.bin"]
    assert downloading[0] == ("downloading data.bin", 0, len(CONTENT), "bytes")
    assert downloading[-1] == ("downloading data.bin", len(CONTENT), len(CONTENT), "bytes")


def test_a_fetched_file_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    """The second call asks the server nothing."""
    for _ in range(2):
        fetch(published(server), tmp_path, by_hand=BY_HAND)
    assert len(server.asked) == 1


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    """Within one call the rest is asked for, and only the rest."""
    server.breaks = [300_000, 400_000]
    assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT
    assert server.asked == ["", "bytes=300000-", "bytes=700000-"]


def test_a_download_that_keeps_breaking_says_how_far_it_came(
    server: Server, tmp_path: Path
) -> None:
    """It is an error with both counts; the next call goes on from there."""
    server.breaks = [1000] * module.ATTEMPTS
    with pytest.raises(DataError) as caught:
        fetch(published(server), tmp_path, by_hand=BY_HAND)
    assert str(caught.value).startswith(
        f"download of {server.url} broke off after 4,000 of 1,024,000 bytes ("
    )
    assert str(caught.value).endswith(
        "Run the same again: it goes on from there. Or put it here by hand."
    )
    assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=4000-"


def test_a_reset_connection_is_taken_up_as_well(server: Server, tmp_path: Path) -> None:
    """Connections also break with an error instead of an early end."""
    server.breaks, server.resets = [700_000], True
    assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    """An answer with all of the file replaces what there was."""
    server.breaks, server.ignores_range = [300_000], True
    assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT


@pytest.mark.parametrize("ignores_condition", [False, True])
def test_a_file_that_changed_meanwhile_starts_over(
    server: Server, tmp_path: Path, ignores_condition: bool
) -> None:
    """Parts of two versions are never joined, even if the server would join them."""
    server.breaks = [1000] * module.ATTEMPTS
    old = published(server)
    with pytest.raises(DataError):
        fetch(old, tmp_path, by_hand=BY_HAND)
    server.content, server.tag = CONTENT[::-1], '"two"'
    server.ignores_condition = ignores_condition
    new = published(server, server.content)
    assert fetch(new, tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT[::-1]


def test_a_file_of_unknown_version_starts_over(server: Server, tmp_path: Path) -> None:
    """Without a tag or a date from the server nothing proves that the parts belong together."""
    server.breaks, server.tag = [1000], ""
    assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT
    assert server.asked == ["", ""]


def test_a_part_that_was_only_left_to_check_is_not_fetched_again(
    server: Server, tmp_path: Path
) -> None:
    """A process that died between the last byte and the check costs no second download."""
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT
    assert server.asked == []


def test_a_wrong_checksum_is_refused_and_deleted(server: Server, tmp_path: Path) -> None:
    """The message has both sums, and nothing is left of the file."""
    server.content = CONTENT[::-1]
    with pytest.raises(DataError) as caught:
        fetch(published(server), tmp_path, by_hand=BY_HAND)
    wanted, found = (hashlib.sha256(data).hexdigest() for data in (CONTENT, CONTENT[::-1]))
    assert str(caught.value) == (
        f"download of {server.url} was deleted, as it is not the published file: its SHA-256 must "
        f"be {wanted}, but is {found!r}. Run the same again; if that does not help, "
        "put it here by hand."
    )
    assert files(tmp_path) == set()


def test_a_file_of_another_size_is_refused_before_it_is_fetched(
    server: Server, tmp_path: Path
) -> None:
    """What the server announces is compared first."""
    server.content = CONTENT + b"more"
    with pytest.raises(DataError) as caught:
        fetch(published(server), tmp_path, by_hand=BY_HAND)
    assert str(caught.value) == (
        f"download of {server.url} is not the published file: its size must be 1,024,000 bytes, "
        "but is '1,024,004 bytes'. Put it here by hand."
    )
    assert files(tmp_path) == set()


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (503, "Service Unavailable")])
def test_a_refusal_is_told(server: Server, tmp_path: Path, status: int, reason: str) -> None:
    """The server's answer is in the message, and the way out."""
    server.status = status
    with pytest.raises(DataError) as caught:
        fetch(published(server), tmp_path, by_hand=BY_HAND)
    assert str(caught.value) == (
        f"download of {server.url} was answered with {status} {reason}. "
        "Check the network and run the same again, or put it here by hand."
    )


def test_a_range_that_is_refused_starts_over(server: Server, tmp_path: Path) -> None:
    """A server that will not go on from there is asked for all of it."""
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    (tmp_path / "data.bin.part.json").write_text('"\\"one\\""')
    server.refuses_range = True
    assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", ""]


def test_no_connection_is_told(tmp_path: Path) -> None:
    """A refused connection names the address and the way without a network."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/data.bin"
        with pytest.raises(DataError) as caught:
            fetch(Published(url=url, size=1, sha256=""), tmp_path, by_hand=BY_HAND)
    assert str(caught.value).startswith(f"download of {url} got no answer: ")
    assert "Connection refused" in str(caught.value)
    assert str(caught.value).endswith("run the same again, or put it here by hand.")


def test_plain_http_is_refused(tmp_path: Path) -> None:
    """Only this very machine may be asked without encryption."""
    plain = Published(url="http://example.org/data.bin", size=1, sha256="")
    with pytest.raises(DataError) as caught:
        fetch(plain, tmp_path, by_hand=BY_HAND)
    assert str(caught.value) == (
        "download of http://example.org/data.bin must stay on https, so that nobody on the way "
        "can change it, but is 'http://example.org/data.bin'."
    )


@pytest.mark.parametrize("target", ["http://example.org/x", "ftp://example.org/x"])
def test_a_redirect_away_from_https_is_refused(server: Server, tmp_path: Path, target: str) -> None:
    """The server cannot send us elsewhere without encryption."""
    server.redirect = target
    with pytest.raises(DataError, match=f"must stay on https.*{target}"):
        fetch(published(server), tmp_path, by_hand=BY_HAND)


def test_a_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    """Files may have moved."""
    with serving(CONTENT) as other:
        server.redirect = other.url
        assert fetch(published(server), tmp_path, by_hand=BY_HAND).read_bytes() == CONTENT


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    """The second waits for the first and finds the file."""
    threads = [
        threading.Thread(target=fetch, args=(published(server), tmp_path), kwargs={"by_hand": ""})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1
    assert files(tmp_path) == {"data.bin"}


def test_a_file_in_the_way_of_the_folder_is_told(server: Server, tmp_path: Path) -> None:
    """The cache's own message names the place."""
    (tmp_path / "cifar10").write_text("")
    with pytest.raises(CacheError, match=r"cifar10 cannot be written: a file stands where"):
        fetch(published(server), tmp_path / "cifar10", by_hand=BY_HAND)


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    """As any other tool computes it."""
    (tmp_path / "file").write_bytes(CONTENT)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(CONTENT).hexdigest()
