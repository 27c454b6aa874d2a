"""CIFAR by name: the cache first, then the publisher."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.data.sources import cifar, fetch, published
from bakeoff.data.sources.fetch import Published, sha256_of
from bakeoff.data.sources.published import RELEASES, Release, find_published
from bakeoff.spec.errors import DataError
from tests.data.sources.batches import ROWS, SMALL, write_batches
from tests.data.sources.server import Server, serving

BY_FOLDER = {layout.folder: layout for layout in SMALL}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "LAYOUTS", SMALL)
    monkeypatch.setattr(fetch, "PAUSE_S", 0.0)
    monkeypatch.setenv("no_proxy", "*")


def packed(tmp_path: Path, folder: str, name: str) -> Path:
    """The batch files of a layout in an archive."""
    batches = write_batches(tmp_path / "made" / folder, BY_FOLDER[folder])
    path = tmp_path / "made" / name
    with tarfile.open(path, "w:gz") as archive:
        archive.add(batches, arcname=folder)
    return path


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serves a small CIFAR-10 in place of the publisher."""
    made = packed(tmp_path, "cifar-10-batches-bin", "cifar-10-binary.tar.gz")
    python = packed(tmp_path, "cifar-10-batches-py", "cifar-10-python.tar.gz")
    with serving(made.read_bytes()) as server:
        address = server.url.rpartition("/")[0]
        binary, pickled = (
            Published(
                url=f"{address}/{path.name}", size=path.stat().st_size, sha256=sha256_of(path)
            )
            for path in (made, python)
        )
        release = Release(fetched=binary, accepted=(binary, pickled))
        monkeypatch.setattr(published, "RELEASES", {"cifar10": release})
        yield server


def test_a_published_dataset_is_fetched_once(server: Server, cache: Path) -> None:
    """The first call downloads, unpacks and reads; the next only reads the same."""
    first = find_published("cifar10")
    second = find_published("cifar10")
    assert len(first) == 6 * ROWS
    assert first.labels.tolist() == second.labels.tolist()
    assert len(server.asked) == 1
    assert (cache / "cifar10" / "cifar-10-binary.tar.gz").is_file()


@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "cifar-10-batches-py"])
@pytest.mark.parametrize("below", ["", "any"])
def test_batch_files_put_into_the_cache_are_used(
    server: Server, cache: Path, folder: str, below: str
) -> None:
    """Either form, with or without its folder, does without the network."""
    place = cache / "cifar10" / (folder if below else "")
    place.parent.mkdir(parents=True)
    write_batches(place, BY_FOLDER[folder])
    assert len(find_published("cifar10")) == 6 * ROWS
    assert server.asked == []


@pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"])
def test_an_archive_put_into_the_cache_is_used(
    server: Server, cache: Path, tmp_path: Path, name: str
) -> None:
    """Either published archive does without the network."""
    (cache / "cifar10").mkdir(parents=True)
    (tmp_path / "made" / name).rename(cache / "cifar10" / name)
    assert len(find_published("cifar10")) == 6 * ROWS
    assert server.asked == []


def test_a_wrong_archive_in_the_cache_is_refused(server: Server, cache: Path) -> None:
    """An archive of the published name and another content is named, with both sums."""
    (cache / "cifar10").mkdir(parents=True)
    path = cache / "cifar10" / "cifar-10-python.tar.gz"
    path.write_bytes(b"half of it")
    with pytest.raises(DataError) as caught:
        find_published("cifar10")
    wanted = published.RELEASES["cifar10"].accepted[1].sha256
    assert f"archive {path} is not the published file: its SHA-256 must be {wanted}" in str(
        caught.value
    )
    assert "Delete it: it is then fetched again." in str(caught.value)


def test_no_network_says_what_to_put_where(server: Server, cache: Path) -> None:
    """The message names the archives and the folder that takes them."""
    server.status = 404
    with pytest.raises(DataError) as caught:
        find_published("cifar10")
    assert "was answered with 404 Not Found" in str(caught.value)
    assert (
        f"cifar-10-python.tar.gz on another machine and put it, packed or unpacked, into "
        f"{cache / 'cifar10'}." in str(caught.value)
    )


def test_batches_of_the_other_dataset_are_not_taken(server: Server, cache: Path) -> None:
    """CIFAR-100's files in CIFAR-10's folder do not stand in for it."""
    write_batches(cache / "cifar10" / "cifar-100-python", BY_FOLDER["cifar-100-python"])
    assert find_published("cifar10").name == "cifar10"
    assert len(server.asked) == 1


def test_the_real_publisher_is_asked_over_tls() -> None:
    """Every release has https addresses, a size and a whole SHA-256, and differs from the rest."""
    archives = [archive for release in RELEASES.values() for archive in release.accepted]
    assert all(archive.url.startswith("https://www.cs.toronto.edu/") for archive in archives)
    assert all(len(bytes.fromhex(archive.sha256)) == 32 for archive in archives)
    assert all(160e6 < archive.size < 180e6 for archive in archives)
    assert len({archive.sha256 for archive in archives}) == len(archives) == 4
    assert RELEASES["cifar10"].fetched.name == "cifar-10-binary.tar.gz"
