"""manualTrigger: a function that only runs when it is asked to, by POST /admin/functions/NAME."""

from __future__ import annotations

from collections.abc import Mapping

from funcjson.binding_data import BindingData, Entry, System, json_text, metadata_of, spread_json
from funcjson.bindings.base import TriggerType
from funcjson.model import Binding, Function, Language, TriggerEvent, TypedData


def value(event: TriggerEvent, _language: Language) -> TypedData:
    """The `input` that the caller gave, as text."""
    return {"string": _text(event)}


def binding_data(event: TriggerEvent, function: Function, azure: bool) -> BindingData:
    """The members of the input, when it is a JSON object."""
    entries = spread_json(_text(event), "body", azure)
    if not any(entry.name.lower() == "sys" for entry in entries):
        entries.append(Entry("sys", System(function.name), "sys"))
    return BindingData(entries)


def metadata(
    _event: TriggerEvent, _function: Function, data: BindingData
) -> Mapping[str, TypedData]:
    """The members of the input."""
    return metadata_of(data)


def offers(_binding: Binding) -> None:
    """Any name: it depends on the input."""


def _text(event: TriggerEvent) -> str:
    payload = event.payload
    if payload is None:
        return ""
    return payload if isinstance(payload, str) else json_text(payload)


BINDING = TriggerType(
    type="manualTrigger",
    schema="bindings/manualTrigger.json",
    binding_data=binding_data,
    value=value,
    metadata=metadata,
    offers=offers,
)
