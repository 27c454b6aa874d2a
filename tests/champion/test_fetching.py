"""Champions behind URLs."""

from __future__ import annotations

import errno
import importlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bakeoff
from bakeoff.champion import archive, fetching, opening, signing
from bakeoff.data.remote import Remote, url_of
from bakeoff.spec.errors import CacheError, UserError
from tests.champion import made
from tests.champion.test_opening import hide, refused

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def bucket() -> Iterator[str]:
    """An object storage of one's own, empty."""
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def put(source: Path, url: str) -> str:
    """Copy a file or a folder to where a URL says."""
    files = [source] if source.is_file() else [one for one in source.rglob("*") if one.is_file()]
    for file in files:
        below = file.relative_to(source).as_posix()
        path = url if below == "." else f"{url}/{below}"
        fsspec.filesystem("memory").pipe_file(path, file.read_bytes())
    return url


def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files as they are fetched from now on."""
    found: list[str] = []
    fetch = Remote.fetch

    def watched(self: Remote, name: str, file: Any, **rest: Any) -> None:
        found.append(name)
        fetch(self, name, file, **rest)

    monkeypatch.setattr(Remote, "fetch", watched)
    return found


def left(cache: Path) -> list[str]:
    """What lies in the cache of champions, but for locks."""
    folder = cache / "champions"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if not name.endswith(".lock"))


def test_a_folder_and_an_archive(champion: Path, bucket: str, tmp_path: Path) -> None:
    """A champion behind a URL is the one that was put there, whichever form it has."""
    expected = bakeoff.open(champion)
    packed = archive.pack(champion, tmp_path / "mine.bakeoff")
    renamed = archive.pack(champion, tmp_path / "mine.zip")
    put(champion, f"{bucket}/run/champion")
    put(packed, f"{bucket}/mine.bakeoff")
    put(renamed, f"{bucket}/other")
    for url in (
        champion.as_uri(),
        packed.as_uri(),
        f"{bucket}/run/champion",
        f"{bucket}/run/champion/",
        f"{bucket}/run",
        f"{bucket}/mine.bakeoff",
        f"{bucket}/other",
        f"simplecache::{packed.as_uri()}",
    ):
        found = bakeoff.open(url)
        assert found.digest == expected.digest
        assert found.classes == made.CLASSES
        assert opening.facts_of(url).name == "patterns"


def test_a_path_made_of_a_url(champion: Path, bucket: str, tmp_path: Path) -> None:
    """A slash that `Path` took away is put back; what is a path stays one."""
    put(champion, f"{bucket}/champion")
    assert bakeoff.open(Path(f"{bucket}/champion")).digest == bakeoff.open(champion).digest
    assert url_of(Path("s3://bucket/a/b")) == "s3://bucket/a/b"
    assert url_of(Path("file:///there/a")) == "file:///there/a"
    assert url_of(Path("simplecache::s3://bucket/a")) == "simplecache::s3://bucket/a"
    for path in ("champion", "/there/champion", "C:\\champions\\a", "a:/b", "s3:/b", "", None):
        assert url_of(path) is None
    assert url_of(Path("a/b")) is None
    there = tmp_path / "s3:" / "bucket"
    there.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert url_of(Path("s3:/bucket")) is None


def test_fetched_once(
    champion: Path, bucket: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the cache is not fetched again; what was changed behind the URL is."""
    url = put(champion, f"{bucket}/champion")
    got = fetched(monkeypatch)
    first = bakeoff.open(url).digest
    assert "weights.safetensors" in got
    assert "manifest.json" not in got
    got.clear()
    assert bakeoff.open(url).digest == first
    assert got == []
    assert len(left(cache)) == 1
    made.resealed(champion, lambda folder: (folder / "README.md").write_text("# other\n"))
    fsspec.filesystem("memory").rm(url, recursive=True)
    put(champion, url)
    again = bakeoff.open(url)
    assert again.digest != first
    assert again.card == "# other\n"


def test_only_what_is_listed_is_fetched(champion: Path, bucket: str, cache: Path) -> None:
    """What lies beside a champion stays where it is."""
    url = put(champion, f"{bucket}/champion")
    fsspec.filesystem("memory").pipe_file("/bucket/champion/notes.txt", b"not ours")
    assert bakeoff.open(url).digest == bakeoff.open(champion).digest
    assert not list(cache.rglob("notes.txt"))


