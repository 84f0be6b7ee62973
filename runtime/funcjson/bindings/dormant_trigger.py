"""Triggers of services that are not here: such a function loads, and runs when it is fired by hand.

`POST /admin/functions/NAME` gives it the caller's input, as the real host does for a function of any trigger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from funcjson.binding_data import BindingData, json_text
from funcjson.bindings import manual_trigger
from funcjson.bindings.base import TriggerType
from funcjson.errors import Problem, Severity
from funcjson.model import Binding, Function, Language, TriggerEvent, TypedData
from funcjson.settings import Settings

# The properties are the other service's affair.
_SCHEMA = '{"type": "object", "additionalProperties": true}'
# What azure-functions looks for to tell one event from several; an event made by hand has none of it.
_PROPERTIES = {"eventHubTrigger": "SystemProperties", "serviceBusTrigger": "UserProperties"}


def value(event: TriggerEvent, language: Language) -> TypedData:
    """The caller's input as text, or a list of several events as JSON."""
    if isinstance(event.payload, list):
        return {"json": json_text(event.payload)}
    return manual_trigger.value(event, language)


def metadata(event: TriggerEvent, function: Function, data: BindingData) -> Mapping[str, TypedData]:
    """The members of the input, and the empty properties of its events."""
    found = dict(manual_trigger.metadata(event, function, data))
    name = _PROPERTIES.get(function.trigger.type)
    if name is not None and isinstance(event.payload, list):
        found[f"{name}Array"] = {"json": json_text([{} for _ in event.payload])}
    elif name is not None:
        found[name] = {"json": "{}"}
    return found


def dormant(type_name: str, owner: str) -> TriggerType:
    """The trigger type of that name; `owner` is the service whose events it waits for."""

    def check(binding: Binding, function: Function, _settings: Settings) -> Iterator[Problem]:
        yield Problem(
            "FJ0225",
            f"nothing fires the {type_name} of '{function.name}' here",
            function.locate(f"{binding.pointer}/type"),
            why=f"it waits for {owner}, which this host does not listen to",
            fix=f"""fire it by hand: curl -d '{{"input": "..."}}' URL/admin/functions/{function.name}""",
            severity=Severity.WARNING,
            function=function.name,
        )

    return TriggerType(
        type=type_name,
        schema=_SCHEMA,
        binding_data=manual_trigger.binding_data,
        value=value,
        metadata=metadata,
        offers=manual_trigger.offers,
        check=check,
    )
