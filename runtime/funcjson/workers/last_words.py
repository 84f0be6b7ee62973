"""What of a dead process's stderr tells why it ended, without the machinery around it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

_MOST = 20
_FATAL = "Fatal Python error"
_CURRENT = "Current thread"
_OURS = str(Path(__file__).parent / "python_worker")
_HEAP = "heap out of memory"


class LastWords(NamedTuple):
    """The lines worth showing; `heap_full`: V8 had no memory left."""

    lines: tuple[str, ...]
    heap_full: bool = False


def last_words(stderr: Iterable[str]) -> LastWords:
    """The fatal error and where it was, if a runtime told of one; else the last lines."""
    lines = [line.rstrip() for line in stderr]
    full = [line for line in lines if _HEAP in line]
    if full:
        # Around it stand figures of the collector and the addresses of V8's own functions.
        return LastWords((full[-1],), heap_full=True)
    starts = [at for at, line in enumerate(lines) if line.startswith(_FATAL)]
    if starts:
        return LastWords((lines[starts[-1]], *_users(_current(lines[starts[-1] :]))))
    return LastWords(tuple(lines[-_MOST:]))


def _current(dump: list[str]) -> list[str]:
    """The stack of the thread that failed; the dump has all threads."""
    start = next((at for at, line in enumerate(dump) if line.startswith(_CURRENT)), len(dump))
    return list(takewhile(lambda line: bool(line), dump[start:]))


def _users(stack: list[str]) -> list[str]:
    """Most recent call first: the frames before the first of the worker's own."""
    frames = [*takewhile(lambda line: _OURS not in line, stack)]
    return [re.sub(r"^Current thread \S+ ", "in the thread that ran ", line) for line in frames][
        :_MOST
    ]