def test_a_spoilt_cache_is_made_again(champion: Path, bucket: str, cache: Path) -> None:
    """What is wrong in the cache only is put right."""
    url = put(champion, f"{bucket}/champion")
    bakeoff.open(url)
    (kept,) = (cache / "champions" / name for name in left(cache))
    (kept / "weights.safetensors").write_bytes(b"spoilt")
    assert bakeoff.open(url).digest == bakeoff.open(champion).digest


def test_a_signed_champion(champion: Path, bucket: str, tmp_path: Path) -> None:
    """The signature comes along, also where it was given after the first fetch."""
    pytest.importorskip("cryptography")
    url = f"{bucket}/champion"
    put(champion, url)
    keys = signing.make_keys(tmp_path / "key")
    assert "signed" in refused(url, key=keys.public)
    signing.sign(champion, keys.private)
    content = (champion / "signature.json").read_bytes()
    fsspec.filesystem("memory").pipe_file("/bucket/champion/signature.json", content)
    assert bakeoff.open(url, key=keys.public).digest == bakeoff.open(champion).digest


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_what_is_not_what_was_sealed(
    champion: Path, bucket: str, cache: Path, tmp_path: Path, form: str
) -> None:
    """A champion that was changed on its way is refused by the name of its URL, and leaves nothing
    in the cache."""
    if form == "folder":
        (champion / "weights.safetensors").write_bytes(b"spoilt")
        url = put(champion, f"{bucket}/champion")
        assert refused(url).startswith(
            f"weights.safetensors of {url} is not what was written: it has 6 bytes instead of "
        )
    else:
        packed = archive.pack(champion, tmp_path / "mine.bakeoff")
        packed.write_bytes(packed.read_bytes().replace(b'"apple"', b'"ample"', 1))
        url = put(packed, f"{bucket}/mine.bakeoff")
        assert refused(url) == (
            f"champion.json of {url} is not what was packed: the archive was changed after it was "
            "made. Get it again from where it came from, or unpack it yourself and open the folder."
        )
    assert left(cache) == []


def test_a_manifest_that_points_elsewhere(champion: Path, bucket: str, cache: Path) -> None:
    """Nothing is written outside of the champion's own folder."""
    told = json.loads((champion / "manifest.json").read_text())
    told["files"]["../../planted"] = told["files"]["weights.safetensors"]
    (champion / "manifest.json").write_text(json.dumps(told))
    url = put(champion, f"{bucket}/champion")
    assert refused(url).startswith(
        f"manifest.json of {url} lists a file that would lie outside of the champion"
    )
    assert not list(cache.rglob("planted"))


def test_what_is_not_there(champion: Path, bucket: str) -> None:
    """Nothing, half of a champion, or something else."""
    look = "Look at the URL, and at whether what it names was written whole."
    assert refused(f"{bucket}/no") == (
        f"the champion {bucket}/no is not there, or may not be read: neither a .bakeoff file nor "
        f"a folder with a manifest.json. {look}"
    )
    assert refused(f"{bucket}/no.bakeoff") == f"{bucket}/no.bakeoff is not there. {look}"
    url = put(champion, f"{bucket}/champion")
    fsspec.filesystem("memory").rm(f"{url}/weights.safetensors")
    assert refused(url) == f"{url}/weights.safetensors is not there. {look}"
    fsspec.filesystem("memory").pipe_file("/bucket/note.txt", b"hello")
    assert refused(f"{bucket}/note.txt").startswith(
        f"{bucket}/note.txt cannot be read as a zip: it was cut or changed on its way"
    )


def test_without_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """The optional part is named, and how to install it."""
    hide(monkeypatch, "fsspec")
    assert refused("s3://bucket/champion") == (
        "s3://bucket/champion needs the optional part 'remote', which is not installed. "
        f"Install it with: {sys.executable} -m pip install 'bakeoff[remote]'"
    )


