"""The socket that clients connect to: opened, and closed without cutting anybody off."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys

from bakeoff.serving.settings import Settings
from bakeoff.spec.errors import UserError

__all__ = ["listening", "refuse_newcomers"]

_BACKLOG = 1024

_ATTACH_FILTER = 26
"""SO_ATTACH_FILTER, which Python does not name."""

_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A packet filter of one instruction: return 0, keep nothing."""


def listening(settings: Settings) -> socket.socket:
    """The socket that clients connect to."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        one = socket.create_server(
            (settings.host, settings.port), family=family, backlog=_BACKLOG, reuse_port=False
        )
    except OSError as error:
        raise UserError(
            "--port",
            f"cannot be listened on at {settings.host} ({_reason(error)})",
            settings.port,
            "Take another --port, or end the program that has it.",
        ) from None
    one.set_inheritable(True)
    return one


def refuse_newcomers(one: socket.socket) -> None:
    """Let no new connection begin, while those that have begun can still be accepted.

    A socket that is simply closed resets whoever is connected and was not accepted yet. Packets
    that arrive at it are dropped instead: a client that knocks then asks again a second later, and
    finds the port closed, or the next service. Where that cannot be, it is left out.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP_ALL, len(_DROP_ALL))
    told = struct.pack("HP", 1, ctypes.addressof(program))
    try:
        one.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, told)
    except OSError:
        # A kernel may forbid it; then somebody may be cut off.
        return


def _reason(error: OSError) -> str:
    # What Python adds to it repeats the address; what cannot be looked up has no number of ours.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)
