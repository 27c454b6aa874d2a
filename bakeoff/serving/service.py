"""One worker's service: what its parts are, and how they are put together and taken apart."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from bakeoff.champion.champion import Champion
from bakeoff.data.decode import Limits
from bakeoff.serving.admission import Admission
from bakeoff.serving.answering import Answerer
from bakeoff.serving.live import Live, Mode, Served
from bakeoff.serving.memory import give_back
from bakeoff.serving.metrics import Metrics
from bakeoff.serving.pool import Pool
from bakeoff.serving.recording import Recording
from bakeoff.serving.settings import Settings
from bakeoff.serving.together import Together
from bakeoff.serving.tuning import Plan, is_quick, planned

__all__ = ["Service", "opened"]


@dataclass(kw_only=True, eq=False, slots=True)
class Service:
    """Everything that answers a request, or tells how that goes."""

    settings: Settings
    plan: Plan
    live: Live
    admission: Admission
    pool: Pool
    answerer: Answerer
    recording: Recording
    started: float
    draining: bool = False
    """Whether it is about to end: answered still, but not ready any more."""

    @property
    def model(self) -> str:
        """What the inference protocol calls what answers."""
        return self.settings.name or self.live.current.champion.name

    async def prepare(self, path: str, source: str, version: int, mode: Mode, share: float) -> None:
        """Open, verify and warm a champion beside the one that answers."""
        served = await asyncio.to_thread(self._opened, path, source, version)
        self.live.prepare(served, mode=mode, share=share)

    def commit(self) -> None:
        """Let it answer."""
        self.live.commit()
        self.recording.deployed(self.live)

    def _opened(self, path: str, source: str, version: int) -> Served:
        # The lanes are there already; only what computes in them is new.
        champion, plan = planned(
            Path(path),
            engine=self.settings.engine,
            lanes=self.plan.lanes,
            workers=self.plan.workers,
            batch=self.plan.batch,
            device=self.settings.device,
        )
        return _served(champion, plan, source, version, self.recording.metrics)

    async def end(self) -> None:
        """Nothing comes in any more: finish what is there."""
        await self.answerer.settle()
        await asyncio.to_thread(self.pool.close)
        await asyncio.to_thread(self.recording.close)


def opened(settings: Settings, path: str, source: str, version: int, metrics: Metrics) -> Service:
    """A service that is ready to answer for the champion at `path`, a copy of the one at
    `source`."""
    champion, plan = planned(
        Path(path),
        engine=settings.engine,
        lanes=settings.lanes,
        workers=settings.processes,
        batch=settings.batch,
        device=settings.device,
    )
    live = Live(_served(champion, plan, source, version, metrics))
    admission = Admission(
        lanes=plan.lanes,
        pictures=settings.queue,
        size=settings.queue_bytes,
        patience=settings.patience,
    )
    pool = Pool(admission)
    recording = Recording(settings, live, admission, metrics)
    answerer = Answerer(
        live=live,
        admission=admission,
        pool=pool,
        limits=Limits(pixels=settings.pixels),
        told=recording.answered,
        compared=recording.compared,
    )
    return Service(
        settings=settings,
        plan=plan,
        live=live,
        admission=admission,
        pool=pool,
        answerer=answerer,
        recording=recording,
        started=time.time(),
    )


def _served(champion: Champion, plan: Plan, source: str, version: int, metrics: Metrics) -> Served:
    together = None
    if plan.batch > 1:
        together = champion.by(Together(champion.engine, plan.batch, metrics.batch.observe))
    quick = is_quick(champion, plan)
    found = Served(
        champion=champion, path=source, version=version, together=together, is_quick=quick
    )
    give_back()
    return found
