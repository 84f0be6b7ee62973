"""signalRTrigger: a client connects, disconnects, or calls a hub method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

from funcjson.binding_data import (
    BindingData,
    Entry,
    System,
    dates_revived,
    json_text,
    metadata_of,
    spread,
)
from funcjson.bindings import signalr_hub
from funcjson.bindings.base import TriggerType
from funcjson.errors import BindingError, Problem, Severity
from funcjson.model import Binding, Function, Language, TriggerEvent, TypedData
from funcjson.settings import Settings

CONNECTIONS, MESSAGES = "connections", "messages"
CONTEXT_NAMES = (
    *("Category", "Event", "Hub", "ConnectionId", "UserId"),
    *("Headers", "Query", "Claims", "Error"),
)


@dataclass(frozen=True, slots=True)
class SignalREvent:
    """What the service tells of a client; the payload of the trigger's event.

    `hub`, `category` and `event` are in the service's letter case. `arguments` is None but for
    messages; `error` only comes with disconnected. With `invocation_id` the client waits for an
    answer, encoded in `protocol`; of a stream it is the id by which REST sends items.
    """

    hub: str
    category: str
    event: str
    connection_id: str
    user_id: str | None = None
    arguments: Sequence[Any] | None = None
    error: str | None = None
    headers: Mapping[str, str] | None = None
    query: Mapping[str, str] | None = None
    claims: Mapping[str, str] | None = None
    invocation_id: str | None = None
    protocol: Literal["json", "messagepack"] = "json"
    is_stream: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What a function is found by."""
        return self.hub.lower(), self.category.lower(), self.event.lower()

    def context(self) -> dict[str, Any]:
        """What handlers get: PascalCase members in the platform's order, nulls included."""
        return {
            "Arguments": None if self.arguments is None else list(self.arguments),
            "Error": self.error,
            "Category": self.category,
            "Event": self.event,
            "Hub": self.hub,
            "ConnectionId": self.connection_id,
            "UserId": self.user_id,
            "Headers": dict(self.headers or {}),
            "Query": self.query and dict(self.query),
            "Claims": self.claims and dict(self.claims),
        }


def key_of(binding: Binding) -> tuple[str, str, str]:
    """Hub, category and event of a trigger, in lower case."""
    hub, category, event = (
        str(binding.properties.get(name) or "").lower() for name in ("hubName", "category", "event")
    )
    return hub, category, event


def claims_of(text: str) -> dict[str, str] | None:
    """The header X-ASRS-User-Claims; None when it is empty.

    Entries that are not exactly `type: value` are dropped and the first of a type wins, so a value
    with a comma or `: ` is lost, as on the real platform.
    """
    if not text:
        return None
    found: dict[str, str] = {}
    for entry in text.split(","):
        parts = entry.strip().split(": ")
        if len(parts) == 2:
            found.setdefault(parts[0], parts[1])
    return found


def query_of(text: str) -> dict[str, str] | None:
    """The header X-ASRS-Client-Query; None when it is empty. Repeated names are joined with a
    comma.
    """
    trimmed = text.removeprefix("?")
    if not trimmed:
        return None
    found: dict[str, str] = {}
    for name, value in parse_qsl(trimmed, keep_blank_values=True, errors="replace"):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def value(event: TriggerEvent, _language: Language) -> TypedData:
    """The context as compact JSON text."""
    return {"string": json_text(_payload(event).context())}


def binding_data(event: TriggerEvent, function: Function, azure: bool) -> BindingData:
    """The named arguments, then the members of the context, which replace arguments of the same
    name.

    Raises BindingError when there are not as many arguments as names.
    """
    payload = _payload(event)
    names = parameter_names(function.trigger)
    arguments = payload.arguments or ()
    if names and len(names) != len(arguments):
        raise BindingError(_wrong_count(function, names, len(arguments)))
    entries = [
        Entry(name, dates_revived(argument) if azure else argument, "argument")
        for name, argument in zip(names, arguments, strict=False)
    ]
    entries += spread(payload.context(), "context", azure)
    if not any(entry.name.lower() == "sys" for entry in entries):
        entries.append(Entry("sys", System(function.name), "sys"))
    return BindingData(entries)


