"""Where a journal is kept, as it is typed and as it is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bakeoff.serving.journal.address import Address, address, newest_of
from bakeoff.spec.errors import UserError


def known(text: str) -> Address:
    """An address that there is."""
    found = address(text)
    assert found is not None
    return found


def test_places() -> None:
    """Paths, SQLite URLs and PostgreSQL URLs are told apart; none is none."""
    assert address("none") is None
    assert known("a b.sqlite").path == Path.cwd() / "a b.sqlite"
    assert known("sqlite:////data/j.db").path == Path("/data/j.db")
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        assert known(f"{scheme}://me@host/db").url == "postgresql+psycopg://me@host/db"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "mysql://me:geheim@host/db",
            "--journal must name a database that is known, but is 'mysql'. "
            "Known: postgresql, sqlite. "
            "Write a path, postgresql://user:password@host/database, or none.",
        ),
        (
            "postgresql://me:geheim@host",
            "--journal must name a database, but is 'postgresql://me:***@host'. "
            "Write a path, postgresql://user:password@host/database, or none.",
        ),
        (
            "postgresql://me:geheim@host:99999/db",
            "--journal must be a URL with a port from 1 to 65535, but is "
            "'postgresql://me:***@host:99999/db'.",
        ),
        (
            "",
            "--journal must name a file or a database, but is ''. "
            "Write a path, postgresql://user:password@host/database, or none.",
        ),
        ("/", "--journal must name a file, but is '/'. Such as /journal.sqlite."),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    """What cannot be a journal is refused in words, without its password."""
    with pytest.raises(UserError) as caught:
        address(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("postgresql://me:geh%21eim@host/db", "geh!eim"),
        ("postgresql://me:geh%21e@im@host/db", "geh!e@im"),
        ("postgresql://me@host/db?password=geh%21eim&sslmode=require", "geh!eim"),
    ],
)
def test_a_password_is_never_shown(url: str, plain: str) -> None:
    """Neither the address nor what a driver says gives the password away."""
    where = known(url)
    for text in (str(where), repr(where), where.clean(f"no way to {url}\n for {plain}")):
        assert "geh" not in text
        assert "host/db" in text


def test_the_newest_journal_of_the_machine(tmp_path: Path) -> None:
    """Without a name the journal that was written to last is taken; without any it is said."""
    with pytest.raises(UserError) as caught:
        newest_of(tmp_path)
    assert str(caught.value) == (f"--journal must be given: no service has left one in {tmp_path}.")
    for age, port in enumerate(("8000", "8001")):
        (tmp_path / port).mkdir()
        file = tmp_path / port / "journal.sqlite"
        file.touch()
        os.utime(file, (1000 - age, 1000 - age))
    assert newest_of(tmp_path).path == tmp_path / "8000" / "journal.sqlite"
