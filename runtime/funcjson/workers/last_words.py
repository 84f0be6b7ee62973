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


class End(NamedTuple):
    """A known way to end: the word by which it is known, how it is said, and what helps."""

    word: str
    how: str
    advice: str


_CANNOT_GO_ON = "The worker cannot go on: "
_ENDS = (
    End(
        "heap out of memory",
        "out of memory",
        "keep less in memory at a time, or let JavaScript have more: the setting "
        "languageWorkers__node__arguments with --max-old-space-size=4096 (MB); it is started again",
    ),
    End(
        f"{_CANNOT_GO_ON}MemoryError",
        "out of memory",
        "keep less in memory at a time, also in globals, or let it have more (ulimit -v, the limit of "
        "the container); it is started again",
    ),
    End(
        f"{_CANNOT_GO_ON}RuntimeError: can't start new thread",
        "unable to start more threads",
        "see that threads which handlers start come to their end; it is started again",
    ),
)


class LastWords(NamedTuple):
    """The lines worth showing, and how it ended when that is known."""

    lines: tuple[str, ...]
    end: End | None = None


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
    for end in _ENDS:
        if said := [line for line in lines if end.word in line]:
            # Around V8's stand figures of the collector and the addresses of its own functions.
            return LastWords((said[-1],), end)
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
