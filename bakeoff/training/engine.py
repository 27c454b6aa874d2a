"""The engine: stages in sequence, as a generator of what happens.

It knows no paths, prints nothing and never sees a test part. Between two events it only works;
at each event everything is settled, so whoever listens may write, print or stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch

from bakeoff.spec.errors import TrainingError
from bakeoff.spec.training import Stage
from bakeoff.training import chance
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.events import Checkpointed, Evaluated, Event, Finished, Noted, Stepped
from bakeoff.training.feeding import Job, fed
from bakeoff.training.judge import Judge
from bakeoff.training.leg import Leg, is_out_of_memory
from bakeoff.training.pace import Pace
from bakeoff.training.schedules import factor

__all__ = ["Job", "train"]

_BETWEEN = 0.5
"""Seconds of work between two events, about: rare enough to cost nothing, often enough to stop."""

_RETRIES = 3


def train(
    job: Job, state: LoopState | None = None, *, stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Train, from the beginning or from where `state` was taken.

    `stop` is asked between pieces of work; once it says yes, a last checkpoint is yielded and the
    generator ends. Otherwise it ends with `Finished`.
    """
    assert job.stages, "nothing to train"
    life = _Life(job, state)
    begin = 0 if state is None else int(state.scalars["stage"])
    before = 0 if state is None else int(state.scalars["before"])
    if state is None:
        # Each process has other pictures, so it needs other dropouts too.
        chance.seed(job.seed + 1_000_003 * job.team.rank)
    for number in range(begin, len(job.stages)):
        # Here, too: features for the next stage may take long, and there is a checkpoint.
        if number > begin and job.team.any(stop()):
            return
        stage = _StageRun(job, number, before, life)
        if state is not None:
            stage.load(state)
            state = None
        yield from stage.events(stop)
        if stage.stopped:
            return
        before += stage.leg.done
    yield Finished(
        probabilities=stage.judge.verdict(),
        steps=before,
        losses=tuple(life.losses),
        seconds=life.used(),
    )


class _Life:
    """What is remembered over all stages, and over all lives of a run."""

    def __init__(self, job: Job, state: LoopState | None) -> None:
        self.losses: list[float] = [] if state is None else list(state.scalars["losses"])
        self._now = job.now
        self._began = job.now() - (0.0 if state is None else state.scalars["used"])

    def used(self) -> float:
        """Seconds of training so far, with all that comes between."""
        return self._now() - self._began


