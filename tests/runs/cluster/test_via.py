"""Places behind URLs that nodes and this process must share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.data.remote import Remote
from bakeoff.runs.cluster import via as module
from bakeoff.runs.cluster.nodes import Node
from bakeoff.runs.cluster.via import Answer, Via, answered, asking, refuse_unreached, refuse_url
from bakeoff.spec.errors import DataError, SpecError
from tests.runs.cluster.shelf import SHELF, Shelf, shelf

__all__ = ["shelf"]

NODE = Node(id="a1", address="10.0.0.1", cpus=1, gpus=0)


def refused(url: str) -> str:
    """What is said before any node is asked."""
    with pytest.raises(DataError) as caught, asking(Via(url)):
        pass
    return str(caught.value)


@pytest.mark.parametrize("url", ["photos", "/mnt/runs", "s3:bucket", "simplecache::s3://bucket/a"])
def test_what_is_no_url(url: str) -> None:
    """A path is none, and what fsspec keeps of a place is not the place."""
    with pytest.raises(SpecError) as caught:
        Via(url)
    assert str(caught.value) == (
        f"--via must be a URL such as s3://BUCKET/FOLDER, but is {url!r}. A folder is "
        "file:///PATH; caches of fsspec's (…::) have no place here."
    )


def test_secrets_are_not_shown() -> None:
    """Neither what stands before the host nor what follows a question mark, wherever it is said."""
    via = Via("s3://me:secret@bucket/a?signature=secret")
    assert via.shown == "s3://bucket/a"
    assert via.is_secret
    assert "secret" not in repr(via)
    assert not Via("s3://bucket/a/").is_secret


@pytest.mark.parametrize("out", ["s3://me:secret@bucket/a", Path("s3://bucket/a")])
def test_a_directory_that_is_a_url(out: str | Path) -> None:
    """The option that takes one is named."""
    with pytest.raises(SpecError) as caught:
        refuse_url(out)
    assert str(caught.value) == (
        "--out must be a folder of this machine, but is 's3://bucket/a'. Where nodes share no "
        "path, give --via with the URL: the bake-off's own directory stays here."
    )
    refuse_url(Path("a"))
    refuse_url(None)


def test_all_see_it(shelf: type[Shelf]) -> None:
    """What each wrote is read by the other, and nothing is left."""
    with asking(Via(SHELF)) as (asked, folder):
        refuse_unreached(NODE, answered(asked), asked, folder)
        assert len(shelf.names()) == 2
    assert shelf.names() == []


def test_one_does_not_see_it(tmp_path: Path, shelf: type[Shelf]) -> None:
    """A folder of one machine only, in either direction."""
    said = (
        f"--via {SHELF} must be one place for all, and node 10.0.0.1 and this process do not see "
        "there what the other writes. Give the URL of an object storage; file:// is for a disk "
        "that all share."
    )
    with asking(Via(SHELF)) as (asked, folder):
        elsewhere = replace(asked, via=Via(tmp_path.as_uri()))
        for answer in (answered(elsewhere), Answer(token=asked.token, name="node-1")):
            with pytest.raises(DataError) as caught:
                refuse_unreached(NODE, answer, asked, folder)
            assert str(caught.value) == said


def test_read_only_here(shelf: type[Shelf]) -> None:
    """Found by whoever asks, before any node is asked."""

    def watch(what: str, path: str) -> None:
        if what == "put":
            raise PermissionError(path)

    shelf.watch = watch
    assert refused(SHELF) == (
        f"--via {SHELF} may not be written by whoever runs this. Look at the credentials and the "
        "connection; fsspec's documentation says where they go."
    )


def test_a_storage_that_lists_nothing(shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be found again is no place for runs."""
    monkeypatch.setattr(Remote, "names", lambda place: {})
    assert refused(SHELF) == (
        f"--via {SHELF} must list and give back what was just written there, and does not. Give "
        "the URL of a storage that does."
    )


def test_wrong_credentials_on_a_node(shelf: type[Shelf]) -> None:
    """The node is named, the folder of the question is not."""

    def watch(what: str, path: str) -> None:
        if "/node-" in path:
            raise PermissionError(path)

    with asking(Via(SHELF)) as (asked, folder):
        shelf.watch = watch
        answer = answered(asked)
        shelf.watch = lambda what, path: None
        with pytest.raises(DataError) as caught:
            refuse_unreached(NODE, answer, asked, folder)
    assert str(caught.value) == (
        f"--via {SHELF} on node 10.0.0.1 may not be written by whoever runs this. Look at the "
        "credentials and the connection; fsspec's documentation says where they go."
    )


def test_a_missing_package(shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch) -> None:
    """fsspec itself, or what it needs for a protocol: here, or on a node."""
    with asking(Via(SHELF)) as (asked, folder):
        with monkeypatch.context() as patch:
            patch.setattr("importlib.util.find_spec", lambda name: None)
            answer = answered(asked)
            assert refused(SHELF).startswith(f"--via {SHELF} needs the optional part 'remote'")
        with pytest.raises(DataError, match=r"^--via .* on node 10\.0\.0\.1 needs the optional"):
            refuse_unreached(NODE, answer, asked, folder)
    said = refused("nothing://bucket/a")
    assert said.startswith("--via nothing://bucket/a cannot be reached (Protocol not known")
    assert module.answered(replace(asked, via=Via("nothing://a"))).error is not None
