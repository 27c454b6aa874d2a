"""A champion's bill of materials in CycloneDX, which scanners and registers of what runs can read.

It is made of the champion alone, and the same for the same champion.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from bakeoff.champion import manifest, record
from bakeoff.champion.opening import whole
from bakeoff.champion.record import Record

__all__ = ["bill"]

_VERSION = "1.6"
"""Of CycloneDX."""

_TOOL = {"type": "application", "name": "bakeoff"}
_TERMS = "---\nlicense: "
"""How a card begins."""


def bill(champion: str | Path | None) -> dict[str, Any]:
    """All that a champion is, as a document; every file is verified first."""
    folder, listed = whole(champion)
    facts = record.loads((folder / record.FILE).read_bytes())
    told = json.loads((folder / manifest.FILE).read_bytes())["files"]
    sums = {name: one["sha256"] for name, one in told.items()} | {manifest.FILE: listed.digest}
    data = f"data:{facts.digests['data']}"
    files = [_file(name, sums[name]) for name in sorted(sums)]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": _VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'sha256:{listed.digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": facts.made,
            "tools": {"components": [{**_TOOL, "version": facts.bakeoff}]},
            "component": _model(facts, listed.digest, data, _terms(folder)),
        },
        "components": [*files, _data(facts, data)],
        "dependencies": [{"ref": "champion", "dependsOn": [one["bom-ref"] for one in files]}],
    }


def _model(facts: Record, digest: str, data: str, terms: str | None) -> dict[str, Any]:
    """The network, by the digest that a service and its journal know it by."""
    said = {} if terms is None else {"licenses": [{"license": {"name": terms}}]}
    return {
        "type": "machine-learning-model",
        "bom-ref": "champion",
        "name": facts.name,
        "version": digest[:12],
        "hashes": [_sum(digest)],
        **said,
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": "image classification",
                "modelArchitecture": facts.name,
                "datasets": [{"ref": data}],
            },
        },
        "properties": [
            {"name": f"bakeoff:digest:{name}", "value": value}
            for name, value in sorted(facts.digests.items())
        ],
    }


def _data(facts: Record, ref: str) -> dict[str, Any]:
    """What it learnt from. The digest is of pictures, labels and split, and of no file: so it is
    none of the hashes."""
    name = facts.data["name"]
    said = {"name": "bakeoff:digest:data", "value": facts.digests["data"]}
    kind = [{"type": "dataset", "name": name}]
    return {"type": "data", "bom-ref": ref, "name": name, "data": kind, "properties": [said]}


def _file(name: str, sha256: str) -> dict[str, Any]:
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [_sum(sha256)]}


def _sum(sha256: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": sha256}


def _terms(folder: Path) -> str | None:
    """Its licence, where the card says one."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.exists() else ""
    if not text.startswith(_TERMS):
        return None
    said = text.removeprefix(_TERMS).partition("\n")[0].strip().strip('"')
    return None if said == "unknown" else said
