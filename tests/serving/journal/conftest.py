"""Databases for the journal, real ones."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.serving.journal.address import Address, address
from tests.serving.journal.postgres import Cluster, tools

_numbers = itertools.count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for the whole session."""
    programs = tools()
    if programs is None:
        if os.environ.get("BAKEOFF_REQUIRE_POSTGRES"):
            pytest.fail("PostgreSQL's server is not installed, and BAKEOFF_REQUIRE_POSTGRES is set")
        pytest.skip("PostgreSQL's server is not installed: its journal is not tested here")
    with Cluster(programs) as running:
        yield running


@pytest.fixture
def postgres(cluster: Cluster) -> Address:
    """A new database in PostgreSQL."""
    found = address(cluster.database(f"journal{next(_numbers)}"))
    assert found is not None
    return found


@pytest.fixture
def file(tmp_path: Path) -> Address:
    """A place for a new SQLite file."""
    found = address(str(tmp_path / "service" / "journal.sqlite"))
    assert found is not None
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest) -> Address:
    """A new journal, of either kind."""
    name = "file" if request.param == "sqlite" else "postgres"
    found = request.getfixturevalue(name)
    assert isinstance(found, Address)
    return found
