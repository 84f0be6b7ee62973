"""What happened in each invocation, as data: nine steps, kept in a bounded recorder, read by logs, explain and the page.

Recording keeps references to the live objects and costs a few microseconds; whoever reads renders them (`trace_view`),
and only there are secrets masked. An event's data therefore never goes anywhere but through `trace_view`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from funcjson.errors import Problem


class Step(IntEnum):
    """The nine steps, in order."""

    ARRIVED = 1
    CHOSEN = 2
    DATA = 3
    RESOLVED = 4
    INPUTS = 5
    HANDLER = 6
    COLLECTED = 7
    FLUSHED = 8
    DELIVERED = 9


class TraceEvent(NamedTuple):
    """One thing that happened. `at_s` is seconds since the invocation began; `data` holds live objects, and secrets."""

    step: Step
    at_s: float
    data: Mapping[str, Any]


class TraceLine(NamedTuple):
    """One line that the handler logged or printed."""

    at_s: float
    level: str
    text: str


_now = time.perf_counter
MOST_LINES = 200
_LINE_CHARS = 4_000


@dataclass(slots=True)
class InvocationTrace:
    """All events of one invocation, added while it runs. `weight` is about how many bytes it keeps alive."""

    id: str
    function: str
    began_at: float
    outcome: str = "running"
    duration_s: float = 0.0
    problems: tuple[Problem, ...] = ()
    lines: list[TraceLine] = field(default_factory=list)
    weight: int = 0
    forgotten: bool = False
    _began: float = field(default_factory=time.perf_counter)
    # Step, time, name and value of each event in one flat list: half the cost of an object for each, and this is
    # always on. Without a name the value is the whole data.
    _flat: list[Any] = field(default_factory=list)

    @property
    def events(self) -> list[TraceEvent]:
        """What happened so far, in order."""
        flat, began = self._flat, self._began
        return [
            TraceEvent(flat[at], flat[at + 1] - began, _data(flat[at + 2], flat[at + 3]))
            for at in range(0, len(flat), 4)
        ]

    def first(self, step: Step) -> Mapping[str, Any] | None:
        """The data of the first event of a step, without looking at the others."""
        flat = self._flat
        for at in range(0, len(flat), 4):
            if flat[at] is step:
                return _data(flat[at + 2], flat[at + 3])
        return None

    def add(self, step: Step, data: Mapping[str, Any]) -> None:
        self._flat += (step, _now(), "", data)

    def add_one(self, step: Step, name: str, value: object) -> None:
        """As `add` of {name: value}, which is made when somebody looks."""
        self._flat += (step, _now(), name, value)

    def end(self, outcome: str) -> None:
        self.outcome = outcome
        self.duration_s = time.perf_counter() - self._began

    def note(self, level: str, text: str) -> None:
        """Keep a line of the handler; the first ones, when there are very many."""
        if len(self.lines) < MOST_LINES:
            at_s = time.perf_counter() - self._began
            self.lines.append(TraceLine(at_s, level, text[:_LINE_CHARS]))

    def forget(self) -> None:
        """Let go of everything but what a list shows."""
        self._flat.clear()
        self.lines.clear()
        self.weight = 0
        self.forgotten = True


def _data(name: str, value: Any) -> Mapping[str, Any]:
    return {name: value} if name else value


class Recorder:
    """The last `limit` invocations, and at most about `most_bytes` of bodies; listeners hear of each when it ends."""

    def __init__(self, limit: int = 500, most_bytes: int = 64 << 20) -> None:
        self._traces: deque[InvocationTrace] = deque()
        self._listeners: list[Callable[[InvocationTrace], None]] = []
        self._running: dict[str, InvocationTrace] = {}
        self._limit = limit
        self._most_bytes = most_bytes
        self._bytes = 0

    def begin(self, invocation_id: str, function: str) -> InvocationTrace:
        trace = InvocationTrace(invocation_id, function, time.time())
        self._traces.append(trace)
        self._running[invocation_id] = trace
        if len(self._traces) > self._limit:
            self._drop()
        return trace

    def end(self, trace: InvocationTrace, outcome: str) -> None:
        trace.end(outcome)
        for listener in self._listeners:
            listener(trace)
        if self._running.pop(trace.id, None) is None:
            return  # so many began meanwhile that this one is no longer kept
        if trace.weight > self._most_bytes:
            trace.forget()
        self._bytes += trace.weight
        while self._bytes > self._most_bytes:
            self._drop()

    def _drop(self) -> None:
        trace = self._traces.popleft()
        if self._running.pop(trace.id, None) is None:
            self._bytes -= trace.weight

    def note(self, invocation_id: str, level: str, text: str) -> None:
        """Keep a line that a running invocation's handler logged."""
        trace = self._running.get(invocation_id)
        if trace is not None:
            trace.note(level, text)

    def listen(self, listener: Callable[[InvocationTrace], None]) -> None:
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[InvocationTrace], None]) -> None:
        """Stop telling a listener; nothing happens when it does not listen."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    @property
    def newest(self) -> InvocationTrace | None:
        """The one that began last."""
        return self._traces[-1] if self._traces else None

    def find(self, invocation_id: str) -> InvocationTrace | None:
        return next((trace for trace in self._traces if trace.id == invocation_id), None)

    def __iter__(self) -> Iterator[InvocationTrace]:
        return iter(tuple(self._traces))

    def __len__(self) -> int:
        return len(self._traces)