def test_a_protocol_that_wants_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which, and how to install it."""
    registry = importlib.import_module("fsspec.registry")
    entry = {"class": "nowhere.Files", "err": "Install nowhere to go there"}
    monkeypatch.setitem(registry.known_implementations, "nowhere", entry)
    assert refused("nowhere://bucket/champion") == (
        "nowhere://bucket/champion cannot be reached: its protocol needs a package (Install "
        f"nowhere to go there). Install it with: {sys.executable} -m pip install nowhere"
    )
    assert refused("what://is/this") == (
        "what://is/this cannot be reached (Protocol not known: what). Known are those of fsspec, "
        "such as s3://, gs://, abfs://, https:// and file://."
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(5, "broken"), "cannot be read (OSError: [Errno 5] broken). Look at the"),
        (RuntimeError("a\nb"), "cannot be read (RuntimeError: a). Look at the credentials"),
        (
            RuntimeError("403, url='https://me:w@rd@host/a?X=secret', me:word@b, s3://k:s@c?s=1."),
            "cannot be read (RuntimeError: 403, url='https://host/a', me:word@b, s3://c). Look at",
        ),
    ],
)
def test_a_storage_that_refuses(
    error: Exception, said: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is said in one line, and nothing that may be a secret."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fsspec.filesystem("memory"), "info", refuse)
    monkeypatch.setattr(fsspec.filesystem("memory"), "open", refuse)
    assert f"{bucket}/a/manifest.json {said}" in refused(f"{bucket}/a")
    text = refused("memory://me:w@rd@bucket/a.bakeoff?signature=secret")
    assert text.startswith(f"memory://bucket/a.bakeoff {said}")


def test_a_storage_that_may_not_be_listed(
    champion: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses what is missing, as it does what is not for everybody: a champion without a
    signature is opened, and what may be either is said."""
    url = put(champion, f"{bucket}/run/champion")
    storage = fsspec.filesystem("memory")
    known = storage.info

    def info(path: str, **rest: object) -> Any:
        if not storage.exists(path):
            raise PermissionError(path)
        return known(path, **rest)

    monkeypatch.setattr(storage, "exists", lambda path: path in storage.store)
    monkeypatch.setattr(storage, "info", info)
    assert bakeoff.open(f"{bucket}/run").digest == bakeoff.open(url).digest
    assert f"the champion {bucket}/no is not there, or may not be read:" in refused(f"{bucket}/no")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(storage, "open", refuse)
    assert refused(f"{bucket}/a.bakeoff").startswith(
        f"{bucket}/a.bakeoff may not be read by whoever runs this. Look at the credentials"
    )


def test_what_a_killed_one_left(
    champion: Path, bucket: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was half fetched when its process was killed is the next one's to take away."""
    url = put(archive.pack(champion, tmp_path / "mine.bakeoff"), f"{bucket}/mine.bakeoff")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, **rest: None)
        bakeoff.open(url)
    assert len(left(cache)) == 2
    (half,) = (cache / "champions" / name for name in left(cache) if name.startswith("."))
    half.write_bytes(half.read_bytes() * 2)
    assert bakeoff.open(url).digest == bakeoff.open(champion).digest
    assert len(left(cache)) == 1


def test_a_file_without_an_end(champion: Path, bucket: str, cache: Path) -> None:
    """Of what is longer than its manifest says little more is fetched."""
    big = (champion / "README.md").read_bytes() + bytes(20 << 20)
    url = put(champion, f"{bucket}/champion")
    fsspec.filesystem("memory").pipe_file("/bucket/champion/README.md", big)
    (said,) = re.findall(r"README\.md of .* it has ([\d,]+) bytes instead of", refused(url))
    assert int(said.replace(",", "")) < 2 << 20
    assert left(cache) == []


def test_a_full_disk_is_the_disks_fault(
    champion: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the storage's."""
    url = put(champion, f"{bucket}/champion")

    fetch = Remote.fetch

    class Full(io.BytesIO):
        def write(self, content: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def to_full(self: Remote, name: str, file: Any, **_: object) -> None:
        fetch(self, name, Full())

    monkeypatch.setattr(Remote, "fetch", to_full)
    with pytest.raises(CacheError, match="ran out of disk space while being written"):
        bakeoff.open(url)


def test_paths_are_left_alone(champion: Path) -> None:
    """Without a URL nothing is fetched, and the word for what comes along is understood."""
    assert fetching.here(champion) == champion
    assert fetching.here(None) == fetching.here("boxed")
    with pytest.raises(UserError, match="is not there"):
        bakeoff.open(champion / "no")
