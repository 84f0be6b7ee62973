"""What user code writes, as log lines of the invocation that wrote it: `logging`, `print`, stderr.

Whose line it is: the context variable of the running code; else what the user put into
`context.thread_local_storage.invocation_id` (as in the real worker); else the invocation that
started the thread. A job of a thread pool belongs to the invocation that submitted it.
"""

from __future__ import annotations

import codecs
import concurrent.futures
import concurrent.futures.thread
import contextvars
import functools
import io
import itertools
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from .lines import Lines

# (level, message, category, invocation or None, stdout or stderr or "", Part of a line or None)
Emit = Callable[[str, str, str, Any, str, Any], None]
# (thread, invocation id, function); "" when a thread works for nobody any more
Note = Callable[[int, str, str], None]

current: contextvars.ContextVar[Invocation | None] = contextvars.ContextVar(
    "funcjson_invocation", default=None
)
STARTED_BY = "_funcjson_invocation"
_LEVELS = (
    (logging.CRITICAL, "critical"),
    (logging.ERROR, "error"),
    (logging.WARNING, "warning"),
    (logging.INFO, "information"),
    (logging.DEBUG, "debug"),
)
_UTF8 = codecs.getincrementaldecoder("utf-8")
_SYSTEM = ("azure_functions_worker", "azure.functions")


class Part(NamedTuple):
    """What is told of a line that was flushed before its end: its number, and whether more of it comes."""

    line: int
    is_open: bool


class Invocation:
    """One running call, and whose worker it belongs to."""

    __slots__ = ("function", "id", "owner")

    def __init__(self, identifier: str, function: str, owner: Capture) -> None:
        self.id = identifier
        self.function = function
        self.owner = owner


class Capture:
    """Takes over `sys.stdout`, `sys.stderr`, the root logger and thread starts, until `uninstall`.

    `everything`: also lines of no invocation are ours (a child process); otherwise they go where
    they went before. `note` is told which invocation a thread works for.
    """

    def __init__(self, emit: Emit, everything: bool, note: Note | None = None) -> None:
        self.emit = emit
        self.everything = everything
        self._note = note
        # Which invocation a handler's thread works for.
        self.by_thread: dict[int, Invocation] = {}
        self.running: dict[str, Invocation] = {}
        self.thread_local = threading.local()
        self._streams: list[tuple[str, Any, Any]] = []
        self._handler = _Handler(self)
        self._root_level = logging.WARNING
        self._thread_start: Any = None
        self._submit: Any = None

    def who(self) -> Invocation | None:
        """The invocation that the running code works for, if it is one of ours."""
        invocation = current.get()
        if invocation is None:
            invocation = self.running.get(getattr(self.thread_local, "invocation_id", None) or "")
        if invocation is None:
            invocation = getattr(threading.current_thread(), STARTED_BY, None)
        return invocation if invocation is not None and invocation.owner is self else None

    def install(self, root_level: int) -> None:
        """Begin. `root_level` is what the root logger lets through."""
        for name, level in (("stdout", "information"), ("stderr", "")):
            before = getattr(sys, name)
            ours = _Stream(self, before, name, level)
            setattr(sys, name, ours)
            self._streams.append((name, before, ours))
        root = logging.getLogger()
        self._root_level = root.level
        root.setLevel(root_level if self.everything else min(root_level, root.level))
        root.addHandler(self._handler)
        self._thread_start = _remember_starter(self)
        self._submit = _remember_submitter(self)

    def uninstall(self) -> None:
        """Give back what is still ours; idempotent."""
        for name, before, ours in self._streams:
            ours.close_lines()
            if getattr(sys, name) is ours:
                setattr(sys, name, before)
        self._streams.clear()
        root = logging.getLogger()
        if self._handler in root.handlers:
            root.removeHandler(self._handler)
            root.setLevel(self._root_level)
        if self._thread_start is not None:
            mine, before = self._thread_start
            if threading.Thread.start is mine:
                threading.Thread.start = before  # type: ignore[method-assign]  # as it was
            self._thread_start = None
        if self._submit is not None:
            mine, before = self._submit
            if concurrent.futures.ThreadPoolExecutor.submit is mine:
                concurrent.futures.ThreadPoolExecutor.submit = before  # type: ignore[method-assign]  # as it was
            self._submit = None

    def abandon(self) -> None:
        """In a forked process: leave what is the parent's, and write where a plain process would."""
        for _, _, ours in self._streams:
            # The parent has these texts as well.
            ours.drop_lines()
        level = logging.getLogger().level
        self.uninstall()
        root = logging.getLogger()
        if not root.handlers:
            handler = logging.StreamHandler()
            # The host reads the level off the words.
            handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
            root.addHandler(handler)
            root.setLevel(level)

    def begin(self, invocation: Invocation) -> None:
        """From now on this thread works for an invocation; also said where users read and change that."""
        thread = threading.get_ident()
        self.thread_local.invocation_id = invocation.id
        self.by_thread[thread] = invocation
        if self._note is not None:
            self._note(thread, invocation.id, invocation.function)

    def end(self) -> None:
        """This thread works for nobody."""
        thread = threading.get_ident()
        self.thread_local.invocation_id = None
        self.by_thread.pop(thread, None)
        if self._note is not None:
            self._note(thread, "", "")

    def works_for(self, invocation: Invocation, job: Callable[[], Any]) -> Callable[[], Any]:
        """A job whose thread works for an invocation meanwhile."""

        def work() -> Any:
            self.begin(invocation)
            try:
                return job()
            finally:
                self.end()

        return work

    def end_lines(self, invocation: Invocation | None) -> None:
        """Emit what an invocation wrote without a line end."""
        for _, _, stream in self._streams:
            stream.end_lines(invocation)


