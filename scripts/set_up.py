"""Make or refresh the environment in `.venv`: `set_up.py [--check] train|dev`.

Run by any Python from 3.11 on, before anything is installed: standard library only. Two at once
wait for each other; one that is interrupted leaves no stamp, so that the next begins again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOLDS = {"local": ("local",), "dev": ("local", "dev")}
"""Which extras an environment with this one serves."""


class SetUpError(Exception):
    """Says in one paragraph what stopped the set-up, with the exit code it leaves."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def main(arguments: list[str]) -> int:
    """What the command line asks for; returns the exit code."""
    extra = arguments[-1]
    if arguments[0] == "--check":
        return 0 if is_ready(ROOT, extra) else 1
    try:
        with lock(ROOT / ".venv.lock"):
            set_up(ROOT, extra)
    except SetUpError as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("Interrupted; the next call starts the set-up again.", file=sys.stderr)
        return 130
    return 0


def fingerprint(root: Path, version: str) -> str:
    """Changes with what should be installed, the Python that runs it, and the checkout's place
    (installed scripts hold it)."""
    digest = hashlib.sha256(f"{root}\n{version}\n".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def is_ready(root: Path, extra: str) -> bool:
    """Whether the environment this Python belongs to is as the project's files say."""
    try:
        return stamp(root, extra).read_text() == fingerprint(root, version_of_this())
    except OSError:
        return False


def stamp(root: Path, extra: str) -> Path:
    """The file that says that `extra` was installed to the end."""
    return root / ".venv" / f"ready-{extra}"


def version_of_this() -> str:
    """The Python that runs, to its last digit."""
    return ".".join(map(str, sys.version_info[:3]))


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Wait for others. The system lets go of it when this process and what it started have ended,
    however they end."""
    with path.open("w") as held:
        os.set_inheritable(held.fileno(), True)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up of this checkout …", file=sys.stderr, flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def set_up(root: Path, extra: str) -> None:
    """Bring `.venv` to what `extra` needs, unless another process just did."""
    python = root / ".venv" / "bin" / "python"
    if works(python) and run(python, root / "scripts/set_up.py", "--check", extra).returncode == 0:
        return
    verb = "Refreshing" if python.exists() else "Setting up"
    about = f"{verb} {root / '.venv'} with Python {version_of_this()} (about a minute, once) …"
    print(about, file=sys.stderr, flush=True)
    make_environment(root, python)
    if not has_gpu() and not os.environ.get("BAKEOFF_CUDA"):
        refuse_cuda(cuda_packages(plan(root, python)))
    install(root, python, extra)


def make_environment(root: Path, python: Path) -> None:
    """An empty environment in `.venv`, or the one that is there if it is ours and sound."""
    folder = root / ".venv"
    ours = folder / "made-by-bakeoff"
    if folder.exists() and not ours.exists():
        raise SetUpError(
            f"{folder} was not made by this script, so it is left alone. Move it away, then call "
            "the script again.",
            2,
        )
    for old in HOLDS["dev"]:
        stamp(root, old).unlink(missing_ok=True)
    made_for = f"{root}\n{version_of_this()}\n"
    if ours.exists() and ours.read_text() == made_for and works(python):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ours.write_text(made_for)
    finished(run(sys.executable, "-m", "venv", folder), "make an environment")
    # The pip that comes with Python may fetch whole packages to answer what it would install.
    newer = run(python, "-m", "pip", "install", "-c", root / "constraints.txt", "--upgrade", "pip")
    finished(newer, "bring pip up to date")


def install(root: Path, python: Path, extra: str) -> None:
    """Install, compile and stamp."""
    wanted = fingerprint(root, version_of_this())
    target = f"{root}[{extra}]"
    constraints = root / "constraints.txt"
    done = run(python, "-m", "pip", "install", "-c", constraints, "-e", target)
    finished(done, "install what Bakeoff needs")
    # pip compiles what it copies; what is installed in place would be compiled at every start where
    # PYTHONDONTWRITEBYTECODE is set.
    run(python, "-m", "compileall", "-q", root / "bakeoff")
    for served in HOLDS[extra]:
        stamp(root, served).write_text(wanted)


def plan(root: Path, python: Path) -> dict[str, Any]:
    """pip's report of what it would install for PyTorch, from descriptions alone: `fast-deps` reads
    them out of a package's end where the index does not offer them apart."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        done = run(
            *(python, "-m", "pip", "install", "--dry-run", "--use-feature=fast-deps"),
            *("--report", report),
            *("-c", root / "constraints.txt", "torch", "torchvision"),
        )
        finished(done, "ask which PyTorch there is for this machine")
        read: dict[str, Any] = json.loads(report.read_text())
    return read


def cuda_packages(report: Mapping[str, Any]) -> list[str]:
    """Names of the planned packages that only serve NVIDIA GPUs."""
    names = [str(item["metadata"]["name"]) for item in report.get("install", [])]
    return sorted(name for name in names if name.lower().startswith(("nvidia", "cuda")))


def refuse_cuda(packages: list[str]) -> None:
    """Stop before gigabytes of CUDA reach a machine that has no use for them."""
    if not packages:
        return
    raise SetUpError(
        "No NVIDIA GPU was found here, but pip would take PyTorch's CUDA build: "
        f"{len(packages)} packages ({', '.join(packages[:3])}, …), some 3 GB to fetch and 5 GB on "
        "disk. None of it was fetched. For PyTorch's CPU build, choose CPU on PyTorch's "
        "'Get Started' page and hand pip the address it shows, PIP_EXTRA_INDEX_URL=address, or a "
        "folder that holds the wheel, PIP_FIND_LINKS=folder, before the same command. To take the "
        "CUDA build all the same, put BAKEOFF_CUDA=1 before it.",
        2,
    )


def has_gpu() -> bool:
    """Whether an NVIDIA driver answers here."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    found = shutil.which("nvidia-smi")
    return found is not None and run(found, "-L").returncode == 0


def works(python: Path) -> bool:
    """Whether the environment's Python starts and has its pip."""
    return python.exists() and run(python, "-m", "pip", "--version").returncode == 0


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run with the user's settings for pip, but for those that would install elsewhere."""
    elsewhere = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME"}
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    kept |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    words = [str(word) for word in command]
    try:
        return subprocess.run(
            words, env=kept, capture_output=True, text=True, check=False, close_fds=False
        )
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", str(error))


def finished(done: subprocess.CompletedProcess[str], aim: str) -> None:
    """Stop, with the end of what it said, if a step failed."""
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise SetUpError(f"{said}\nCould not {aim} (the lines above are the tool's own).")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
