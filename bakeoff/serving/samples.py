"""Pictures to try a champion on: its golden ones, which travel with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bakeoff.champion import archive, goldens
from bakeoff.serving.live import Served

__all__ = ["Sample", "Samples"]

_MOST = 12
_KINDS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A picture and the class it is of, where that is known."""

    content: bytes
    kind: str
    label: str | None
    tag: str


class Samples:
    """Those of the champion that answers, read once."""

    def __init__(self) -> None:
        self._digest = ""
        self._found: tuple[Sample, ...] = ()

    def of(self, served: Served) -> tuple[Sample, ...]:
        """Some of its goldens, of as many classes as there are. May read files."""
        champion = served.champion
        if champion.digest != self._digest:
            place = champion.path
            folder = place if place.is_dir() else archive.unpacked(place)[0]
            found = goldens.read(folder, champion.classes, str(place))
            self._found = tuple(_sample(one) for one in _spread(found))
            self._digest = champion.digest
        return self._found


def _spread(found: tuple[goldens.Golden, ...]) -> list[goldens.Golden]:
    """The first of each class, then the second, up to as many as are shown; by class."""
    seen: dict[str | None, int] = {}
    ranked = []
    for place, one in enumerate(found):
        seen[one.label] = seen.get(one.label, 0) + 1
        # What browsers do not show is no sample.
        if _kind(one.content) is not None:
            ranked.append((seen[one.label], place, one))
    chosen = sorted(ranked, key=lambda entry: entry[:2])[:_MOST]
    return [one for _, _, one in sorted(chosen, key=lambda entry: (entry[2].label or "", entry[1]))]


def _sample(golden: goldens.Golden) -> Sample:
    tag = f'"{hashlib.sha256(golden.content).hexdigest()[:16]}"'
    kind = _kind(golden.content)
    assert kind is not None
    return Sample(content=golden.content, kind=kind, label=golden.label, tag=tag)


def _kind(content: bytes) -> str | None:
    return next((kind for start, kind in _KINDS if content.startswith(start)), None)
