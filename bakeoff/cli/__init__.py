"""The command line: thin verbs on the layers below."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; its exit code."""
    # Not above: the process that a service becomes is a module here, and does without.
    from bakeoff.cli.app import main as run

    return run(words)
