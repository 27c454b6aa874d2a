"""One stage at work: what it moves, what it moves it by, and one step after another."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.data.batches import Batch
from bakeoff.models.classifier import Classifier
from bakeoff.models.freezing import parameter_groups, trainable
from bakeoff.models.layers import Whitening
from bakeoff.spec.training import Stage
from bakeoff.training.averaging import Average, Lookahead
from bakeoff.training.device import Device
from bakeoff.training.loss import cross_entropy
from bakeoff.training.material import Source
from bakeoff.training.norms import Joint
from bakeoff.training.optimisers import updater
from bakeoff.training.team import Team

__all__ = ["Leg", "is_out_of_memory", "put_state"]


class Leg:
    """The state of one stage, and the steps that change it.

    It knows nothing of time, of validation or of where checkpoints go.
    """

    def __init__(
        self,
        classifier: Classifier,
        stage: Stage,
        source: Source,
        *,
        device: Device,
        team: Team,
        on_features: bool,
        piece: int | None = None,
        weights: Tensor | None = None,
    ) -> None:
        trainable(classifier, stage.train)
        self.classifier = classifier
        self.stage = stage
        self.source = source
        self.done = 0
        """Steps done in this stage."""
        self.micro = stage.batch if on_features or piece is None else min(stage.batch, piece)
        """Pictures that go through the network at once; their gradients add up to the step's."""
        self.moving = _moving(classifier, on_features=on_features)
        """Names of the weights and buffers that this stage may change."""
        self._device = device
        self._team = team
        self._joint = device.joint_norms and team.world > 1
        if self._joint:
            # In as many pieces everywhere: there is a word with the others at each norm.
            self.micro = team.tell(self.micro)
        self._weights = weights
        self._resting = _resting(classifier)
        self._network: nn.Module = classifier.head if on_features else classifier
        groups = parameter_groups(classifier, stage.layer_decay)
        factors = {name: group.factor for group in groups for name in group.parameters}
        self.updater = updater(classifier, stage.optimiser, factors=factors, dtype=device.dtype)
        self.average = None if stage.average is None else Average(classifier, stage.average)
        self.lookahead = None if stage.lookahead is None else Lookahead(classifier, stage.lookahead)
        self._epoch: Generator[Batch, None, None] | None = None
        self._lost = torch.zeros((), device=device.place)
        self._seen = 0

    def forward(self, images: Tensor) -> Tensor:
        """Scores of a batch of what this stage is fed with: in training, at the stage's size."""
        smaller = (self.stage.size,) if self.stage.size and self._network.training else ()
        norms = Joint(self._team) if self._joint else nullcontext()
        with self._device.autocast(), norms:
            scores: Tensor = self._network(images, *smaller)
        return scores

    def reach(self, place: float) -> None:
        """From here on move only what still moves at this share of all training."""
        for parameter, until in self._resting:
            parameter.requires_grad_(place < until)

    def step(self, factor: float) -> tuple[Tensor, int]:
        """One step at `factor` times the peak rates: the summed loss of this process's pictures,
        left on the device, and the number of all pictures."""
        batch = self._next()
        self._network.train()
        self.updater.clear()
        loss = self._gradients(batch)
        self._team.sum_gradients(self.classifier.parameters())
        if self.stage.clip is not None:
            self.updater.clip(self.stage.clip)
        self.updater.step(factor)
        if self.lookahead is not None:
            self.lookahead.update()
        if self.average is not None:
            self.average.update()
        self.done += 1
        self._lost += loss
        self._seen += batch.total
        return loss, batch.total

    def take_loss(self) -> float:
        """The mean loss since this was last asked for, over the pictures of all processes."""
        mean = float(self._team.sum(self._lost)) / max(1, self._seen)
        self._lost.zero_()
        self._seen = 0
        return mean

    @property
    def is_finite(self) -> bool:
        """Whether the weights are numbers: a last step can break them behind a finite loss."""
        own = self.classifier.state_dict()
        held = [own[name] for name in self.moving if own[name].is_floating_point()]
        return bool(torch.stack([tensor.isfinite().all() for tensor in held]).all())

    def _next(self) -> Batch:
        number, start = divmod(self.done, self.source.steps_per_epoch)
        if start == 0 or self._epoch is None:
            self.close()
            self._epoch = self.source.epoch(number, start)
        return next(self._epoch)

    def _gradients(self, batch: Batch) -> Tensor:
        """Gradients of the mean loss of the whole step, in as many pieces as memory allows."""
        total = torch.zeros((), device=batch.images.device)
        pieces = self._pieces(batch)
        split = (batch.images.tensor_split(pieces), batch.targets.tensor_split(pieces))
        for images, targets in zip(*split, strict=True):
            loss = cross_entropy(
                self.forward(images),
                targets,
                smoothing=self.stage.label_smoothing,
                weights=self._weights,
                total=batch.total,
            )
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach() * batch.total
        return total

    def _pieces(self, batch: Batch) -> int:
        # A norm over all sees them all; as many pieces as the largest share takes, everywhere.
        count = -(-batch.total // self._team.world) if self._joint else len(batch.images)
        # Never a picture alone: a batch norm has nothing to compare it with.
        return max(1, min(-(-count // self.micro), count // 2))

    def shrink(self) -> bool:
        """Halve the pieces after memory ran out; False where they cannot be smaller."""
        if self.micro <= 2:
            return False
        self.micro = (self.micro + 1) // 2
        self.updater.clear()
        # The batch that failed is drawn again: what an epoch holds is a function of its number.
        self.close()
        return True

    def close(self) -> None:
        """Let go of whoever reads ahead."""
        if self._epoch is not None:
            self._epoch.close()
            self._epoch = None

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All tensors that the next step depends on, by kind."""
        found = {
            "weights": _state(self.classifier),
            "optimiser": self.updater.tensors(),
            "loss": {"sum": self._team.everyones(self._lost)},
        }
        if self.average is not None:
            found["average"] = self.average.tensors()
        if self.lookahead is not None:
            found["slow"] = self.lookahead.tensors()
        return found

    def scalars(self) -> dict[str, Any]:
        """All the rest that the next step depends on."""
        return {
            "done": self.done,
            "micro": self.micro,
            "seen": self._seen,
            "averaged": 0 if self.average is None else self.average.updates,
            "looked": 0 if self.lookahead is None else self.lookahead.steps,
        }

    def load(self, tensors: Mapping[str, Mapping[str, Tensor]], scalars: Mapping[str, Any]) -> None:
        """Go on where these were taken."""
        self.close()
        assert tensors["weights"].keys() == self.classifier.state_dict().keys()
        put_state(self.classifier, tensors["weights"])
        self.updater.load(tensors["optimiser"])
        if self.average is not None:
            self.average.load(tensors["average"], scalars["averaged"])
        if self.lookahead is not None:
            self.lookahead.load(tensors["slow"], scalars["looked"])
        self._lost.copy_(self._own(tensors["loss"]["sum"]))
        self.done, self.micro, self._seen = (scalars[name] for name in ("done", "micro", "seen"))

    def _own(self, sums: Tensor) -> Tensor:
        """This process's part of a loss that a team, maybe of another size, had added up."""
        if len(sums) == self._team.world:
            return sums[self._team.rank]
        return sums.sum() if self._team.leads else torch.zeros(())


def _resting(network: nn.Module) -> list[tuple[nn.Parameter, float]]:
    """Parameters that come to rest before the end, and at what share of training."""
    found = [module for module in network.modules() if isinstance(module, Whitening)]
    return [(layer.bias, layer.learns) for layer in found if layer.learns < 1]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch says that there is no room for a tensor; on the CPU it has no class for it."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def put_state(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy values into the network's own tensors, which others hold on to."""
    own = network.state_dict()
    for name, tensor in tensors.items():
        own[name].copy_(tensor)


def _moving(classifier: Classifier, *, on_features: bool) -> frozenset[str]:
    frozen = {name for name, held in classifier.named_parameters() if not held.requires_grad}
    return frozenset(
        name
        for name in classifier.state_dict()
        if name not in frozen and (name.startswith("head.") or not on_features)
    )
