"""The nouns of the runtime as frozen data: app, function, binding, typed data, trigger event, invocation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from funcjson.errors import Location, Problem
from funcjson.noun import noun

# A value that crosses between host and worker: a dict with exactly one of these keys, or {} for "nothing".
#   string: str   json: str (JSON text)   bytes: bytes   int: int   double: float
#   http: dict (request or response, see `workers/wire.py`)
# These are the members of the real platform's RpcTypedData, so that conversion rules can be stated once.
TypedData = dict[str, Any]
NOTHING: TypedData = {}


class Direction(StrEnum):
    """Which way a binding carries data, seen from the handler."""

    IN = "in"
    OUT = "out"
    INOUT = "inout"


class Language(StrEnum):
    """Which worker runs a handler."""

    PYTHON = "python"
    NODE = "node"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Binding:
    """One entry of `bindings`, spelled as its schema spells it.

    `properties` holds every member of the entry (also name, type, direction), known names in the schema's letter case.
    `pointer` is the JSON pointer of the entry in its document, such as `/bindings/2`.
    """

    name: str
    type: str
    direction: Direction
    properties: Mapping[str, Any]
    pointer: str

    @property
    def is_trigger(self) -> bool:
        # The Functions host's own rule: the type's name says so.
        return self.type.lower().endswith("trigger") and self.direction is not Direction.OUT


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retry` of a document. `max_retry_count` -1 means for ever; delays in seconds."""

    strategy: str
    max_retry_count: int
    delay_s: float = 0.0
    minimum_s: float = 0.0
    maximum_s: float = 0.0


def _nowhere(pointer: str) -> Location:
    return Location("function.json", pointer=pointer)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: a validated document and where its handler is.

    `locate` turns a JSON pointer into a place in the file (for code-first functions: in the handler's file).
    `script_file` is relative to the app root, with `/`; None for custom handlers without a file.
    """

    name: str
    directory: Path
    bindings: tuple[Binding, ...]
    language: Language
    script_file: str | None = None
    entry_point: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    disabled: bool = False
    retry: RetryPolicy | None = None
    locate: Callable[[str], Location] = _nowhere
    code_first: bool = False
    # Asked for at every invocation, so found once; unset when there is none.
    trigger: Binding = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for binding in self.bindings:
            if binding.is_trigger:
                object.__setattr__(self, "trigger", binding)
                return

    @property
    def inputs(self) -> tuple[Binding, ...]:
        """The `in` bindings that are not the trigger, in declaration order."""
        return tuple(
            b for b in self.bindings if not b.is_trigger and b.direction is not Direction.OUT
        )

    @property
    def outputs(self) -> tuple[Binding, ...]:
        return tuple(
            b for b in self.bindings if b.direction is not Direction.IN and not b.is_trigger
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sound function that the app's settings keep from running; the problem says which of them."""

    function: Function
    problem: Problem

    @property
    def why(self) -> str:
        """The reason, of a function that is named before it."""
        said = self.problem.what.removeprefix(f"{self.function.name} ")
        return f"it {said} ({self.problem.code})"


@dataclass(frozen=True, slots=True)
class FunctionSet:
    """What a front end found: the functions that are sound, every problem of the others, and those that are not to run."""

    functions: tuple[Function, ...]
    problems: tuple[Problem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@noun(frozen=True, slots=True)
class HttpRequest:
    """A request as the host received it.

    `headers` in wire order and case; `query` is the raw query string without `?`; `route_params` decoded, None for an
    optional parameter that the URL leaves out.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    route_params: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes = b""


@noun(frozen=True, slots=True)
class HttpResponse:
    """A response as the host will send it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


MOST_KEPT = 65_536


@dataclass(slots=True)
class Passing:
    """A body that passes in pieces: how many bytes so far, the first of them, and how it ended ("running" until then)."""

    size: int = 0
    kept: bytes = b""
    state: Literal["running", "whole", "broken off", "left unread"] = "running"

    def add(self, piece: bytes) -> None:
        """Count a piece that passed."""
        self.size += len(piece)
        if len(self.kept) < MOST_KEPT:
            self.kept += piece[: MOST_KEPT - len(self.kept)]


class RequestSource(Protocol):
    """Gives the body of a request as it arrives. `passed` is what was read."""

    passed: Passing

    async def read(self) -> bytes:
        """The next piece, b"" at the end; raises ConnectionError when the caller is gone, FuncJsonError when it is too
        large.
        """


class ResponseSink(Protocol):
    """Takes an HTTP response in pieces while its handler still runs; raises ConnectionError when the caller is gone.

    `status` is 0 until it began; `look` raises as the others do, and sends nothing.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    passed: Passing

    def look(self) -> None: ...

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None: ...

    async def write(self, data: bytes) -> None: ...


@noun(frozen=True, slots=True)
class TriggerEvent:
    """What set a function off. Exactly one of `request` and `payload` matters, by trigger type.

    `reason` is the word of the log line "Executing ... (Reason='...')". `sink` may be given where the caller can take a
    response in pieces; a response that went there is no output of the invocation. `source` gives the request's body when
    `request` has none since it is still arriving.
    """

    type: str
    request: HttpRequest | None = None
    payload: Any = None
    reason: str = "This function was programmatically called via the host APIs."
    sink: ResponseSink | None = field(default=None, compare=False, repr=False)
    source: RequestSource | None = field(default=None, compare=False, repr=False)

    @property
    def request_so_far(self) -> HttpRequest | None:
        """The request, with as much as is kept of a body that arrives in pieces."""
        if self.source is None or self.request is None:
            return self.request
        return replace(self.request, body=self.source.passed.kept)


@dataclass(frozen=True, slots=True)
class RetryContext:
    """Which retry this is, and how the try before it failed; the first try has none."""

    retry_count: int
    max_retry_count: int
    exception: str = ""
    stack: str = ""


@noun(frozen=True, slots=True)
class Call:
    """What a worker needs to run one invocation. Inputs in handler order, the trigger first; `sink` and `source` as in
    TriggerEvent.
    """

    invocation_id: str
    function: str
    inputs: tuple[tuple[str, TypedData], ...]
    trigger_metadata: Mapping[str, TypedData] = field(default_factory=dict)
    retry: RetryContext | None = None
    trace_parent: str = ""
    sink: ResponseSink | None = field(default=None, compare=False, repr=False)
    source: RequestSource | None = field(default=None, compare=False, repr=False)


@noun(frozen=True, slots=True)
class CallResult:
    """What a worker gives back: values by output name, and the return value (NOTHING when none)."""

    outputs: Mapping[str, TypedData]
    return_value: TypedData = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerLog:
    """One line of user code. `level` is trace, debug, information, warning, error or critical."""

    message: str
    level: str = "information"
    function: str | None = None
    invocation_id: str | None = None
    category: str = "user"
