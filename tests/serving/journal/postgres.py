"""A PostgreSQL server of our own, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

__all__ = ["Cluster", "tools"]

_USER = "postgres"


def tools() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian keeps off the path."""
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return installed[-1].parent if installed else None


class Cluster:
    """A server that can be stopped and started. It refuses to run as root, so there it is run as
    the user that comes with it."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._as: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = ["setpriv", f"--reuid={_USER}", f"--regid={user.pw_gid}", "--init-groups"]
        self._call("initdb", "--no-sync", "-A", "trust", "-U", _USER, "-D", self._data)

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Begin to answer, on the socket alone."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
        log = str(self.folder / "log")
        self._call("pg_ctl", "start", "-w", "-D", self._data, "-l", log, "-o", options)

    def stop(self) -> None:
        """Cut all connections at once."""
        self._call("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def database(self, name: str) -> str:
        """URL of a new, empty database."""
        self._call("createdb", "-h", str(self.folder), "-U", _USER, name)
        return f"postgresql://{_USER}@/{name}?host={self.folder}"

    def _call(self, program: str, *words: str) -> None:
        command = [*self._as, str(self._programs / program), *words]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr.decode()
