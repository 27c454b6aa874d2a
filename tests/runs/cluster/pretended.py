"""A cluster that is this process: what Ray is asked for is done here, when it is waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

__all__ = ["LostError", "Pretended", "node"]


class _RayError(Exception):
    """What Ray raises for what goes wrong with itself."""


class _RayTaskError(_RayError):
    """What Ray raises for what a task raised."""


class LostError(_RayError):
    """Its process or its node is gone."""


class _CancelledError(_RayError):
    """It was taken back."""


class _TooLateError(_RayError):
    """There was no answer in time."""


def node(name: str = "10.0.0.1", **resources: float) -> dict[str, Any]:
    """A node, as Ray describes it."""
    return {
        "Alive": True,
        "NodeID": name,
        "NodeManagerAddress": name,
        "Resources": {"CPU": 1.0, **resources},
    }


@dataclass(eq=False)
class _Task:
    work: Callable[..., Any]
    options: dict[str, Any]
    arguments: Sequence[Any]
    result: Any = None
    error: Exception | None = None
    done: bool = False

    def do(self) -> None:
        """The work, once."""
        if self.done:
            return
        self.done = True
        try:
            self.result = self.work(*self.arguments)
        except Exception as error:
            self.error = error


class Pretended:
    """In the place of the module `ray`."""

    exceptions = SimpleNamespace(
        RayError=_RayError,
        RayTaskError=_RayTaskError,
        TaskCancelledError=_CancelledError,
        GetTimeoutError=_TooLateError,
    )
    util = SimpleNamespace(
        scheduling_strategies=SimpleNamespace(
            NodeAffinitySchedulingStrategy=lambda name, soft: name
        )
    )

    def __init__(self, *nodes: dict[str, Any]) -> None:
        self._nodes = nodes or (node(),)
        self.sent: list[_Task] = []
        self.fails: list[Exception] = []
        """What the next tasks end with."""

    def nodes(self) -> list[dict[str, Any]]:
        return list(self._nodes)

    def put(self, value: Any) -> Any:
        return value

    def remote(self, work: Callable[..., Any]) -> Any:
        def options(**given: Any) -> Any:
            def send(*arguments: Any) -> _Task:
                self.sent.append(_Task(work, given, arguments))
                return self.sent[-1]

            return SimpleNamespace(remote=send)

        return SimpleNamespace(options=options)

    def get(self, task: _Task, timeout: float | None = None) -> Any:
        if not task.done and self.fails:
            raise self.fails.pop(0)
        task.do()
        if task.error is not None:
            raise task.error
        return task.result

    def wait(self, tasks: list[_Task], timeout: float) -> tuple[list[_Task], list[_Task]]:
        if not self.fails:
            tasks[0].do()
        return tasks[:1], tasks[1:]

    def cancel(self, task: _Task) -> None:
        task.done, task.error = True, _CancelledError()
