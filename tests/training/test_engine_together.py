"""One network trained by one process or by two: the same steps, the same curve."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.spec.network import BatchNorm, Classes, Conv, GlobalPool, Network
from bakeoff.training import checkpoint
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.engine import Job
from bakeoff.training.team import Team
from tests.training.jobs import DEVICE, END, end, job, stage, stopped_after
from tests.training.test_team import together

_NORMED = Network(
    rows=(
        Conv(width=8, bias=False),
        BatchNorm(activation="relu"),
        Conv(width=8, bias=False),
        BatchNorm(scale=False, activation="relu"),
        GlobalPool(),
        Classes(),
    )
)
STEPS = 5
"""Steps before a stop: within the second of three epochs."""


def made(team: Team, *, joint: bool = True) -> Job:
    """Nine steps of sixteen pictures, whoever shares them; with state of all kinds."""
    only = stage(epochs=3, average=0.5, lookahead=2)
    return job(only, network=_NORMED, team=team, device=replace(DEVICE, joint_norms=joint))


def told(found: END) -> dict[str, Any]:
    """What can be printed: the curve, and all weights as a digest and as numbers."""
    weights = torch.cat([held.flatten().double() for held in found[0].values()])
    digest = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    return {"curve": found[2], "digest": digest, "weights": weights.tolist()}


def stopped(team: Team, folder: Path) -> LoopState | None:
    """The state after some steps; each process writes for itself."""
    own = folder / str(team.rank)
    return stopped_after(STEPS, made(team), own, pytest.MonkeyPatch(), None)


def two(team: Team, folder: Path) -> dict[str, Any]:
    """All that two processes do here."""
    whole = end(made(team))
    apart = end(made(team, joint=False))
    # What the others wrote themselves is not asked for.
    state = stopped(team, folder / "two") if team.leads else stopped(team, folder / "other")
    again = end(made(team), checkpoint.handed(state if team.leads else None, team))
    one = checkpoint.load_newest(folder / "one" / "0") if team.leads else None
    onward = end(made(team), checkpoint.handed(one.state if one else None, team))
    assert checkpoint.handed(None, team) is None
    names = {"whole": whole, "apart": apart, "again": again, "onward": onward}
    return {name: told(found) for name, found in names.items()}


CODE = """
import json, pathlib
from tests.training.test_engine_together import two
print(json.dumps(two(t, pathlib.Path({folder!r}))))
"""


def near(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two trainings are equal but for rounding; curves from the end, as one that went on
    has not seen the beginning."""
    shown = min(len(one["curve"]), len(other["curve"]))
    return all(
        np.allclose(first, second, rtol=0, atol=1e-4)
        for first, second in (
            (one["curve"][-shown:], other["curve"][-shown:]),
            (one["weights"], other["weights"]),
        )
    )


def test_one_process_or_two(tmp_path: Path) -> None:
    """With batch norms over all processes the curve is that of one process; without, another.
    Stopped within an epoch, two go on as if they had not stopped, bit by bit; one goes on where
    two stopped, and two where one did."""
    alone = end(made(Team()))
    stopped(Team(), tmp_path / "one")
    said = [json.loads(text) for text in together(tmp_path, CODE.format(folder=str(tmp_path)))]
    leader, other = said
    assert leader["whole"] == other["whole"]
    assert near(leader["whole"], told(alone))
    assert not near(leader["apart"], told(alone))
    whole, again = leader["whole"], leader["again"]
    assert (again["digest"], again["curve"]) == (whole["digest"], whole["curve"][-2:])
    assert near(leader["onward"], told(alone))
    found = checkpoint.load_newest(tmp_path / "two" / "0")
    assert found is not None
    assert near(told(end(made(Team()), found.state)), told(alone))
