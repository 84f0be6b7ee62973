"""Where the host listens, and why it cannot: addresses, sockets, busy ports and who holds them."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

from funcjson.errors import AppLoadError, Problem
from funcjson.signalr.loopback import is_loopback

__all__ = [
    "DEFAULT_ADDRESS",
    "DEFAULT_PORT",
    "LARGEST_PORT",
    "cannot_listen",
    "is_loopback",
    "open_sockets",
    "port_holder",
    "port_of",
]

DEFAULT_PORT = 7071
DEFAULT_ADDRESS = "127.0.0.1"
LARGEST_PORT = 65535
_LISTEN = "0A"
_BACKLOG = 128


def port_of(text: str) -> int | None:
    """The port that a text names; None when it names none."""
    number = int(text) if text.isdecimal() else -1
    return number if 0 <= number <= LARGEST_PORT else None


def open_sockets(address: str, port: int) -> tuple[socket.socket, ...]:
    """Listen; who connects waits until an HTTP server takes the sockets. `port` 0 chooses a free one.

    Raises AppLoadError.
    """
    local = address in (DEFAULT_ADDRESS, "localhost")
    try:
        first = _listen(DEFAULT_ADDRESS if local else address, port)
    except OSError as error:
        raise AppLoadError(cannot_listen(address, port, error)) from error
    if not local:
        return (first,)
    # The URL says localhost, which browsers may look for at ::1 first.
    try:
        return first, _listen("::1", int(first.getsockname()[1]))
    except OSError as error:
        if port and error.errno == errno.EADDRINUSE:
            # Another program would get some of the requests.
            first.close()
            raise AppLoadError(cannot_listen(address, port, error)) from error
    return (first,)


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=_BACKLOG)


def cannot_listen(address: str, port: int, error: OSError) -> Problem:
    """Why an address and port cannot be had, and what to do."""
    if error.errno == errno.EADDRINUSE:
        holder = port_holder(port)
        return Problem(
            "FJ0521",
            f"port {port} is in use" + (f" by {holder}" if holder else ""),
            why="one process at a time can listen on a port"
            + ("" if holder else "; another one, perhaps of another user, does"),
            fix="stop that process, choose another port with --port, or let --port 0 find one",
            azure=f"Port {port} is unavailable. Close the process using that port, or specify "
            "another port using --port [-p].",
        )
    if error.errno == errno.EACCES:
        return Problem(
            "FJ0521",
            f"this user may not listen on port {port}",
            why="ports below 1024 belong to the system",
            fix="choose a higher one with --port",
        )
    return Problem(
        "FJ0521",
        f"cannot listen on {address}, port {port}",
        why=error.strerror or str(error),
        fix="use an address of this machine, such as --address 127.0.0.1 or 0.0.0.0",
        azure=f"Invalid --address value '{address}'. Expected an IP address, for example 127.0.0.1 "
        "or 0.0.0.0.",
    )


def port_holder(port: int, proc: Path = Path("/proc")) -> str:
    """`name (pid 123)` of the process that listens on a TCP port, "" when it cannot be known.

    Linux tells this of processes of the same user only.
    """
    links = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    for process in proc.glob("[0-9]*") if links else ():
        # Processes end while we look, and those of other users cannot be looked into.
        with contextlib.suppress(OSError):
            if any(str(entry.readlink()) in links for entry in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text('utf-8').strip()} (pid {process.name})"
    return ""


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    wanted = f":{port:04X}"
    for name in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / name).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if len(fields) > 9 and fields[1].endswith(wanted) and fields[3] == _LISTEN:
                    yield fields[9]
