"""Trackers by name."""

from __future__ import annotations

import re

import pytest

from bakeoff.runs.tracking.choice import tracker
from bakeoff.spec.errors import SpecError


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_by_name(name: str) -> None:
    """Each is called what users type."""
    pytest.importorskip(name)
    assert tracker(name).name == name


def test_a_misspelt_name() -> None:
    """The one that was meant is offered."""
    message = (
        "--track must be a tracker that is known, but is 'tensorbord'. Did you mean "
        "'tensorboard'? (Known: mlflow, tensorboard.)"
    )
    with pytest.raises(SpecError, match=re.escape(message)):
        tracker("tensorbord")
