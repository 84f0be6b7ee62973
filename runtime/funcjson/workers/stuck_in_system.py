"""What a process is doing whose main thread is inside the system, or in native code, and gives no stack: as Linux tells it."""

from __future__ import annotations

import platform
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from funcjson.workers import proc_stat

# What a system call does with which of its arguments: a path in memory, or a file descriptor.
_PATH = "path"
_FILE = "file"
_WORDS = {
    "openat": ("opens", _PATH, 1),
    "open": ("opens", _PATH, 0),
    "read": ("reads from", _FILE, 0),
    "pread64": ("reads from", _FILE, 0),
    "readv": ("reads from", _FILE, 0),
    "write": ("writes to", _FILE, 0),
    "recvfrom": ("reads from", _FILE, 0),
    "recvmsg": ("reads from", _FILE, 0),
    "sendto": ("writes to", _FILE, 0),
    "connect": ("connects", _FILE, 0),
    "flock": ("waits for the lock of", _FILE, 0),
    "fcntl": ("waits for the lock of", _FILE, 0),
    "fsync": ("waits for the disk of", _FILE, 0),
    "fdatasync": ("waits for the disk of", _FILE, 0),
}
# Numbers from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
_X86 = {
    0: "read", 1: "write", 2: "open", 17: "pread64", 19: "readv", 42: "connect", 44: "sendto", 45: "recvfrom",
    47: "recvmsg", 72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync", 257: "openat",
}  # fmt: skip
_ARM = {
    63: "read", 64: "write", 67: "pread64", 65: "readv", 203: "connect", 206: "sendto", 207: "recvfrom",
    212: "recvmsg", 25: "fcntl", 32: "flock", 82: "fsync", 83: "fdatasync", 56: "openat",
}  # fmt: skip
_NUMBERS = {"x86_64": _X86, "aarch64": _ARM}
_LONGEST_PATH = 4096
_PAGE = 4096
_SHOWN_COMMAND = 200
_COMPUTES = "Its main thread uses the processor, in native code."


def doing(pid: int) -> str:
    """In sentences: the system call that its main thread is in, with its file, and its child processes; "" when that is unknown."""
    state = proc_stat.state(pid)
    if not state:
        return ""
    if proc_stat.is_stopped(pid):
        return f"{proc_stat.STOPPED}."
    lines = [_call(pid) or (_COMPUTES if state == "R" else "")]
    children = [f"  {command} (pid {child})" for child, command in _children(pid)]
    if children:
        lines += ["Its child processes:", *children]
    return "\n".join(line for line in lines if line)


def _call(pid: int) -> str:
    """What the main thread does in the system; "" when it is not there, or that cannot be told."""
    # Without leave to look there is an error, else a number, arguments and two registers; or "running".
    number, *arguments = _read(f"/proc/{pid}/syscall").split() or [""]
    name = _NUMBERS.get(platform.machine(), {}).get(int(number)) if number.isdigit() else None
    if name is None:
        return ""
    does, kind, at = _WORDS[name]
    argument = int(arguments[at], 16)
    file = _text_at(pid, argument) if kind == _PATH else _file(pid, argument)
    return f"Its main thread {does} {file or 'a file'}{_what_it_is(pid, file)}." if file else ""


def _what_it_is(pid: int, file: str) -> str:
    try:
        mode = Path(f"/proc/{pid}/cwd", file).stat().st_mode
    except OSError:
        return ""
    return ", a named pipe whose other end gives nothing" if stat.S_ISFIFO(mode) else ""


def _file(pid: int, descriptor: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
    except OSError:
        return ""


def _text_at(pid: int, address: int) -> str:
    """A path in its memory. Of two pages the second may not be there."""
    to_page = _PAGE - address % _PAGE
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            data = memory.read(to_page)
            if b"\0" not in data:
                data += memory.read(_LONGEST_PATH)
    except (OSError, OverflowError, ValueError):
        return ""
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _children(pid: int) -> Iterator[tuple[int, str]]:
    """Its child processes and theirs, with their commands."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := proc_stat.fields(entry / "stat")):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    waiting = parents.get(pid, [])
    for child in waiting:
        waiting.extend(parents.get(child, []))
        if command := _command(child):
            yield child, command


def _command(pid: int) -> str:
    command = shlex.join(_read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0"))
    return command if len(command) <= _SHOWN_COMMAND else f"{command[:_SHOWN_COMMAND]}..."


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
