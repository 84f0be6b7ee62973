"""What a binding type is: TriggerType, InputType, OutputType, and the services they may use.

A type's `schema` is the path of a shipped schema, such as `bindings/signalR.json`, or, for bindings of
other distributions, the JSON text of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from funcjson.errors import Location, Problem
from funcjson.expressions import BindingData
from funcjson.model import Binding, Function, Language, TriggerEvent, TypedData
from funcjson.settings import Settings
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import Delivery, RestClient


class Services(Protocol):
    """What the host lends to bindings while they bind and flush."""

    @property
    def settings(self) -> Settings: ...

    def endpoints(self, setting: str, where: Location) -> tuple[ServiceEndpoint, ...]:
        """The SignalR endpoints behind a connection setting's name; never empty.

        Raises SettingNotFound or ConnectionStringInvalid, both naming `where`.
        """

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        """A client for the service's REST API on a kept-alive session."""

    def now(self) -> float:
        """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A binding with its expressions evaluated for one invocation.

    `values` has the properties of the binding by their schema spelling; those a type lists in `expressions` are resolved text.
    """

    binding: Binding
    values: Mapping[str, Any]
    locate: Callable[[str], Location]

    def where(self, prop: str = "") -> Location:
        """The place of the binding, or of one of its properties."""
        return self.locate(f"{self.binding.pointer}/{prop}" if prop else self.binding.pointer)


Check = Callable[[Binding, Function, Settings], Iterable[Problem]]


def no_check(_binding: Binding, _function: Function, _settings: Settings) -> Iterable[Problem]:
    """The check of a type that its schema describes completely."""
    return ()


@dataclass(frozen=True, slots=True)
class TriggerType:
    """A trigger.

    `binding_data(event, function, azure)` gives the names that expressions may use (`azure`: in the real platform's own
    order of precedence); `value` what the handler gets; `metadata(event, function, data)` the trigger metadata that Node's
    `context.bindingData` and custom handlers show. `offers` lists the root names that expressions can
    ever find for this binding (None: any, as with an HTTP body). `returns_value` tells that the return value of the
    handler is the answer to the caller. `settings_only` are properties in which `%name%` is resolved at load.
    """

    type: str
    schema: str
    binding_data: Callable[[TriggerEvent, Function, bool], BindingData]
    value: Callable[[TriggerEvent, Language], TypedData]
    metadata: Callable[[TriggerEvent, Function, BindingData], Mapping[str, TypedData]]
    offers: Callable[[Binding], frozenset[str] | None]
    check: Check = no_check
    returns_value: bool = False
    settings_only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class InputType:
    """An input binding. `expressions` are the properties in which `{...}` and `%...%` are resolved."""

    type: str
    schema: str
    bind: Callable[[Resolved, Services], Awaitable[TypedData]]
    expressions: frozenset[str] = frozenset()
    check: Check = no_check


def no_remarks(_value: TypedData, _resolved: Resolved) -> tuple[str, ...]:
    """The remarks of a type that takes a value whole or not at all."""
    return ()


@dataclass(frozen=True, slots=True)
class OutputType:
    """An output binding.

    `collect` checks a handler's value and gives its items, or raises OutputShapeError for all bad ones at once.
    `flush` delivers items in order, one at a time; it tells `delivered` of each and stops at the first failure with FlushError.
    `remarks` says what in a value that `collect` took does nothing; the log and the trace show it.
    """

    type: str
    schema: str
    collect: Callable[[TypedData, Resolved], tuple[Any, ...]]
    flush: Callable[
        [tuple[Any, ...], Resolved, Services, Callable[[Delivery], None]], Awaitable[None]
    ]
    expressions: frozenset[str] = frozenset()
    check: Check = no_check
    remarks: Callable[[TypedData, Resolved], tuple[str, ...]] = no_remarks


BindingType = TriggerType | InputType | OutputType
