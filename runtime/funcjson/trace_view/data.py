"""Step 3 of a trace: every name that expressions could use, its value, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from funcjson.binding_data import (
    RESERVED,
    BindingData,
    Entry,
    Names,
    Request,
    System,
)
from funcjson.binding_data import (
    shown as text_of,
)
from funcjson.dotnet_text import json_date
from funcjson.masking import Shown
from funcjson.model import TriggerEvent

_SYSTEM = (
    ("sys.methodname", ""),
    ("sys.utcnow", "the time at each use"),
    ("sys.randguid", "a new GUID at each use"),
)


def data_rows(data: BindingData, shown: Shown) -> list[dict[str, Any]]:
    """Rows `{name, value, from, note, hidden}`; names as they stand in braces."""
    rows: list[dict[str, Any]] = []
    for entry in data:
        rows += list(_rows(entry, shown))
    for entry in data.shadowed:
        note = "not used: this name is taken"
        rows.append(_row(entry.name, _value(entry, shown), entry.origin, note, hidden=True))
    return rows[: 3 * shown.items]


def _rows(entry: Entry, shown: Shown) -> Iterator[dict[str, Any]]:
    value = entry.value
    if isinstance(value, Names):
        root = entry.name.lower()
        for name, text in value.by_key.items():
            given = shown.header(name, text) if value.ignore_case else _query(name, text, shown)
            yield _row(f"{root}.{name}", given, entry.origin)
    elif isinstance(value, System):
        for name, note in _SYSTEM:
            system = value.function_name if name.endswith("methodname") else None
            yield _row(name, system, entry.origin, note)
    elif isinstance(value, Request):
        yield _row(entry.name, None, entry.origin, "the request itself; it shows as nothing")
    else:
        yield _row(entry.name, _value(entry, shown), entry.origin, _note(value))


def _row(
    name: str, value: Any, origin: str, note: str = "", *, hidden: bool = False
) -> dict[str, Any]:
    return {"name": name, "value": value, "from": origin, "note": note, "hidden": hidden}


def _query(name: str, text: str, shown: Shown) -> str:
    return (
        shown.text(text, name) if name.lower() not in ("code", "sig") else shown.text(text, "token")
    )


def _value(entry: Entry, shown: Shown) -> Any:
    if isinstance(entry.value, Names | System | Request):
        return None
    return shown.value(entry.value, entry.name)


def _note(value: Any) -> str:
    if value is None:
        return "null shows as nothing"
    if isinstance(value, dict):
        return "an object shows as nothing; name one of its members"
    if isinstance(value, list):
        return "an array shows as nothing"
    if not isinstance(value, str) and text_of(value, None) == "":
        return "a plain boolean or decimal number shows as nothing"
    return ""


def _is_date(entry: Entry) -> bool:
    value = entry.value
    return entry.origin == "body" and isinstance(value, str) and json_date(value) is not None


def data_rules(data: BindingData, event: TriggerEvent | None, azure: bool) -> list[str]:
    """What the names teach, as far as it shows in these."""
    entries = list(data)
    origins = {entry.origin for entry in entries}
    rules: list[str] = []
    if event is not None and event.request is not None:
        if "body" in origins:
            rules.append("data-body")
            if not azure and any(_is_date(entry) for entry in entries):
                rules.append("data-dates")
        if len(origins & {"body", "query", "route"}) > 1 or data.shadowed:
            rules.append("data-order")
        taken = {entry.name.lower() for entry in data.shadowed} & set(RESERVED)
        if taken:
            rules.append("data-shadow")
        elif azure and any(
            entry.name.lower() in RESERVED
            and entry.origin in ("body", "query")
            and not isinstance(entry.value, Names)
            for entry in entries
        ):
            rules.append("data-shadow-azure")
    if "context" in origins and event is not None and event.type.lower() == "signalrtrigger":
        rules.append("data-context")
    return rules
