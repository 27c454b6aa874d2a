"""`bakeoff journal`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakeoff.cli import main
from bakeoff.serving.journal.address import address
from bakeoff.serving.journal.writer import Journal
from tests.pictures import digit, encoded
from tests.serving.journal.entries import digest, drift, entry, speech

AT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@pytest.fixture
def journal(cache: Path) -> Path:
    """A journal as a service leaves it: four answers, three of which were spoken of."""
    folder = cache / "services" / "8000"
    where = address(str(folder / "journal.sqlite"))
    assert where is not None
    writing = Journal(where, pictures=folder / "pictures").start()
    for n in range(4):
        data = encoded(digit(n))
        sha256 = digest(data)
        writing.put(entry(n, at=AT, sha256=sha256, unknown=n == 3), data if n < 3 else None)
    writing.put(drift(at=AT))
    for told in (
        writing.feedback(speech(0)),
        writing.feedback(speech(1, correct=False, label="a/b")),
        writing.feedback(speech(2, correct=False)),
        writing.feedback(speech(3)),
    ):
        assert told.result(30) == "kept"
    assert writing.close(30)
    return folder / "journal.sqlite"


def test_show(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts, drift and the newest answers of the journal that was written to last."""
    assert main(["journal", "show", "--last", "3"]) == 0
    assert capsys.readouterr().out == (
        f"Journal {journal}\n"
        "4 pictures answered, 2026-11-20 14:30 to 2026-11-20 14:30 UTC\n"
        "4 were spoken of: 2 right, 2 wrong; 1 with the right class named\n"
        "  4 by sha256:abc\n"
        "Drift of classes: strong, 0.3 of 500 (2026-11-20 14:30 UTC)\n"
        "2026-11-20 14:30:00  cat 75.0 %, none of these  right  r3\n"
        "2026-11-20 14:30:00  cat 75.0 %  wrong: not said what  r2\n"
        "2026-11-20 14:30:00  cat 75.0 %  wrong: a/b  r1\n"
    )


def test_show_as_json(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads the same."""
    assert main(["journal", "show", "--journal", str(journal), "--last", "1", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["predictions"], found["right"], found["wrong"]) == (4, 2, 2)
    assert found["newest"][0]["at"] == "2026-11-20T14:30:00+00:00"
    assert found["newest"][0]["top"] == [["cat", 0.75], ["dög", 0.25]]


@pytest.mark.usefixtures("journal")
def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people said becomes a folder of classes, and what could not is said."""
    out = tmp_path / "out"
    assert main(["journal", "export", str(out)]) == 0
    assert capsys.readouterr().out == (
        f"2 pictures of 2 classes in {out}\n"
        "  1 a/b\n"
        "  1 cat\n"
        "1 were called wrong without the right class, and left out.\n"
        "1 were not kept, and left out (bakeoff serve --keep-pictures keeps them).\n"
        "Classes that cannot be names of folders: 'a/b' is a%2Fb.\n"
        f"Take {out / 'manifest.csv'} instead of the folder: it has them as they are.\n"
    )
    assert len((out / "manifest.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["show"],
            "Error: --journal must be given: no service has left one in {cache}/services.\n",
        ),
        (
            ["show", "--journal", "/nowhere/j.sqlite"],
            "Error: journal /nowhere/j.sqlite is not there. The service writes one as soon as it "
            "runs; name it with --journal.\n",
        ),
        (
            ["show", "--journal", "none"],
            "Error: --journal must name a journal to look at, but is 'none'.\n",
        ),
        (
            ["export", "out", "--journal", "postgresql://me:geheim@host/db"],
            "Error: --pictures must be given where the journal is no file.\n",
        ),
        (
            ["export", "out", "--pictures", "/nowhere", "--journal", "j.sqlite"],
            "Error: --pictures must be a folder, but is '/nowhere'.\n",
        ),
    ],
)
def test_mistakes(
    words: list[str], message: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be looked at is said in a sentence."""
    assert main(["journal", *words]) == 2
    assert capsys.readouterr().err == message.format(cache=cache)


def test_a_file_that_is_no_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another file is neither read nor changed."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"dear diary, " * 500)
    assert main(["journal", "show", "--journal", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"Error: journal {path} cannot be read: file is not a database. "
        "Check that the database is there.\n"
    )
    assert path.read_bytes() == b"dear diary, " * 500
