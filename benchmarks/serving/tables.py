"""What was measured, as Markdown: medians of the rounds, with the least and the most.

python tables.py serving.json
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Facts", "ours", "table"]

Facts = dict[str, Any]
Row = tuple[str, Callable[[Facts], float | None]]

SMALL, LARGE = "PNG 32×32", "JPEG 640×480"


def _at(*path: str) -> Callable[[Facts], float | None]:
    def found(facts: Facts) -> float | None:
        value: Any = facts
        for key in path:
            if value is None or key not in value:
                return None
            value = value[key]
        return None if value is None else float(value)

    return found


def _share(status: str) -> Callable[[Facts], float | None]:
    def found(facts: Facts) -> float | None:
        one = facts["many"][SMALL]["32"]
        return 1 - float(one["statuses"].get(status, 0)) / max(1, int(one["n"]))

    return found


ROWS: Sequence[Row] = (
    ("start to ready, s", _at("ready_s")),
    ("memory idle, MB", _at("idle_mb")),
    ("memory after load, MB", _at("after_mb")),
    ("PNG, one client: p50, ms", _at("alone", SMALL, "p50_ms")),
    ("PNG, one client: p99, ms", _at("alone", SMALL, "p99_ms")),
    ("PNG, one client: CPU ms/request", _at("alone", SMALL, "cpu_ms")),
    ("JPEG, one client: p50, ms", _at("alone", LARGE, "p50_ms")),
    ("JPEG, one client: p99, ms", _at("alone", LARGE, "p99_ms")),
    ("JPEG, one client: CPU ms/request", _at("alone", LARGE, "cpu_ms")),
    ("PNG, 2 clients: requests/s", _at("many", SMALL, "2", "a_second")),
    ("PNG, 4 clients: requests/s", _at("many", SMALL, "4", "a_second")),
    ("PNG, 8 clients: requests/s", _at("many", SMALL, "8", "a_second")),
    ("PNG, 32 clients: requests/s", _at("many", SMALL, "32", "a_second")),
    ("PNG, 32 clients: share not 200", _share("200")),
    ("PNG, 8 clients: CPU ms/request", _at("many", SMALL, "8", "cpu_ms")),
    ("PNG, 8 clients: p99, ms", _at("many", SMALL, "8", "p99_ms")),
    ("PNG, 8 clients: processors of server", _at("many", SMALL, "8", "processors")),
    ("PNG, 8 clients: processors of client", _at("many", SMALL, "8", "client_processors")),
    ("JPEG, 8 clients: requests/s", _at("many", LARGE, "8", "a_second")),
    ("JPEG, 8 clients: CPU ms/request", _at("many", LARGE, "8", "cpu_ms")),
    ("flood ×4: accepted/s", _at("flood", "accepted_a_second")),
    ("flood ×4: p50 of accepted, ms", _at("flood", "p50_ms")),
    ("flood ×4: p99 of accepted, ms", _at("flood", "p99_ms")),
    ("flood ×4: share 429/503", _at("flood", "turned_away")),
    ("flood ×4: p99 of those, ms", _at("flood", "turned_away_p99_ms")),
    ("flood ×4: share never answered", _at("flood", "unanswered")),
    ("flood ×4: memory, MB", _at("flood", "memory_mb")),
    ("flood ×4: seconds to recover", _at("flood", "recovered_s")),
    ("flood ×4: processors of client", _at("flood", "client_processors")),
    ("load of the machine", _at("load")),
)


def table(facts: Facts) -> str:
    """All of it."""
    names = [
        name for name in facts["peers"] if any(name in one["peers"] for one in facts["rounds"])
    ]
    parts = [_head(facts), _grid(facts, names), _broken(facts, names)]
    if {"bakeoff", "nothing"} <= set(names):
        parts.append(_ours(facts))
    parts.append(_versions(facts))
    return "\n\n".join(parts) + "\n"


def _head(facts: Facts) -> str:
    machine = facts["machine"]
    loads = ", ".join(f"{one['load']:.1f}" for one in facts["rounds"])
    unable = "".join(f" {name} {why}." for name, why in facts["unable"].items())
    return (
        f"{machine['at']}: {machine['processors']} × {machine['processor']}, "
        f"{machine['memory_gb']} GB, {machine['system']}, Python {machine['python']}; "
        f"n = {len(facts['rounds'])} rounds of {facts['seconds']:g} s a figure, load at their "
        f"beginning {loads}. Median (least–most). Memory is PSS of all processes." + unable
    )


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(one) + " |" for one in (head, rule, *rows))


def _grid(facts: Facts, names: Sequence[str]) -> str:
    rows = []
    for words, take in ROWS:
        cells = []
        for name in names:
            each = [one["peers"][name] for one in facts["rounds"] if name in one["peers"]]
            cells.append(_cell([take(one) for one in each]))
        rows.append([words, *cells])
    for words, key in (
        ("first start to ready, s", "first_ready_s"),
        ("processes left after SIGTERM", "left"),
    ):
        rows.append([words, *(_number(facts["peers"][name][key]) for name in names)])
    return _lines(["", *names], rows)


def _cell(values: Sequence[float | None]) -> str:
    known = [one for one in values if one is not None]
    if not known:
        return "–"
    middle = _number(statistics.median(known))
    if len(known) < len(values):
        middle += f" ({len(known)} of {len(values)})"
    if len(known) == 1:
        return middle
    return f"{middle} ({_number(min(known))}–{_number(max(known))})"


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _broken(facts: Facts, names: Sequence[str]) -> str:
    rows = []
    asked = [name for name in names if facts["peers"][name]["engine"] != "none"]
    kinds: dict[str, None] = {}
    for one in facts["rounds"]:
        for peer in one["peers"].values():
            kinds.update(dict.fromkeys(peer.get("broken", {})))
    for kind in kinds:
        cells = []
        for name in asked:
            each = [
                one["peers"][name]["broken"][kind]
                for one in facts["rounds"]
                if name in one["peers"]
            ]
            statuses = "/".join(sorted({one["status"] for one in each}))
            over = "" if all(one["answers_on"] for one in each) else ", then no answer"
            growth = _cell([one["growth_mb"] for one in each])
            seconds = _cell([one["seconds"] for one in each])
            cells.append(f"{statuses}{over}; {growth} MB; {seconds} s")
        rows.append([kind, *cells])
    return _lines(["status; memory more by; after", *asked], rows)


def ours(facts: Facts) -> list[Facts]:
    """For each round and way of asking: what the service costs beside its parts."""
    found = []
    cores = facts["machine"]["processors"]
    for number, one in enumerate(facts["rounds"]):
        if not {"bakeoff", "nothing"} <= set(one["peers"]):
            continue
        own, bare = one["peers"]["bakeoff"], one["peers"]["nothing"]
        for picture, clients in ((SMALL, 1), (SMALL, 8), (LARGE, 1), (LARGE, 8)):
            way = ("alone", picture) if clients == 1 else ("many", picture, str(clients))
            costs, http = _at(*way, "cpu_ms")(own), _at(*way, "cpu_ms")(bare)
            rate, client = _at(*way, "a_second")(own), _at(*way, "client_processors")(own)
            part = one["parts"][picture]["one" if clients == 1 else "all"]
            if costs is None or http is None or rate is None or client is None:
                continue
            work = part["decode"] + part["network"]
            ceiling = 1000 * cores / (http + work)
            found.append(
                {
                    "round": number,
                    "picture": picture,
                    "clients": clients,
                    "decode_ms": part["decode"],
                    "network_ms": part["network"],
                    "http_ms": http,
                    "request_ms": costs,
                    "server_ms": costs - work,
                    "ceiling": ceiling,
                    "share": rate / ceiling,
                    "share_less_client": rate / (ceiling * (cores - client) / cores),
                    "share_by_cpu": (http + work) / costs,
                }
            )
    return found


_OURS = (
    ("decode alone, CPU ms", "decode_ms"),
    ("network alone, CPU ms", "network_ms"),
    ("HTTP alone, CPU ms", "http_ms"),
    ("a request, CPU ms", "request_ms"),
    ("server above decode and network, CPU ms", "server_ms"),
    ("ceiling, requests/s", "ceiling"),
    ("share of the ceiling", "share"),
    ("… of the processors that the client leaves", "share_less_client"),
    ("… by processor time: parts / request", "share_by_cpu"),
)


def _ours(facts: Facts) -> str:
    each = ours(facts)
    ways = list(dict.fromkeys((one["picture"], one["clients"]) for one in each))
    rows = []
    for words, key in _OURS:
        cells = []
        for way in ways:
            values = [one[key] for one in each if (one["picture"], one["clients"]) == way]
            cells.append(_cell(values))
        rows.append([words, *cells])
    heads = [f"{picture}, {clients} client{'s' * (clients > 1)}" for picture, clients in ways]
    return "The service beside its parts:\n\n" + _lines(["bakeoff", *heads], rows)


def _versions(facts: Facts) -> str:
    lines = []
    for name, peer in facts["peers"].items():
        each = ", ".join(f"{key} {value}" for key, value in peer["versions"].items())
        lines.append(f"- {name}: {each}; network by {peer['engine']}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text())))
