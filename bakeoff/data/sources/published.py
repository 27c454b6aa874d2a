"""CIFAR-10 and CIFAR-100 by name: found in the cache, else fetched from their publisher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bakeoff.data.cache import cache_folder
from bakeoff.data.listing import Listing
from bakeoff.data.progress import Progress, silent
from bakeoff.data.sources.archive import digest_of, unpack
from bakeoff.data.sources.cifar import locate_batches, read_batches
from bakeoff.data.sources.fetch import Published, fetch
from bakeoff.spec.errors import DataError

__all__ = ["RELEASES", "Release", "find_published"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """One dataset as its publisher offers it."""

    fetched: Published
    """The binary archive: plain rows of bytes, so nothing needs unpickling."""
    accepted: tuple[Published, ...]
    """Archives that may lie in the cache instead."""


# The publisher's page gives the MD5 sums beside each archive. The SHA-256 sums are those that other
# data loaders check (Keras for the Python archives; MLDatasets.jl, torch.rb and GoMLX for the
# binary ones) and agree on. Each was taken from there, not computed from a copy of our own.
_PUBLISHER = "https://www.cs.toronto.edu/~kriz/"

_TEN = Published(
    url=_PUBLISHER + "cifar-10-binary.tar.gz",  # MD5 c32a1d4ab5d03f1284b67883e8d87530
    size=170_052_171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
_TEN_PYTHON = Published(
    url=_PUBLISHER + "cifar-10-python.tar.gz",  # MD5 c58f30108f718f92721af3b95e74349a
    size=170_498_071,
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
_HUNDRED = Published(
    url=_PUBLISHER + "cifar-100-binary.tar.gz",  # MD5 03b5dce01913d631647c71ecec9e9cb8
    size=168_513_733,
    sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
)
_HUNDRED_PYTHON = Published(
    url=_PUBLISHER + "cifar-100-python.tar.gz",  # MD5 eb9058c3a382ffc7106e4002c42a8d85
    size=169_001_437,
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
)

RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "cifar10": Release(fetched=_TEN, accepted=(_TEN, _TEN_PYTHON)),
        "cifar100": Release(fetched=_HUNDRED, accepted=(_HUNDRED, _HUNDRED_PYTHON)),
    }
)


def find_published(name: str, progress: Progress = silent) -> Listing:
    """A published dataset; what lies in `<cache>/<name>/` is used before anything is fetched."""
    release, folder = RELEASES[name], cache_folder() / name
    listing = _read_batches_below(folder, name)
    if listing is not None:
        return listing
    archive = _lying_archive(release, folder, progress) or fetch(
        release.fetched, folder, by_hand=_by_hand(release, folder), progress=progress
    )
    unpacked = unpack(archive, progress)
    listing = _read_batches_below(unpacked, name)
    assert listing is not None, unpacked
    return listing


def _read_batches_below(folder: Path, name: str) -> Listing | None:
    located = [(place, how) for place, how in locate_batches(folder) if how.dataset == name]
    return read_batches(*located[0]) if located else None


def _lying_archive(release: Release, folder: Path, progress: Progress) -> Path | None:
    for published in release.accepted:
        path = folder / published.name
        if not path.is_file():
            continue
        found = digest_of(path, progress)
        if found != published.sha256:
            raise DataError(
                f"archive {path}",
                f"is not the published file: its SHA-256 must be {published.sha256}",
                found,
                "Delete it: it is then fetched again. Or " + _by_hand(release, folder),
            )
        return path
    return None


def _by_hand(release: Release, folder: Path) -> str:
    urls = " or ".join(published.url for published in release.accepted)
    return f"get {urls} on another machine and put it, packed or unpacked, into {folder}."
