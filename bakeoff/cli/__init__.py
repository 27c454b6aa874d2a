"""The command line: thin verbs on the layers below."""

from __future__ import annotations

from bakeoff.cli.app import main

__all__ = ["main"]
