"""How weights move: declared optimisers, made for the parameters of a network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bakeoff.spec.training import SGD, Adam, AdamW, Muon, Optimiser, RMSProp
from bakeoff.training.muon import MuonSteps

__all__ = ["Group", "Updater", "last_layer", "updater"]


class _Steps(Protocol):
    """What torch's optimisers and Muon have in common."""

    param_groups: list[dict[str, Any]]

    @property
    def state(self) -> MutableMapping[Tensor, Any]: ...

    @property
    def step(self) -> Callable[[], object]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Parameters that are moved alike."""

    kind: str
    """What moves them."""

    peak: float
    """Their rate where the schedule's factor is 1."""

    decay: float
    """Their weight decay."""

    names: tuple[str, ...]
    count: int
    """Single weights in it."""


class Updater:
    """Moves a network's trainable parameters, as one of the declared optimisers does.

    A schedule multiplies all peak rates by one factor.
    """

    def __init__(self, movers: Mapping[str, _Steps], names: Mapping[Tensor, str]) -> None:
        self._movers = dict(movers)
        self._names = dict(names)
        for _, group in self._all_groups():
            group["peak"] = group["lr"]

    @property
    def groups(self) -> tuple[Group, ...]:
        """What is moved how, to be printed."""
        return tuple(
            Group(
                kind=kind,
                peak=group["peak"],
                decay=group.get("weight_decay", 0.0),
                names=tuple(self._names[parameter] for parameter in group["params"]),
                count=sum(parameter.numel() for parameter in group["params"]),
            )
            for kind, group in self._all_groups()
        )

    def step(self, factor: float) -> None:
        """Move all parameters by their gradients, at `factor` times their peak rates."""
        for _, group in self._all_groups():
            group["lr"] = group["peak"] * factor
        for mover in self._movers.values():
            mover.step()

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self._names:
            parameter.grad = None

    def clip(self, largest: float) -> Tensor:
        """Shorten the gradient of all parameters together to the norm `largest`; its norm before.

        The norm stays on the device: to look at it is to wait.
        """
        return nn.utils.clip_grad_norm_(list(self._names), largest)

    def tensors(self) -> dict[str, Tensor]:
        """All that the next step depends on but for weights and gradients, by name."""
        found = {}
        for mover in self._movers.values():
            for parameter, held in mover.state.items():
                for kind, value in held.items():
                    assert isinstance(value, Tensor), (kind, type(value))
                    found[f"{kind}/{self._names[parameter]}"] = value.detach()
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on where an updater made for the same network and declaration was."""
        by_parameter: dict[str, dict[str, Tensor]] = {name: {} for name in self._names.values()}
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            assert name in by_parameter, f"{name!r} is not a parameter of this updater"
            by_parameter[name][kind] = value
        for mover in self._movers.values():
            mover.state.clear()
            for group in mover.param_groups:
                for parameter in group["params"]:
                    held = by_parameter[self._names[parameter]]
                    if held:
                        fused = bool(group.get("fused"))
                        mover.state[parameter] = {
                            kind: _laid_like(value, parameter, fused)
                            for kind, value in held.items()
                        }

    def _all_groups(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for kind, mover in self._movers.items():
            for group in mover.param_groups:
                yield kind, group


def updater(
    network: nn.Module,
    spec: Optimiser,
    *,
    factors: Mapping[str, float] | None = None,
    head: Collection[str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Updater:
    """What moves the parameters of `network` that require a gradient, as `spec` says.

    `factors` multiply the peak rates of the parameters they name. `head` names the parameters of
    the last layer, which Muon trains at a rate of its own; None: found. `dtype` is what Muon
    multiplies matrices in.
    """
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert trained, "nothing is trainable"
    factors = factors or {}
    names: dict[Tensor, str] = {p: name for name, p in trained.items()}
    if isinstance(spec, Muon):
        head = last_layer(network) if head is None else head
        return Updater(_muon(network, trained, spec, factors, head, dtype), names)
    exempt = _undecayed(network, trained)
    groups: dict[tuple[bool, float], list[Tensor]] = {}
    for name, parameter in trained.items():
        key = (name not in exempt, factors.get(name, 1.0))
        groups.setdefault(key, []).append(parameter)
    made = [
        {"params": p, "lr": spec.rate * factor, "weight_decay": spec.weight_decay if decayed else 0}
        for (decayed, factor), p in groups.items()
    ]
    return Updater({type(spec).__name__: _torch(made, spec)}, names)


def last_layer(network: nn.Module) -> frozenset[str]:
    """Names of the parameters of the last linear layer or convolution."""
    layers = [(n, m) for n, m in network.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    if not layers:
        return frozenset()
    name, layer = layers[-1]
    return frozenset(f"{name}.{part}".lstrip(".") for part, _ in layer.named_parameters())


def _torch(groups: list[dict[str, Any]], spec: SGD | Adam | AdamW | RMSProp) -> _Steps:
    places = {p.device.type for group in groups for p in group["params"]}
    # One pass over the weights, where there is such a kernel; else torch's choice.
    fused = True if places <= {"cpu", "cuda"} else None
    match spec:
        case SGD():
            return torch.optim.SGD(
                groups, lr=spec.rate, momentum=spec.momentum, nesterov=spec.nesterov, fused=fused
            )
        case Adam():
            return torch.optim.Adam(
                groups, lr=spec.rate, betas=spec.betas, eps=spec.epsilon, fused=fused
            )
        case AdamW():
            return torch.optim.AdamW(
                groups, lr=spec.rate, betas=spec.betas, eps=spec.epsilon, fused=fused
            )
        case RMSProp():
            return torch.optim.RMSprop(
                groups, lr=spec.rate, alpha=spec.decay, eps=spec.epsilon, momentum=spec.momentum
            )


def _muon(
    network: nn.Module,
    trained: Mapping[str, nn.Parameter],
    spec: Muon,
    factors: Mapping[str, float],
    head: Collection[str],
    dtype: torch.dtype,
) -> dict[str, _Steps]:
    """Muon on filters and matrices but the head's; `spec.other` on the rest."""
    vectors = _undecayed(network, trained)
    groups: dict[tuple[bool, float], list[Tensor]] = {}
    for name, parameter in trained.items():
        if name in head:
            key = (False, spec.head_rate)
        elif name in vectors or parameter.ndim not in (2, 4):
            key = (False, spec.other.rate)
        else:
            key = (True, spec.rate)
        groups.setdefault((key[0], key[1] * factors.get(name, 1.0)), []).append(parameter)
    filters = [{"params": p, "lr": rate} for (own, rate), p in groups.items() if own]
    decay = spec.other.weight_decay
    rest = [
        {"params": p, "lr": rate, "weight_decay": decay}
        for (own, rate), p in groups.items()
        if not own
    ]
    movers: dict[str, _Steps] = {}
    if filters:
        movers["Muon"] = MuonSteps(
            filters,
            momentum=spec.momentum,
            iterations=spec.iterations,
            coefficients=spec.coefficients,
            renormalise=spec.renormalise,
            dtype=dtype,
        )
    if rest:
        movers["SGD"] = _torch(rest, spec.other)
    return movers


def _undecayed(network: nn.Module, trained: Mapping[str, nn.Parameter]) -> set[str]:
    """Biases, normalisation and all else that is a vector, whatever its shape says; and what
    timm's networks themselves exempt, such as embeddings of places."""
    exempt = {
        name
        for name, parameter in trained.items()
        if parameter.numel() == max(parameter.shape, default=1)
    }
    for prefix, module in network.named_modules():
        own = getattr(module, "no_weight_decay", None)
        if callable(own):
            exempt |= {f"{prefix}.{name}".lstrip(".") for name in own()}
    return exempt


def _laid_like(value: Tensor, parameter: Tensor, fused: bool) -> Tensor:
    """A copy of `value` laid out as `parameter` is: equal steps, bit by bit, need equal strides."""
    if value.shape == parameter.shape and value.ndim:
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    # The count of steps, which only fused kernels want on the device.
    return value.to(parameter.device if fused else "cpu", copy=True)
