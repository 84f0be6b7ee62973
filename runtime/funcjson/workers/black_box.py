"""A file that a worker writes and its host reads: what the worker is doing, also when it cannot answer.

First a slot for each thread that runs a call, then the stacks of all threads, which `faulthandler` writes when
the host sends SIGNAL: it needs no Python to run, so it also works while one thread keeps all others from running.
Loaded by the worker too: nothing of ours is imported, and any Python from 3.9 on runs it.
"""

from __future__ import annotations

import faulthandler
import itertools
import mmap
import os
import signal
import struct
import tempfile
from typing import NamedTuple

FD_VARIABLE = "FUNCJSON_BLACK_BOX_FD"
# One that no program uses for itself, where there are such.
SIGNAL = int(getattr(signal, "SIGRTMIN", 0)) + 10 if hasattr(signal, "SIGRTMIN") else 0

# Thread, invocation id, function.
_SLOT = struct.Struct("<Q48s200s")
_SLOTS = 256
_SIZE = _SLOT.size * _SLOTS


class RunningCall(NamedTuple):
    """The call that a thread runs."""

    invocation_id: str
    function: str


class Writer:
    """The worker's side."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._map = mmap.mmap(fd, _SIZE)
        self._numbers = itertools.count()
        self._places: dict[int, int] = {}
        if SIGNAL:
            faulthandler.register(SIGNAL, file=fd, all_threads=True)

    def write(self, thread: int, invocation_id: str, function: str) -> None:
        """Note which call a thread runs; "" for none. To be called by that thread."""
        place = self._places.get(thread)
        if place is None:
            place = self._places[thread] = next(self._numbers)
        if place < _SLOTS:
            texts = invocation_id.encode(), function.encode()
            _SLOT.pack_into(self._map, place * _SLOT.size, thread, *texts)


class BlackBox:
    """The host's side. Raises OSError when the system has no such files."""

    def __init__(self) -> None:
        self.fd = _new_file()
        os.ftruncate(self.fd, _SIZE)
        # The worker inherits the position, too, and its stacks are written there.
        os.lseek(self.fd, _SIZE, os.SEEK_SET)

    def calls(self) -> dict[int, RunningCall]:
        """Which call each thread runs."""
        slots = (_SLOT.unpack(slot) for slot in _pieces(os.pread(self.fd, _SIZE, 0)))
        return {
            thread: RunningCall(_text(invocation_id), _text(function))
            for thread, invocation_id, function in slots
            if invocation_id.strip(b"\0")
        }

    @property
    def written(self) -> int:
        """How many bytes of stacks there are."""
        return os.fstat(self.fd).st_size - _SIZE

    def stacks(self, start: int = 0) -> str:
        """The stacks that were written, without the first bytes."""
        return os.pread(self.fd, self.written - start, _SIZE + start).decode("utf-8", "replace")

    def close(self) -> None:
        """Idempotent."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def _new_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("funcjson-black-box")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + _SLOT.size] for at in range(0, len(data), _SLOT.size)]


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("utf-8", "replace")