def parameter_names(binding: Binding) -> tuple[str, ...]:
    """`parameterNames`; null counts as none."""
    names = binding.properties.get("parameterNames")
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def metadata(
    _event: TriggerEvent, _function: Function, data: BindingData
) -> Mapping[str, TypedData]:
    """All names with their values."""
    return metadata_of(data)


def offers(binding: Binding) -> frozenset[str]:
    """The names an expression can use with this trigger."""
    names = {*parameter_names(binding), *CONTEXT_NAMES, "sys"}
    if key_of(binding)[1] == MESSAGES:
        names.discard("Error")
    return frozenset(names)


def check(binding: Binding, function: Function, settings: Settings) -> Iterable[Problem]:
    """What the schema cannot say."""
    _hub, category, event = key_of(binding)
    if category == CONNECTIONS and event not in ("connected", "disconnected"):
        written = binding.properties.get("event")
        yield Problem(
            "FJ0326",
            f"there is no connection event '{written}'",
            function.locate(f"{binding.pointer}/event"),
            "the category connections has the events connected and disconnected",
            'write "connected" or "disconnected", or "category": "messages" for a hub method',
            function=function.name,
            azure=f"Event {written} is not supported in connections",
        )
    names = parameter_names(binding)
    repeated = sorted({n for n in names if sum(o.lower() == n.lower() for o in names) > 1})
    if repeated:
        yield Problem(
            "FJ0327",
            f"parameterNames holds a name twice: {', '.join(repeated)}",
            function.locate(f"{binding.pointer}/parameterNames"),
            "names differ by more than their letter case",
            "give each argument a name of its own",
            function=function.name,
            azure="Elements in ParameterNames should be ignore case unique.",
        )
    elif names and category == CONNECTIONS:
        yield Problem(
            "FJ0325",
            "parameterNames fails every call of a connection event",
            function.locate(f"{binding.pointer}/parameterNames"),
            "connected and disconnected have no arguments, and their number must be that of the names",
            'remove "parameterNames"',
            Severity.WARNING,
            function.name,
            f"The function accept {len(names)} arguments but message provided 0.",
        )
    for name in ("hubName", "category", "event"):
        text = str(binding.properties.get(name) or "")
        if "{" in text:
            yield Problem(
                "FJ0328",
                f"{name} '{text}' is taken as it stands, braces included",
                function.locate(f"{binding.pointer}/{name}"),
                "a trigger is found by these texts, before there is any data for {...}",
                f"write the {name} itself, or %SETTING%",
                Severity.WARNING,
                function.name,
            )
    yield from signalr_hub.check(binding, function, settings)


def duplicate_keys(functions: Iterable[Function]) -> Iterable[Problem]:
    """Functions whose hub, category and event another function, earlier in the order, already
    has.
    """
    first: dict[tuple[str, str, str], Function] = {}
    for function in functions:
        if function.trigger.type != BINDING.type:
            continue
        key = key_of(function.trigger)
        earlier = first.setdefault(key, function)
        if earlier is not function:
            hub, category, event = (
                function.trigger.properties.get(name) for name in ("hubName", "category", "event")
            )
            yield Problem(
                "FJ0329",
                f"'{earlier.name}' already gets {category}/{event} of hub '{hub}'",
                function.locate(function.trigger.pointer),
                "an event of the service sets off one function",
                "remove one of the two, or let one function do both",
                function=function.name,
                azure=f"Duplicated key parameter hub: {hub}, category: {category}, event: {event}",
            )


def _payload(event: TriggerEvent) -> SignalREvent:
    payload = event.payload
    assert isinstance(payload, SignalREvent)
    return payload


def _wrong_count(function: Function, names: Sequence[str], count: int) -> Problem:
    return Problem(
        "FJ0325",
        f"the client gave {count} arguments, parameterNames has {len(names)}",
        function.locate(f"{function.trigger.pointer}/parameterNames"),
        f"the names are: {', '.join(names)}; the numbers must be equal",
        "make the client send one argument per name, or change parameterNames",
        function=function.name,
        azure=f"The function accept {len(names)} arguments but message provided {count}.",
    )


BINDING = TriggerType(
    type="signalRTrigger",
    schema="bindings/signalRTrigger.json",
    binding_data=binding_data,
    value=value,
    metadata=metadata,
    offers=offers,
    check=check,
    returns_value=True,
    settings_only=frozenset({"hubName", "category", "event"}),
)
