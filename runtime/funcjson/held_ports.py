"""Whether a port that code could not open is held by a process that this one started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_TAKEN = re.compile(r"EADDRINUSE|address already in use", re.IGNORECASE)
# Node.js names the port, Python does not.
_PORT = re.compile(r"address already in use \S*:(\d+)")
_PROC = Path("/proc")
_LISTENS = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def tells_of_taken_port(text: str) -> bool:
    """Whether an error says that a port is taken."""
    return _TAKEN.search(text) is not None


def is_held_by_child(text: str) -> bool:
    """Whether a process of ours listens on the port that an error tells of; True where the system does not say."""
    if not (_PROC / "self/net/tcp").exists():
        return True
    port = _PORT.search(text)
    wanted = int(port[1]) if port else None
    listening = {
        inode for number, inode in _listening_sockets() if wanted is None or number == wanted
    }
    return any(listening & _sockets(process) for process in _children())


def _listening_sockets() -> Iterator[tuple[int, str]]:
    for name in ("tcp", "tcp6"):
        file = _PROC / "self/net" / name
        lines = file.read_text("ascii").splitlines()[1:] if file.exists() else []
        for fields in map(str.split, lines):
            if fields[3] == _LISTENS:
                yield int(fields[1].rpartition(":")[2], 16), fields[9]


def _children() -> list[str]:
    """The processes that this one started, and those of their process groups, which they started."""
    processes = (entry.name for entry in _PROC.iterdir() if entry.name.isdigit())
    found = {process: facts for process in processes if (facts := _facts(process))}
    own, own_group = str(os.getpid()), str(os.getpgrp())
    groups = {group for parent, group in found.values() if parent == own} - {own_group}
    return [name for name, (parent, group) in found.items() if group in groups or parent == own]


def _facts(process: str) -> tuple[str, str] | None:
    """The parent and the group of a process."""
    try:
        fields = (_PROC / process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None  # it has ended
    return fields[1], fields[2]


def _sockets(process: str) -> set[str]:
    """The numbers of the sockets that a process has open."""
    try:
        targets = [str(file.readlink()) for file in (_PROC / process / "fd").iterdir()]
    except OSError:
        return set()  # it has ended, or is somebody else's
    return {match[1] for target in targets if (match := _SOCKET.fullmatch(target))}
