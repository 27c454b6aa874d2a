"""Joining a cluster: what is said where that cannot be done."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bakeoff.runs.cluster import cluster
from bakeoff.runs.cluster.cluster import joined
from bakeoff.spec.errors import IncompatibleInstallError, UserError

HERE = "127.0.0.1"


def refused(where: str) -> str:
    """What is said."""
    with pytest.raises(UserError) as caught, joined(where):
        pass
    return str(caught.value)


class RefusedError(Exception):
    """What Ray raises where it wants another token."""


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What Ray's attempt to join ends with."""
    errors: list[BaseException] = []

    def tried(**how: Any) -> None:
        assert how["address"]
        raise errors[0]

    exceptions = SimpleNamespace(AuthenticationError=RefusedError)
    ray = SimpleNamespace(init=tried, shutdown=lambda: None, exceptions=exceptions)
    monkeypatch.setattr(cluster, "_ray", lambda: ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return errors


@pytest.mark.parametrize("where", ["spark", "ray:", "ray://", "ray://head", "ray://head:1/x"])
def test_what_is_no_address(where: str) -> None:
    """Nothing is tried."""
    assert refused(where) == f"--on must be ray or ray://HOST:PORT, but is {where!r}."


def test_a_password_is_not_shown() -> None:
    """As in every other URL."""
    assert "secret" not in refused("ray://me:secret@head:10001")


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it is given."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert refused("ray") == (
        "--on needs the optional part 'ray', which is not installed. Install it with: "
        f"{sys.executable} -m pip install 'bakeoff[ray]'"
    )


def test_nobody_listens(init: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by a knock, whether the address was typed or is that of RAY_ADDRESS."""
    with socket.socket() as free:
        free.bind((HERE, 0))
        address = f"{HERE}:{free.getsockname()[1]}"
    init.append(AssertionError("it was tried"))
    assert refused(f"ray://{address}") == (
        f"--on ray://{address} must lead to a Ray cluster, and it does not answer (connection "
        "refused). Look at the address, and at whether `ray start --head` was typed there."
    )
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert f"--on ray must lead to a Ray cluster, and {address} does not answer" in refused("ray")
    monkeypatch.setenv("RAY_ADDRESS", f"{HERE}:many")
    assert "does not answer (invalid literal" in refused("ray")


@pytest.mark.parametrize("error", [ConnectionError("no"), SystemExit(15), TimeoutError()])
def test_something_else_listens(init: list[BaseException], error: BaseException) -> None:
    """Ray gives up, or would end the process."""
    init.append(error)
    with socket.create_server((HERE, 0)) as other:
        where = f"ray://{HERE}:{other.getsockname()[1]}"
        assert refused(where) == (
            f"--on {where} must lead to a Ray cluster that lets this process in, and none answers "
            "there. Start one with `ray start --head` here, or give --on ray://HOST:PORT. Where "
            "the cluster asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH."
        )


def test_another_token(init: list[BaseException]) -> None:
    """A cluster that lets nobody in without one."""
    init.append(RefusedError("InvalidAuthToken"))
    assert refused("ray") == (
        "--on ray must lead to a cluster that lets this process in, and it asks for another token. "
        "Where the cluster asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH."
    )


def test_no_cluster_here(init: list[BaseException]) -> None:
    """Said where nothing was named at all."""
    init.append(ConnectionError("Could not find any running Ray instance."))
    assert refused("ray") == (
        "--on ray must be typed on a machine of a Ray cluster, and none runs here. Start one with "
        "`ray start --head` here, or give --on ray://HOST:PORT."
    )


def test_other_versions(init: list[BaseException]) -> None:
    """As Ray tells them; what it says else is ours to look at."""
    init.append(
        RuntimeError(
            "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.10.1\n"
            "This process on Ray Client was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
        )
    )
    with pytest.raises(IncompatibleInstallError) as caught, joined("ray"):
        pass
    assert str(caught.value) == (
        "--on ray must lead to a cluster with the versions of this process, Ray 2.60.0 and Python "
        "3.11.7, and there it is Ray 2.9.0 and Python 3.10.1. Install the same on every node, such "
        "as from one image."
    )
    init[0] = RuntimeError("Maybe you called ray.init twice by accident?")
    with pytest.raises(RuntimeError, match="twice"), joined("ray"):
        pass


def test_nothing_tells_how_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ray starts from here sends nothing to its makers, unless the user says that it may; and
    it is as it was afterwards."""
    seen: list[str | None] = []
    name = "RAY_USAGE_STATS_ENABLED"

    def init(**how: Any) -> None:
        seen.append(os.environ.get(name))

    exceptions = SimpleNamespace(AuthenticationError=RefusedError)
    ray = SimpleNamespace(init=init, shutdown=lambda: None, exceptions=exceptions)
    monkeypatch.setattr(cluster, "_ray", lambda: ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv(name, raising=False)
    with joined("ray"):
        pass
    assert name not in os.environ
    monkeypatch.setenv(name, "1")
    with joined("ray"):
        pass
    assert seen == ["0", "1"]
    assert os.environ[name] == "1"
