"""What `bakeoff serve` becomes: `python -m bakeoff.cli.service SOCKET SETTINGS …`, two open files.

It lives as long as the service does, and does without what reading a command line took. What was
typed stands behind, for those who list processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, NoReturn, TextIO

from bakeoff.serving.logs import Log
from bakeoff.serving.settings import Settings
from bakeoff.serving.supervisor import Supervisor

__all__ = ["become", "main"]


def become(settings: Settings, one: socket.socket, *, debug: bool) -> NoReturn:
    """End being what was started, and be the process that serves at `one`."""
    # Not among the words: those who list processes see what was typed, and no more.
    with _held() as file:
        json.dump({"settings": settings.to_json(), "debug": debug}, file)
        file.seek(0)
        os.set_inheritable(file.fileno(), True)
        sys.stdout.flush()
        words = ["-m", "bakeoff.cli.service", str(one.fileno()), str(file.fileno())]
        os.execv(sys.executable, [sys.executable, *words, *sys.argv[1:]])


def _held() -> TextIO:
    """A file without a name: in memory where that can be, as no folder may be there to write in."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("settings"), "w+", encoding="utf-8")
    return tempfile.TemporaryFile("w+", encoding="utf-8")


def main() -> int:
    """The process; its exit code."""
    place, told = (int(word) for word in sys.argv[1:3])
    with os.fdopen(told, encoding="utf-8") as file:
        said = json.load(file)
    try:
        with socket.socket(fileno=place) as one:
            _serve(Settings.from_json(said["settings"]), one)
    except (Exception, KeyboardInterrupt) as error:
        # What tells people about it takes as much memory as all else here.
        from bakeoff.cli.failure import report

        return report(error, as_json=False, debug=said["debug"])
    return 0


def _serve(settings: Settings, one: socket.socket) -> None:
    log = Log(settings.log, quiet=settings.quiet)

    def say(what: str, facts: Mapping[str, Any]) -> None:
        if settings.log == "json":
            log.write("service", event=what, **facts)
        else:
            log.write(_sentence(what, facts), level=facts.get("level", "info"))

    async def serve() -> None:
        await Supervisor(settings, one, say).run()

    try:
        asyncio.run(serve())
    finally:
        log.close()


def _sentence(what: str, facts: Mapping[str, Any]) -> str:
    """What happened to the service, for people."""
    if what == "ready":
        host = f"[{facts['host']}]" if ":" in facts["host"] else facts["host"]
        current = facts["current"]
        at = f"http://{host}:{facts['port']}"
        name = f"{current['name']}, {current['digest'][:12]},"
        return f"Serving {name} on {at} ({facts['plan']}). Ctrl-C ends it."
    if what in ("deployed", "rolled back"):
        trial = facts["trial"]
        tried = "" if trial is None else f"; {trial['mode']}: {trial['name']}, {trial['share']:.0%}"
        return f"{what.capitalize()}: {facts['current']['name']}{tried}."
    if what == "ending":
        return "Ending: what is under way is answered first."
    if what == "refused":
        return f"Not deployed: {facts['error']}"
    told = facts.get("error", f"worker {facts.get('worker')}")
    return f"{what.capitalize()}: {told}."


if __name__ == "__main__":
    sys.exit(main())
