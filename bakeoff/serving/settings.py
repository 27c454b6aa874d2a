"""What a person says when starting a service."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Self

from bakeoff.spec.errors import SpecError, one_of

__all__ = ["ENGINES", "LOGS", "PAGES", "Settings"]

ENGINES = ("auto", "onnx", "openvino", "torch")
PAGES = ("own", "gradio", "none")
LOGS = ("text", "json")

_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything about a service but the champion's own facts."""

    champion: str | None
    """The path it was asked for; what is served now may be another, deployed since. None: the
    newest there is."""

    name: str | None = None
    """Under which the inference protocol knows what is served; None: the champion's own."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int | None = None
    """Processes; None: measured at the start."""

    lanes: int | None = None
    """Pictures that a worker computes at once; None: measured at the start."""

    batch: int | None = None
    """Pictures of several requests that are computed together; None: as the device likes it."""

    engine: str = "auto"
    device: str | None = None

    queue: int = 256
    """Pictures that may wait, at most, in each worker."""

    queue_bytes: int = 64 * _MILLION
    """Bytes of requests that may be held, read or waiting, at most, in each worker."""

    patience: float = 0.5
    """How long a request may wait while there is always somebody waiting, in times of what one
    takes. A burst may wait up to the deadline."""

    deadline: float = 10.0
    """Seconds after which an answer is of no use any more."""

    body: int = 10 * _MILLION
    pixels: int = 40 * _MILLION
    pictures: int = 64
    """In one request, at most."""

    patience_body: float = 10.0
    """Seconds in which a request has to have arrived."""

    connections: int = 1024
    """Open at once in each worker; more are refused before anything of them is read."""

    keys: str | None = None
    """File of hashed API keys; None: everybody may ask."""

    rate: float | None = None
    """Pictures a second for each key, on average."""

    cors: tuple[str, ...] = ()
    """Origins whose pages may ask; none by default."""

    journal: str | None = "auto"
    """URL or path of the database; "auto": SQLite in the service's folder; None: no journal."""

    keep_pictures: int | None = None
    """Bytes of pictures that are kept; None: none ever."""

    keep_days: float | None = 90.0
    """After how many days entries of the journal are deleted."""

    drain: float = 30.0
    """Seconds for requests that are under way when the service is asked to end."""

    grace: float = 1.0
    """Seconds between saying that it is not ready and taking no more connections."""

    ui: str = "own"
    log: str = "json"
    quiet: bool = False
    """Say nothing but what is wrong."""

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SpecError(_option(name), "must be above 0", value)
        if not 0 <= self.port <= 65_535:
            raise SpecError("--port", "must lie between 0 and 65535; 0 takes a free one", self.port)
        if self.name is not None and not _NAME.fullmatch(self.name):
            rule = "must be 1 to 63 letters, digits, dots, hyphens and underscores"
            raise SpecError("--name", rule, self.name)
        for name, known in (("engine", ENGINES), ("ui", PAGES), ("log", LOGS)):
            value = getattr(self, name)
            if value not in known:
                raise SpecError(
                    _option(name), "must be one of those there are", value, one_of(value, known)
                )
        if self.grace < 0:
            raise SpecError("--grace", "must not be below 0", self.grace)
        if self.ui == "gradio" and (self.keys is not None or (self.workers or 1) > 1):
            # Its page sends no key of ours, and its sessions live in one process.
            rule = "cannot be gradio together with --keys or with more than one of --workers"
            raise SpecError("--ui", rule, suggestion="Take --ui own, which can do both.")

    @property
    def processes(self) -> int | None:
        """How many workers there have to be; None: as many as answer most."""
        if self.workers is None and (self.ui == "gradio" or self.rate is not None):
            # Each would keep sessions, or count what a key asks, for itself.
            return 1
        return self.workers

    def to_json(self) -> str:
        """As workers are told."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` said."""
        found: dict[str, Any] = json.loads(text)
        return cls(**{**found, "cors": tuple(found["cors"])})


_NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")
"""What stands in a URL as it is."""

_POSITIVE = (
    "workers",
    "lanes",
    "batch",
    "queue",
    "queue_bytes",
    "patience",
    "deadline",
    "body",
    "pixels",
    "pictures",
    "patience_body",
    "connections",
    "rate",
    "keep_pictures",
    "keep_days",
    "drain",
)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
