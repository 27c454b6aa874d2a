"""Datasets on the Hugging Face hub that keep their pictures in Parquet files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data.listing import Listing
from bakeoff.data.progress import Progress, silent
from bakeoff.data.sources.embedded import find_embedded
from bakeoff.data.sources.naming import PART_NAMES
from bakeoff.spec.errors import DataError, MissingExtraError, one_of

__all__ = ["PREFIX", "HubName", "find_on_hub"]

PREFIX = "hf:"
_NAME = re.compile(
    r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^:@\s]+))?(?::(?P<config>[\w.-]+))?"
)


@dataclass(frozen=True, kw_only=True)
class HubName:
    """What `hf:owner/name@revision:config` says."""

    repository: str
    revision: str | None
    config: str | None

    @classmethod
    def parse(cls, text: str) -> HubName:
        match = _NAME.fullmatch(text)
        if match is None:
            raise DataError(
                "name of a hub dataset",
                "must be hf:owner/name, with @revision and :config after it if wanted",
                text,
            )
        return cls(**match.groupdict())


def find_on_hub(text: str, progress: Progress = silent) -> Listing:
    """A dataset on the hub; downloaded by the hub's own client, into its own cache."""
    name = HubName.parse(text)
    folder = _download(name)
    files = _chosen(name, folder)
    sizes = [f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in files]
    # The hub's client names the folder after the commit, so another revision is another key.
    key = "\n".join([name.repository, folder.name, *sorted(sizes)])
    return find_embedded(files, name.repository.partition("/")[2], key, progress)


def _download(name: HubName) -> Path:
    try:
        import huggingface_hub
        import pyarrow  # noqa: F401 - asked for before the download, not after it
    except ImportError as error:
        raise MissingExtraError(f"hf:{name.repository}", "hub") from error
    try:
        return Path(
            huggingface_hub.snapshot_download(
                name.repository,
                repo_type="dataset",
                revision=name.revision,
                allow_patterns=[f"{name.config}/*.parquet" if name.config else "*.parquet"],
            )
        )
    except Exception as error:  # the client and the network library below it raise their own kinds
        reason = str(error).strip().splitlines() or [""]
        raise DataError(
            f"dataset hf:{name.repository}",
            f"could not be fetched from the hub ({type(error).__name__}: {reason[0]})",
            suggestion="Check the name and the network; a private one needs `hf auth login`. "
            "Without network, copy the hub's cache here, or name a folder of the pictures.",
        ) from error


def _chosen(name: HubName, folder: Path) -> dict[Path, int]:
    """The Parquet files of one config, and the part each belongs to."""
    by_config: dict[str, dict[Path, int]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        relative = path.relative_to(folder)
        part = _part_of(relative)
        if part is not None:
            config = relative.parts[0] if len(relative.parts) > 1 else "."
            by_config.setdefault(config, {})[path] = part
    if not by_config:
        raise DataError(
            f"dataset hf:{name.repository}",
            "must have Parquet files named after train, validation or test",
            suggestion=f"Try the hub's own conversion: "
            f"hf:{name.repository}@refs/convert/parquet:default",
        )
    wanted = name.config or (next(iter(by_config)) if len(by_config) == 1 else None)
    if wanted is None or wanted not in by_config:
        raise DataError(
            f"config of hf:{name.repository}",
            "must be one of those it has",
            name.config or "not given",
            f"{one_of(name.config or '', by_config)} "
            f"Write hf:{name.repository}:{min(by_config)}, for instance.",
        )
    return by_config[wanted]


def _part_of(relative: Path) -> int | None:
    """From `train-00000-of-00002.parquet` or `train/0000.parquet`."""
    words = [re.split(r"[-_.]", relative.name)[0], *reversed(relative.parts[:-1])]
    known = [PART_NAMES[word.casefold()] for word in words if word.casefold() in PART_NAMES]
    return known[0] if known else None
