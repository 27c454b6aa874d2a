"""What is said when something goes wrong, and the exit code."""

from __future__ import annotations

import errno
import json

import pytest

from bakeoff.cli.failure import report
from bakeoff.spec.errors import DataError, MissingExtraError

MISSING = DataError("photos", "does not exist", "photos/x", "Give a folder.")


def test_the_users_errors_are_one_paragraph(capsys: pytest.CaptureFixture[str]) -> None:
    """An error of the user's is one paragraph on standard error; exit code 2."""
    assert report(MISSING, as_json=False, debug=False) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Error: photos does not exist, but is 'photos/x'. Give a folder.\n"


def test_our_errors_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error is called a bug, with the way to the traceback; exit code 1."""
    assert report(KeyError("x"), as_json=False, debug=False) == 1
    assert capsys.readouterr().err == (
        "Error: this is a bug in Bakeoff, not a mistake of yours (KeyError: 'x'). The same command "
        "with --debug shows where; please report it with that output.\n"
    )


def test_an_error_without_words(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that says nothing is called by its kind."""
    report(AssertionError(), as_json=False, debug=False)
    assert "of yours (AssertionError). The" in capsys.readouterr().err


def test_memory(capsys: pytest.CaptureFixture[str]) -> None:
    """Too little memory is not called a bug."""
    assert report(MemoryError(), as_json=False, debug=False) == 1
    assert capsys.readouterr().err == (
        "Error: The memory of this machine was not enough. Try fewer pictures with --subset.\n"
    )


def test_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    """A Ctrl-C is one line; exit code 130."""
    assert report(KeyboardInterrupt(), as_json=False, debug=False) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_debug_shows_where(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug the traceback comes first and the paragraph last."""
    try:
        raise MISSING
    except DataError as error:
        report(error, as_json=False, debug=True)
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("Give a folder.\n")


def test_json_has_the_parts(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json standard output holds one document with the error's parts."""
    assert report(MISSING, as_json=True, debug=False) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "error": {
            "kind": "DataError",
            "exit_code": 2,
            "message": "photos does not exist, but is 'photos/x'. Give a folder.",
            "field": "photos",
            "rule": "does not exist",
            "value": "photos/x",
            "suggestion": "Give a folder.",
        }
    }
    assert err == "Error: photos does not exist, but is 'photos/x'. Give a folder.\n"


def test_json_of_a_value_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A value that JSON does not know is written as text."""
    report(DataError("x", "is wrong", (1, 2)), as_json=True, debug=False)
    assert json.loads(capsys.readouterr().out)["error"]["value"] == "(1, 2)"


def test_json_of_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error is one document too."""
    report(ValueError("no"), as_json=True, debug=False)
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["exit_code"]) == ("ValueError", 1)


def test_a_missing_extra_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing optional part is the user's to install; exit code 2."""
    assert (
        report(MissingExtraError("reading x.parquet", "parquet"), as_json=False, debug=False) == 2
    )
    assert "pip install 'bakeoff[parquet]'" in capsys.readouterr().err


def test_control_characters_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A file's name cannot steer the terminal through an error."""
    report(DataError("a\x1b[2J.png", "is broken"), as_json=False, debug=False)
    assert capsys.readouterr().err == "Error: a\\x1b[2J.png is broken.\n"


def test_a_full_disk_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """Output that finds no room is for the user to mend."""
    assert report(OSError(errno.ENOSPC, "No space left"), as_json=False, debug=False) == 2
    assert capsys.readouterr().err == (
        "Error: the disk is full, so not all could be written. Free some space.\n"
    )
