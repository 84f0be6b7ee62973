"""What of a dead process's stderr tells why it ended, without the machinery around it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

_MOST = 20
_KEPT_LINES = 200
_FATAL = "Fatal Python error"
_CURRENT = "Current thread"
_OURS = str(Path(__file__).parent / "python_worker")
_HEAP = "heap out of memory"


class LastWords(NamedTuple):
    """The lines worth showing; `heap_full`: V8 had no memory left."""

    lines: tuple[str, ...]
    heap_full: bool = False


class Stderr:
    """The last lines that a process wrote to stderr, each with when it came and, when known, the call that wrote it."""

    def __init__(self) -> None:
        self.written = 0
        self._lines: deque[tuple[int, str, str | None]] = deque(maxlen=_KEPT_LINES)

    def add(self, text: str, invocation_id: str | None = None) -> None:
        self.written += 1
        self._lines.append((self.written, text, invocation_id))

    def all(self) -> list[str]:
        return [text for _, text, _ in self._lines]

    def since(self, mark: int, is_running: Callable[[str], bool]) -> list[str]:
        """What came after `written` was `mark`, without the lines of calls that are over: they tell of no crash."""
        return [
            text
            for at, text, call in self._lines
            if at > mark and (call is None or is_running(call))
        ]


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
