"""The Worker protocol: start, load, index, invoke, stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from funcjson.errors import Location
from funcjson.model import Call, CallResult, Function, Language, WorkerLog

LogSink = Callable[[WorkerLog], None]


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """A code-first function as its worker reports it: the document it compiles to, and where it is written."""

    name: str
    document: dict[str, Any]
    script_file: str
    line: int = 0
    entry_point: str | None = None


@dataclass(frozen=True, slots=True)
class IndexResult:
    """What indexing found. `error` is the user's own error text when the app's entry file failed, `place` where; `streams`
    tells that the app's responses come in pieces where they may. Each of `warnings` has its place, when it is known.
    """

    functions: tuple[IndexedFunction, ...] = ()
    error: str | None = None
    stack: str = ""
    warnings: tuple[tuple[str, Location | None], ...] = field(default=())
    streams: bool = False
    place: Location | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """Where one thread or task is. `function` and `invocation_id` are of the call that it works for, `place` is in the app's code."""

    title: str
    text: str
    invocation_id: str | None = None
    function: str | None = None
    place: Location | None = None


@dataclass(frozen=True, slots=True)
class Stacks:
    """Where the code of a process is: `text` where the worker says it in words. While `holder` runs, nothing else in it does.
    `waits` says that nothing runs, so that all that is not done waits for something.
    """

    stacks: tuple[Stack, ...] = ()
    text: str = ""
    holder: Stack | None = None
    waits: bool = False

    def of_call(self, invocation_id: str) -> Stack | None:
        """Where a call is."""
        return next((one for one in self.stacks if one.invocation_id == invocation_id), None)

    def render(self, invocation_id: str | None = None) -> str:
        """All of it, the call in question first."""
        ordered = sorted(self.stacks, key=lambda one: one.invocation_id != invocation_id)
        blocks = [f"{_title(one, invocation_id)}:\n{one.text.rstrip()}" for one in ordered]
        return "\n".join([*blocks, *filter(None, [self.text.rstrip()])])


def _title(stack: Stack, invocation_id: str | None) -> str:
    if stack.invocation_id is None:
        return stack.title
    if stack.invocation_id == invocation_id:
        return f"{stack.title}, this call"
    return f"{stack.title}, a call of '{stack.function}'"


class Worker(Protocol):
    """Runs handlers of one language.

    Guarantees: `invoke` calls run concurrently; a lost worker fails each running call with WorkerError and never hangs;
    log lines of a call reach the sink before its `invoke` returns.
    """

    language: Language

    async def start(self) -> None:
        """Start; raises WorkerStartError."""

    async def load(self, function: Function) -> None:
        """Load a handler; raises HandlerLoadError with the user's own traceback."""

    async def index(self) -> IndexResult:
        """Find code-first functions (Python v2, Node v4). Empty for apps that have none."""

    async def ready(self) -> None:
        """Wait for a restart that is under way; raises WorkerError when the worker cannot be had."""

    async def invoke(self, call: Call) -> CallResult:
        """Run a handler; raises HandlerError, or WorkerError when the worker is lost."""

    async def stacks(self, invocation_id: str | None = None) -> Stacks:
        """Where the code is now, for a handler that is stuck (of its process only, when it is named)."""

    async def restart(self, reason: str, invocation_id: str | None = None, why: str = "") -> None:
        """Kill the worker (or the one process that runs an invocation) and start afresh with the same functions.

        Calls that run in it fail with WorkerError, which gives `reason` and `why`."""

    async def stop(self) -> None:
        """Stop at once; idempotent."""