def _remember_starter(capture: Capture) -> tuple[Any, Any]:
    """User threads remember which invocation started them; pool threads do not, they outlive it."""
    before = threading.Thread.start
    pool_main = concurrent.futures.thread._worker

    def start(thread: threading.Thread) -> None:
        if getattr(thread, "_target", None) is not pool_main:
            invocation = capture.who()
            if invocation is not None:
                setattr(thread, STARTED_BY, invocation)
        before(thread)

    threading.Thread.start = start  # type: ignore[assignment, method-assign]  # the way of all threads
    return start, before


def _remember_submitter(capture: Capture) -> tuple[Any, Any]:
    """Jobs of thread pools, also those of `run_in_executor`, work for the invocation that submitted them."""
    before: Any = concurrent.futures.ThreadPoolExecutor.submit

    @functools.wraps(before)
    def submit(pool: Any, job: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        invocation = capture.who()
        if invocation is None:
            return before(pool, job, *args, **named)
        return before(pool, _work_for, invocation, job, *args, **named)

    concurrent.futures.ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]  # the way of all jobs
    return submit, before


def _work_for(invocation: Invocation, job: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
    token = current.set(invocation)
    try:
        return job(*args, **named)
    finally:
        current.reset(token)


def level_of_stderr(line: str) -> str:
    """stderr holds warnings, progress bars and errors alike: the words decide, as in the real host."""
    lower = line.lower()
    if "warn" in lower:
        return "warning"
    if "error" in lower or "exception" in lower or lower.startswith("traceback"):
        return "error"
    return "information"


class _Handler(logging.Handler):
    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture

    def emit(self, record: logging.LogRecord) -> None:
        invocation = self._capture.who()
        if invocation is None and not self._capture.everything:
            return
        try:
            message = self.format(record)
        except Exception:  # noqa: BLE001 - a log call's arguments are the user's; as logging does
            self.handleError(record)
            return
        level = next((name for least, name in _LEVELS if record.levelno >= least), "trace")
        category = "system" if record.name.startswith(_SYSTEM) else "user"
        self._capture.emit(level, message, category, invocation, "", None)


# Whose text it is: thread and invocation.
_Key = tuple[int, Invocation | None]
_line_numbers = itertools.count(1)


class _Stream(io.TextIOBase):
    """A text stream that makes one log line of each line written."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, capture: Capture, before: Any, name: str, level: str) -> None:
        super().__init__()
        self._capture = capture
        self._before = before
        self._name = name
        self._level = level
        # Text without a line end yet, by thread and invocation, so that lines of others never mix in.
        self._partial: dict[_Key, Lines] = {}
        # The numbers of lines that were flushed before their end.
        self._numbers: dict[_Key, int] = {}
        # Characters that began in one piece of bytes and end in the next.
        self._decoders: dict[_Key, codecs.IncrementalDecoder] = {}

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        invocation = self._capture.who()
        if invocation is None and not self._capture.everything:
            return int(self._before.write(text))
        self._take((threading.get_ident(), invocation), text)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        key = (threading.get_ident(), self._capture.who())
        decoder = self._decoders.pop(key, None) or _UTF8("replace")
        text = decoder.decode(data)
        if decoder.getstate()[0]:
            self._decoders[key] = decoder
        if text:
            self.write(text)

    def _take(self, key: _Key, text: str) -> None:
        lines = self._partial.pop(key, None) or Lines()
        for line in lines.take(text):
            self._emit(line, key)
        if lines:
            self._partial[key] = lines

    def _emit(self, line: str, key: _Key) -> None:
        """A line, or what is left of it when a part of it was flushed."""
        number = self._numbers.pop(key, None)
        self._send(line, key, Part(number, False) if number is not None else None)

    def _send(self, text: str, key: _Key, part: Part | None) -> None:
        level = self._level or level_of_stderr(text)
        self._capture.emit(level, text, "console", key[1], self._name, part)

    def end_lines(self, invocation: Invocation | None) -> None:
        for key in [key for key in self._keys() if key[1] is invocation]:
            self._end(key)

    def drop_lines(self) -> None:
        self._partial.clear()
        self._numbers.clear()
        self._decoders.clear()

    def close_lines(self) -> None:
        for key in self._keys():
            self._end(key)

    def _keys(self) -> list[_Key]:
        """Who has begun a line or a character."""
        return list({**self._partial, **self._decoders})

    def _end(self, key: _Key) -> None:
        decoder = self._decoders.pop(key, None)
        if decoder is not None:
            self._take(key, decoder.decode(b"", True))
        lines = self._partial.pop(key, None)
        if lines is not None and ((text := lines.rest()) or lines.is_ahead):
            self._emit(text, key)

    def flush(self) -> None:
        if self._partial:
            key = (threading.get_ident(), self._capture.who())
            lines = self._partial.get(key)
            # It is not kept here: who flushes wants it to be seen, also when this process ends now.
            if lines is not None and (text := lines.ahead()):
                number = self._numbers.setdefault(key, next(_line_numbers))
                self._send(text, key, Part(number, True))
        if self._before is not None and not getattr(self._before, "closed", False):
            self._before.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return int(self._before.fileno())

    def reconfigure(self, **_: Any) -> None:
        """Accepted, since scripts call it on stdout; lines are sent as text, so nothing changes."""

    @property
    def buffer(self) -> _Binary:
        return _Binary(self)


class _Binary(io.RawIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, stream: _Stream) -> None:
        super().__init__()
        self._stream = stream

    def write(self, data: Any) -> int:
        raw = bytes(data)
        self._stream.write_bytes(raw)
        return len(raw)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Nothing: it is called, too, when such an object is given up, and the stream stays."""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()