class _StageRun:
    """One stage, from its first step to the weights it leaves behind."""

    def __init__(self, job: Job, number: int, before: int, life: _Life) -> None:
        self.job, self.number, self.before, self.life = job, number, before, life
        self.stage = job.stages[number]
        # One process's batch-norm statistics are the ones that are kept, so they go on from there.
        job.team.share(job.classifier.state_dict().values())
        self.food = fed(job, number)
        self.leg = Leg(
            job.classifier,
            self.stage,
            self.food.train,
            device=job.device,
            team=job.team,
            on_features=self.food.on_features,
            piece=job.piece,
            weights=self.food.weights,
        )
        labels = job.material.labels[job.material.val]
        self.judge = Judge(self.leg, number, self.food.val, labels, team=job.team, now=job.now)
        epoch = self.food.train.steps_per_epoch
        self.pace = Pace(
            steps=max(1, round(self.stage.epochs * epoch)),
            epoch=epoch,
            ends=self._ends(),
            used=life.used,
            look=len(labels) / self.stage.batch / 3 / _area(job, self.stage),
            # On features more epochs cost nothing, so time is no measure of how many are good.
            capped=self.food.on_features,
            looks_after=job.looks_after if number + 1 == len(job.stages) else 0.0,
        )
        self.halvings = 0
        self.stopped = False

    def _ends(self) -> float | None:
        """When the stage should, for time to be shared as the declared epochs are."""
        if self.job.seconds is None:
            return None
        rest = sum(_effort(self.job, stage) for stage in self.job.stages[self.number :])
        left = max(0.0, self.job.seconds - self.life.used())
        return self.life.used() + left * _effort(self.job, self.stage) / rest

    def events(self, stop: Callable[[], bool]) -> Iterator[Event]:
        """Work until the stage is over, or until `stop` says so."""
        for reason in self.food.reasons:
            yield Noted(text=reason)
        # To be gone back to is only what an unbroken run would go back to: ends of epochs.
        last, saved = self.state(), self.job.now()
        if self.leg.done == 0:
            yield Checkpointed(state=last)
        try:
            while self.pace.place < 1:
                done = self._work()
                if isinstance(done, Noted):
                    yield done
                    continue
                ended = self.pace.place >= 1 or self.leg.done % self.pace.epoch == 0
                asked = self.job.team.any(stop()) and self.pace.place < 1
                due = self.job.team.tell(self.job.now() - saved >= self.job.save_every)
                fault = self._fault(done.loss, keeping=ended or asked or due)
                look = self.judge.look() if ended and fault is None else None
                if look is not None and not math.isfinite(look.loss):
                    fault = look.loss
                if fault is not None:
                    yield self._go_back(last, fault)
                    continue
                yield done
                if look is not None:
                    self._seen(look)
                    yield look
                    last = self.state()
                if ended or asked or due:
                    saved = self.job.now()
                    yield Checkpointed(state=last if ended else self.state())
                if asked and self.pace.place < 1:
                    self.stopped = True
                    return
        finally:
            self.leg.close()
        self.judge.settle()

    def _seen(self, look: Evaluated) -> None:
        self.pace.looked(look.seconds)
        self.life.losses.append(look.train_loss)
        if self.judge.has_enough:
            self.pace.place = 1.0

    def _work(self) -> Stepped | Noted:
        """Some steps, not beyond an epoch."""
        wanted = max(1, int(_BETWEEN / self.pace.per_step)) if self.pace.per_step else 1
        length = self.pace.length(wanted, self.leg.done)
        # What depends on clocks is the leader's to say.
        length, share = self.job.team.tell([length, self.pace.share(length)])
        total = torch.zeros((), device=self.job.device.place)
        pictures, rate, steps = 0, 0.0, 0
        began = self.job.now()
        while steps < length and not (steps and self._drags(self.job.now() - began)):
            rate = self._rate(share)
            self.leg.reach(self._reached())
            try:
                loss, count = self.leg.step(rate)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                # In a team the others would wait for gradients that never come.
                if self.job.team.world > 1 or not self.leg.shrink():
                    raise self._too_large() from error
                return self._shrunk()
            total += loss
            pictures += count
            steps += 1
            self.pace.move(share, self.leg.done)
        # The one look at the device's results; until here nothing waited for it.
        mean = float(self.job.team.sum(total)) / pictures
        seconds = self.job.now() - began
        self.pace.worked(seconds, steps)
        return Stepped(
            stage=self.number,
            step=self.leg.done,
            epoch=self.leg.done / self.pace.epoch,
            place=self.pace.place,
            loss=mean,
            rate=rate,
            pictures=pictures,
            seconds=seconds,
            memory=self.job.device.peak_memory(),
        )

    def _drags(self, seconds: float) -> bool:
        """Whether the steps take so long that their number was a bad guess, as where others want
        the machine too. A team's processes must all do the same, so they go through with it."""
        return self.job.team.world == 1 and seconds > 2 * _BETWEEN

    def _rate(self, share: float) -> float:
        middle = min(1.0, self.pace.place + share / 2)
        return factor(self.stage.schedule, middle) * self.judge.factor * 0.5**self.halvings

    def _reached(self) -> float:
        """The share of all training that lies behind, by the declared epochs."""
        epochs = [stage.epochs for stage in self.job.stages]
        return (sum(epochs[: self.number]) + self.pace.place * self.stage.epochs) / sum(epochs)

    def _fault(self, loss: float, *, keeping: bool) -> float | None:
        """What shows that training broke; where the state is to be kept the weights are looked at
        too, which the last step may have broken behind a good loss."""
        if not math.isfinite(loss):
            return loss
        broken = keeping and self.job.team.any(not self.leg.is_finite)
        return math.nan if broken else None

    def _shrunk(self) -> Noted:
        text = (
            f"Memory ran out, so batches of {self.stage.batch} now go through the network in "
            f"pieces of {self.leg.micro}; their gradients add up to the same step."
        )
        return Noted(text=text, exact=False)

    def _too_large(self) -> TrainingError:
        return TrainingError(
            "Stage.batch",
            f"is too large for the memory of {self.job.device.place}",
            self.stage.batch,
            "Take a smaller batch, smaller pictures (--size) or a smaller network.",
        )

    def _go_back(self, last: LoopState, loss: float) -> Noted:
        halvings = self.halvings + 1
        if halvings > _RETRIES:
            raise TrainingError(
                f"stage {self.number + 1}",
                f"diverged: its loss is {loss}, also at an {2**_RETRIES}th of the rate",
                suggestion="Lower the rate, clip the gradient (Stage.clip), or train in fp32.",
            )
        self.load(last)
        self.halvings = halvings
        step = self.before + self.leg.done
        return Noted(
            text=f"The loss became {loss}; back to step {step} at half the rate "
            f"(try {halvings} of {_RETRIES}).",
            # A run that was stopped within an epoch has no other place to go back to.
            exact=self.leg.done % self.pace.epoch == 0,
        )

    def state(self) -> LoopState:
        """Everything the next step depends on; copied, but for weights that stay as they are."""
        random, generators = chance.capture()
        tensors = {
            **self.leg.tensors(),
            "random": chance.gathered(random, self.job.team),
            "kept": self.judge.tensors(),
        }
        return LoopState(
            step=self.before + self.leg.done,
            tensors={
                kind: {
                    name: tensor.clone() if kind != "weights" or name in self.leg.moving else tensor
                    for name, tensor in held.items()
                }
                for kind, held in tensors.items()
            },
            scalars={
                "stage": self.number,
                "before": self.before,
                "leg": self.leg.scalars(),
                "judge": self.judge.scalars(),
                "pace": self.pace.scalars(),
                "halvings": self.halvings,
                "losses": list(self.life.losses),
                "used": self.life.used(),
                "generators": generators,
            },
        )

    def load(self, state: LoopState) -> None:
        """Go on where `state` was taken."""
        scalars = state.scalars
        self.leg.load(state.tensors, scalars["leg"])
        self.judge.load(state.tensors["kept"], scalars["judge"])
        self.pace.load(scalars["pace"])
        self.halvings = scalars["halvings"]
        random = chance.own(state.tensors["random"], self.job.team)
        chance.restore(random, scalars["generators"])


def _area(job: Job, stage: Stage) -> float:
    """What share of the pixels of a full picture the stage's pictures have."""
    return 1.0 if stage.size is None else (stage.size / job.classifier.size) ** 2


def _effort(job: Job, stage: Stage) -> float:
    """About how long a stage takes, beside the others."""
    return stage.epochs * _area(job, stage)
