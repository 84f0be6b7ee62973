"""What happened in each invocation, as data: nine steps, kept in a bounded recorder, read by logs, explain and the page."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

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


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One thing that happened. `at_s` is seconds since the invocation began; `data` is JSON-like and holds no secret."""

    step: Step
    at_s: float
    data: Mapping[str, Any]


@dataclass(slots=True)
class InvocationTrace:
    """All events of one invocation, added while it runs."""

    id: str
    function: str
    began_at: float
    events: list[TraceEvent] = field(default_factory=list)
    outcome: str = "running"
    duration_s: float = 0.0
    problems: tuple[Problem, ...] = ()
    _began: float = field(default_factory=time.perf_counter)

    def add(self, step: Step, data: Mapping[str, Any]) -> None:
        self.events.append(TraceEvent(step, time.perf_counter() - self._began, data))

    def end(self, outcome: str) -> None:
        self.outcome = outcome
        self.duration_s = time.perf_counter() - self._began


class Recorder:
    """The last `limit` invocations; listeners hear of each when it ends."""

    def __init__(self, limit: int = 500) -> None:
        self._traces: deque[InvocationTrace] = deque(maxlen=limit)
        self._listeners: list[Callable[[InvocationTrace], None]] = []

    def begin(self, invocation_id: str, function: str) -> InvocationTrace:
        trace = InvocationTrace(invocation_id, function, time.time())
        self._traces.append(trace)
        return trace

    def end(self, trace: InvocationTrace, outcome: str) -> None:
        trace.end(outcome)
        for listener in self._listeners:
            listener(trace)

    def listen(self, listener: Callable[[InvocationTrace], None]) -> None:
        self._listeners.append(listener)

    def find(self, invocation_id: str) -> InvocationTrace | None:
        return next((trace for trace in self._traces if trace.id == invocation_id), None)

    def __iter__(self) -> Iterator[InvocationTrace]:
        return iter(tuple(self._traces))

    def __len__(self) -> int:
        return len(self._traces)
