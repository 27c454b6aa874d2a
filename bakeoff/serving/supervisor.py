"""The process that a person starts: it holds the socket, and keeps workers behind it.

It knows nothing of pictures and imports next to nothing, so that it does not die of what kills a
worker. A champion goes into service in two steps: every worker opens, verifies and warms it beside
the one that answers; only when all have, all of them switch.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.champion.fetching import here
from bakeoff.serving.artifacts import kept, tidied
from bakeoff.serving.choosing import newest
from bakeoff.serving.control import Message, service_folder
from bakeoff.serving.live import Mode
from bakeoff.serving.settings import Settings
from bakeoff.serving.workers import Say, Worker, Workers
from bakeoff.spec.errors import UserError

__all__ = ["Supervisor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deployed:
    """A champion that was given to the service."""

    copy: Path
    source: str
    version: int
    mode: Mode = "swap"
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What every worker serves."""

    current: _Deployed
    previous: _Deployed | None = None
    trial: _Deployed | None = None

    def copies(self) -> set[Path]:
        """Those that are needed."""
        return {one.copy for one in (self.current, self.previous, self.trial) if one is not None}


class Supervisor:
    """Keeps a service running, and deploys champions to all of its workers or to none."""

    def __init__(self, settings: Settings, one: socket.socket, say: Say) -> None:
        self.port: int = one.getsockname()[1]
        self.folder = service_folder(self.port)
        self.settings = replace(settings, port=self.port)
        self._socket = one
        self._say = say
        self._changing = asyncio.Lock()
        """Held while workers start or champions change: neither must miss the other."""

        self._version = 0
        self._state = _State(current=self._copy(newest(settings.champion)))
        self._workers = Workers(
            settings.processes,
            one,
            start=self._start,
            say=say,
            folder=self.folder,
        )

    async def run(self) -> None:
        """Serve until a signal ends it. `UserError` where it cannot begin."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._again)
        self._tidy()
        server = await self._control()
        try:
            told = await self._workers.begin()
            self._say("ready", {"host": self.settings.host, "port": self.port, **told})
            await self._workers.ending.wait()
        finally:
            self._socket.close()
            await self._workers.end(self.settings.grace + self.settings.drain + 5)
            server.close()
            for name in ("control.sock", "service.json", "connections"):
                (self.folder / name).unlink(missing_ok=True)

    def _end(self) -> None:
        self._say("ending", {})
        if self._workers.ending.is_set():
            # Asked twice: at once.
            self._workers.kill()
        self._workers.ending.set()

    def _again(self) -> None:
        """The champion that is served is read again from where it came from."""
        self._workers.keep(self._deployed_again(self._state.current.source))

    async def _deployed_again(self, source: str) -> None:
        try:
            await self.deploy(source)
        except UserError as error:
            self._say("refused", {"level": "error", "champion": source, "error": str(error)})

    async def _start(self, worker: Worker) -> Message:
        """Let a new worker serve what the others do."""
        async with self._changing:
            current, trial = self._state.current, self._state.trial
            told = await worker.ask(
                "start",
                settings=self.settings.to_json(),
                path=str(current.copy),
                source=current.source,
                version=current.version,
                place=worker.number,
                counts=str(self._workers.counts),
            )
            # What the first one found holds for all: another, measuring beside those that work,
            # might find otherwise.
            self.settings = replace(
                self.settings,
                workers=told["workers"],
                lanes=told["lanes"],
                engine=told["engine"],
            )
            if trial is not None:
                await self._prepare(worker, trial)
                await worker.ask("commit")
            return told

    # Champions

    async def deploy(
        self, source: str, *, mode: Mode = "swap", share: float = 1.0
    ) -> dict[str, Any]:
        """Let another champion answer, or a share of requests try it; all workers or none."""
        async with self._changing:
            given = await asyncio.to_thread(self._copy, source, mode, share)
            told = await self._switched(given)
            state = self._state
            self._state = (
                _State(current=given, previous=state.current)
                if mode == "swap"
                else replace(state, trial=given)
            )
            return self._changed("deployed", told)

    async def roll_back(self) -> dict[str, Any]:
        """End a trial; or, where there is none, let the champion before answer again."""
        async with self._changing:
            state = self._state
            if state.trial is not None:
                told = await self._workers.tell("end_trial")
                self._state = replace(state, trial=None)
            elif state.previous is not None:
                told = await self._switched(state.previous)
                self._state = _State(current=state.previous, previous=state.current)
            else:
                raise UserError(
                    "--rollback",
                    "needs a champion that was deployed before, and there is none",
                    suggestion="Deploy the one you want by its path.",
                )
            return self._changed("rolled back", told)

    async def _switched(self, given: _Deployed) -> dict[str, Any]:
        """Every worker opens it; then, and only then, it answers in all of them."""
        try:
            await self._workers.everywhere(lambda worker: self._prepare(worker, given))
        except (UserError, ConnectionError) as error:
            await self._workers.tell("abort")
            self._tidy()
            if isinstance(error, UserError):
                raise
            raise UserError(
                f"the champion {given.source}",
                "was not deployed: a worker died while it was opened",
                suggestion="What was served before still is; look at the log.",
            ) from None
        return await self._workers.tell("commit")

    async def _prepare(self, worker: Worker, given: _Deployed) -> None:
        await worker.ask(
            "prepare",
            path=str(given.copy),
            source=given.source,
            version=given.version,
            mode=given.mode,
            share=given.share,
        )

    def _changed(self, event: str, told: dict[str, Any]) -> dict[str, Any]:
        self._tidy()
        self._say(event, told)
        return self._with_sources(told)

    def _with_sources(self, told: dict[str, Any]) -> dict[str, Any]:
        """With the paths, which are this machine's own business."""
        current, previous = self._state.current, self._state.previous
        before = None if previous is None else previous.source
        return {**told, "source": current.source, "previous": before}

    def _copy(self, source: str, mode: Mode = "swap", share: float = 1.0) -> _Deployed:
        self._version += 1
        return _Deployed(
            copy=kept(here(source), self.folder / "champions"),
            source=source,
            version=self._version,
            mode=mode,
            share=share,
        )

    def _tidy(self) -> None:
        tidied(self.folder / "champions", self._state.copies())

    # Those who ask from this machine

    async def _control(self) -> asyncio.AbstractServer:
        path = self.folder / "control.sock"
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._asked, path)
        finally:
            os.umask(before)
        facts = {"pid": os.getpid(), "port": self.port, "host": self.settings.host}
        (self.folder / "service.json").write_text(json.dumps(facts), encoding="utf-8")
        return server

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            told = await self._answer(json.loads(await reader.readline()))
        except UserError as error:
            told = {"error": [error.field, error.rule, error.suggestion]}
        except (ValueError, KeyError, TypeError):
            told = {"error": ["the message", "is not understood", ""]}
        with suppress(ConnectionError):
            writer.write(json.dumps(told).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, message: Message) -> Message:
        if message["do"] == "deploy":
            return await self.deploy(
                message["champion"], mode=message["mode"], share=message["share"]
            )
        if message["do"] == "rollback":
            return await self.roll_back()
        return self._with_sources(await self._workers.tell("facts"))
