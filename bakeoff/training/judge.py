"""Looks at validation, and says which weights are kept and when it is time to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bakeoff.spec.training import Constant, Plateau
from bakeoff.training.events import Evaluated
from bakeoff.training.leg import Leg, put_state
from bakeoff.training.material import Source
from bakeoff.training.schedules import Patience
from bakeoff.training.team import Team

__all__ = ["Judge"]


class Judge:
    """The memory of one stage's evaluations.

    Where the rate comes down to its end, the last weights are kept: to take the best epoch there
    would be to choose by the noise of validation. Elsewhere (a constant rate, a plateau, early
    stopping) those of the best epoch are.
    """

    def __init__(
        self,
        leg: Leg,
        number: int,
        val: Source,
        labels: npt.NDArray[np.int64],
        *,
        team: Team,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.leg, self.number, self.val, self.labels = leg, number, val, labels
        self._team, self._now = team, now
        schedule = leg.stage.schedule
        self._keeps_best = leg.stage.patience is not None or isinstance(
            schedule, Constant | Plateau
        )
        self._best: tuple[float, float] | None = None
        self._kept: dict[str, Tensor] = {}
        self._shown: npt.NDArray[np.float32] | None = None
        self._stopping, self._plateau = Patience(), Patience()

    @property
    def has_enough(self) -> bool:
        """Whether patience ran out."""
        return self._stopping.cuts > 0

    @property
    def factor(self) -> float:
        """What plateaus so far multiply the rate by."""
        return self._plateau.factor(self.leg.stage.schedule)

    def look(self) -> Evaluated:
        """Evaluate the present weights, or their average where there is one."""
        began = self._now()
        if self.leg.average is None:
            probabilities = self._probabilities()
        else:
            with self.leg.average.in_place():
                probabilities = self._probabilities()
        chosen = probabilities[np.arange(len(self.labels)), self.labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        accuracy = float((probabilities.argmax(1) == self.labels).mean())
        # Each process has batch-norm statistics of its own: the leader's are kept, and decide.
        loss, accuracy, merit = self._team.tell([loss, accuracy, self._merit(probabilities)])
        best = self._keep(merit, loss)
        if best:
            self._shown = probabilities
        return Evaluated(
            stage=self.number,
            step=self.leg.done,
            epoch=self.leg.done / self.leg.source.steps_per_epoch,
            train_loss=self.leg.take_loss(),
            loss=loss,
            accuracy=accuracy,
            probabilities=probabilities,
            best=best,
            seconds=self._now() - began,
        )

    def _merit(self, probabilities: npt.NDArray[np.float32]) -> float:
        """What epochs are chosen by: accuracy, or where classes are to count the same, its mean
        over them."""
        right = probabilities.argmax(1) == self.labels
        if self.leg.stage.balance == "none":
            return float(right.mean())
        return float(np.mean([right[self.labels == label].mean() for label in set(self.labels)]))

    @torch.inference_mode()
    def _probabilities(self) -> npt.NDArray[np.float32]:
        self.leg.classifier.eval()
        found = [
            torch.softmax(self.leg.forward(batch.images).float(), dim=1)
            for batch in self.val.epoch(0)
        ]
        shares: npt.NDArray[np.float32] = torch.cat(found).cpu().numpy()
        return shares

    def _keep(self, merit: float, loss: float) -> bool:
        stage = self.leg.stage
        if stage.patience is not None:
            self._stopping = self._stopping.seen(loss, stage.patience)
        if isinstance(stage.schedule, Plateau):
            self._plateau = self._plateau.seen(loss, stage.schedule.patience)
        if not self._keeps_best:
            return True
        if self._best is not None and (merit, -loss) <= self._best:
            return False
        self._best = (merit, -loss)
        self._kept = {name: tensor.clone() for name, tensor in self._averaged().items()}
        return True

    def settle(self) -> None:
        """Give the classifier the weights that are kept."""
        put_state(self.leg.classifier, self._kept or self._averaged())

    def verdict(self) -> npt.NDArray[np.float32]:
        """Probabilities by the weights that are kept, once they are settled."""
        # A run that was resumed has not seen them, if the best epoch lies before.
        return self._probabilities() if self._shown is None else self._shown

    def _averaged(self) -> dict[str, Tensor]:
        live = self.leg.tensors()["weights"]
        average = {} if self.leg.average is None else self.leg.average.tensors()
        return {name: average.get(name, live[name]) for name in self.leg.moving}

    def tensors(self) -> dict[str, Tensor]:
        """The weights that are kept so far, by name."""
        return dict(self._kept)

    def scalars(self) -> dict[str, Any]:
        """All the rest that is remembered."""
        return {
            "best": self._best,
            "stopping": _told(self._stopping),
            "plateau": _told(self._plateau),
        }

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Go on where these were taken."""
        self._kept, self._shown = dict(tensors), None
        best = scalars["best"]
        self._best = None if best is None else (best[0], best[1])
        self._stopping = _patience(scalars["stopping"])
        self._plateau = _patience(scalars["plateau"])


def _told(patience: Patience) -> list[float | int | None]:
    return [patience.best, patience.waited, patience.cuts]


def _patience(told: Sequence[Any]) -> Patience:
    best, waited, cuts = told
    return Patience(best=best, waited=waited, cuts=cuts)
