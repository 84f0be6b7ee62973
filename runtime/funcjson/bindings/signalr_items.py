"""From a handler's value to the messages and group actions it means, by the rules of the real
extension.

Pure: nothing is sent here. Everything wrong with a value is found at once, before its first item
goes out.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from funcjson.binding_data import scalar_text
from funcjson.errors import Location, OutputShapeError, Problem
from funcjson.json_source import parse_json
from funcjson.model import TypedData

NOT_AN_OBJECT = "Value cannot be null. (Parameter 'item')"
NOT_CONVERTIBLE = "Unable to convert JObject to valid output binding type, check parameters."
NO_IDS = "ConnectionId and UserId cannot be null or empty together"
NO_GROUP = "groupName cannot be null or empty"
NO_TARGET = "Argument cannot be null or empty. (Parameter 'methodName')"

Action = Literal["add", "remove", "removeAll", "none"]
_ACTIONS: tuple[Action, ...] = ("add", "remove", "removeAll")
MEMBERS = ("connectionId", "userId", "groupName", "target", "arguments", "action", "endpoints")
# What people write in place of a member; without it a message meant for few goes to all.
_MEANT = {
    "group": "groupName",
    "groups": "groupName",
    "user": "userId",
    "userid": "userId",
    "users": "userId",
    "connection": "connectionId",
    "method": "target",
    "event": "target",
    "args": "arguments",
    "argument": "arguments",
    "message": "arguments",
    "data": "arguments",
}


@dataclass(frozen=True, slots=True)
class EndpointRef:
    """An entry of `endpoints`; None differs from an empty name."""

    name: str | None
    endpoint: str
    kind: str


@dataclass(frozen=True, slots=True)
class SignalRMessage:
    """A call of `target` on clients: one connection, else one user, else one group, else all of the
    hub.

    `arguments` None is sent as null. `endpoints` None means all that are configured.
    """

    target: str
    arguments: Sequence[Any] | None
    connection_id: str = ""
    user_id: str = ""
    group_name: str = ""
    endpoints: tuple[EndpointRef, ...] | None = None


@dataclass(frozen=True, slots=True)
class SignalRGroupAction:
    """A change of a group's members. `idle` says why it does nothing, as on the real platform;
    empty when it does.
    """

    action: Action
    group_name: str = ""
    connection_id: str = ""
    user_id: str = ""
    endpoints: tuple[EndpointRef, ...] | None = None
    idle: str = ""


Item = SignalRMessage | SignalRGroupAction


@dataclass(frozen=True, slots=True)
class Read:
    """The items of a value, and remarks on members that do nothing."""

    items: tuple[Item, ...]
    remarks: tuple[str, ...] = ()


def read_items(value: TypedData, where: Location, binding: str) -> Read:
    """The items of an output value, in order. Raises OutputShapeError with a Problem for each bad
    item.
    """
    raw = _values(value, where, binding)
    items: list[Item] = []
    problems: list[Problem] = []
    remarks: list[str] = []
    for index, element in enumerate(raw):
        # Told only when there are several: "item 2 of 3".
        which = f"item {index + 1} of {len(raw)}" if len(raw) > 1 else "the value"
        try:
            items.append(_item(element))
            remarks += (f"{which}: {text}" for text in _remarks(element))
        except _BadItem as bad:
            problems.append(
                Problem(
                    bad.code,
                    f"output '{binding}': {which} {bad.what}",
                    where,
                    bad.why,
                    bad.fix,
                    azure=bad.azure,
                )
            )
    if problems:
        raise OutputShapeError(problems)
    return Read(tuple(items), tuple(remarks))


class _BadItem(Exception):  # carried to the loop that knows the item's number
    def __init__(self, code: str, what: str, why: str, fix: str, azure: str | None) -> None:
        super().__init__(what)
        self.code, self.what, self.why, self.fix, self.azure = code, what, why, fix, azure


def _values(value: TypedData, where: Location, binding: str) -> list[Any]:
    """The elements of a value before any check: an array's elements, else the one value."""
    if "json" in value:
        parsed = json.loads(value["json"])
        if parsed is None:
            return []
        return parsed if isinstance(parsed, list) else [parsed]
    text = value.get("string")
    if isinstance(text, str):
        trimmed = text.strip()
        if trimmed[:1] + trimmed[-1:] not in ("{}", "[]"):
            return [text]
        source = parse_json(trimmed, binding, object_root=False)
        if not source.ok:
            raise OutputShapeError(_not_json(source.problems[0], trimmed, where, binding))
        return source.value if isinstance(source.value, list) else [source.value]
    return [value["bytes"] if "bytes" in value else next(iter(value.values()), None)]


def _item(element: Any) -> Item:
    if not isinstance(element, dict):
        raise _not_an_object(element)
    # Letter case does not matter; of two spellings the later wins.
    members = {name.lower(): value for name, value in element.items()}
    endpoints, bad_endpoints = _endpoints(members.get("endpoints"))
    reasons: list[str] = [bad_endpoints] if bad_endpoints else []
    ids = {name: _id(members, name, reasons) for name in ("connectionId", "userId", "groupName")}
    target = members.get("target")
    arguments = members.get("arguments")
    if target is None:
        reasons.append("it has no 'target'")
    elif isinstance(target, dict | list):
        reasons.append("'target' is not text")
    if arguments is not None and not isinstance(arguments, list):
        reasons.append(f"'arguments' must be an array, it is {kind_of(arguments)}")
    if not reasons:
        return _message(scalar_text(target), arguments, ids, endpoints)
    blocked = bad_endpoints or any(_is_nested(members, name) for name in ids)
    action = None if blocked else _action(members.get("action"))
    if action is None:
        raise _not_convertible(members, reasons)
    return _group_action(action, ids, endpoints)


def _id(members: Mapping[str, Any], name: str, reasons: list[str]) -> str:
    value = members.get(name.lower())
    if isinstance(value, dict | list):
        reasons.append(f"'{name}' is not text")
        return ""
    return scalar_text(value)


def _is_nested(members: Mapping[str, Any], name: str) -> bool:
    return isinstance(members.get(name.lower()), dict | list)


def _message(
    target: str,
    arguments: list[Any] | None,
    ids: Mapping[str, str],
    endpoints: tuple[EndpointRef, ...] | None,
) -> SignalRMessage:
    if not target:
        raise _BadItem(
            "FJ0406",
            "has an empty 'target'",
            "target is the name of the method that clients listen for",
            'name it: "target": "newMessage"',
            NO_TARGET,
        )
    used = next((name for name in ("connectionId", "userId", "groupName") if ids[name]), "")
    if used:
        _refuse_dots(used, ids[used])
    return SignalRMessage(
        target, arguments, ids["connectionId"], ids["userId"], ids["groupName"], endpoints
    )


def _action(value: Any) -> tuple[Action, str] | None:
    """The action and its text, None for what the platform cannot convert. Numbers out of range do
    nothing.
    """
    if isinstance(value, bool) or value is None or isinstance(value, float | dict | list):
        return None
    text = str(value).strip()
    for known in _ACTIONS:
        if text.lower() == known.lower():
            return known, text
    try:
        number = int(text)
    except ValueError:
        return None
    return (_ACTIONS[number] if 0 <= number < len(_ACTIONS) else "none"), text


def _group_action(
    action: tuple[Action, str],
    ids: Mapping[str, str],
    endpoints: tuple[EndpointRef, ...] | None,
) -> SignalRGroupAction:
    name, text = action
    connection, user, group = ids["connectionId"], ids["userId"], ids["groupName"]
    if not connection and not user:
        raise _BadItem(
            "FJ0404",
            f"has the action '{text}' for nobody",
            "a group action needs a connectionId or a userId that is not empty",
            'add "userId": "..." (or "connectionId": "...")',
            NO_IDS,
        )
    idle = ""
    if name == "none":
        idle = f"the action number {text} means nothing: 0 is add, 1 remove, 2 removeAll"
    elif name == "removeAll" and connection:
        idle = "removeAll works for a userId only, and a connectionId is given"
    elif name != "removeAll" and not group:
        raise _BadItem(
            "FJ0405",
            f"has the action '{name}' without a group",
            "add and remove need a groupName that is not empty",
            'add "groupName": "..."',
            NO_GROUP,
        )
    if not idle:
        for key in ("connectionId",) if connection else ("userId",):
            _refuse_dots(key, ids[key])
        if name != "removeAll":
            _refuse_dots("groupName", group)
    return SignalRGroupAction(name, group, connection, "" if connection else user, endpoints, idle)


def _refuse_dots(name: str, value: str) -> None:
    if value in (".", ".."):
        raise _BadItem(
            "FJ0407",
            f"has the {name} '{value}'",
            "in a URL it means another path; the real client sends such a message to a wider "
            "audience without a word, and this host does not",
            f"use another {name}",
            None,
        )


def _endpoints(value: Any) -> tuple[tuple[EndpointRef, ...] | None, str]:
    """The endpoints, None for all; and what is wrong with them."""
    if value is None:
        return None, ""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return None, "'endpoints' must be an array of endpoints, as signalREndpoints gives them"
    refs = []
    for each in value:
        members = {name.lower(): member for name, member in each.items()}
        url = members.get("endpoint")
        if not isinstance(url, str) or not _is_url(url):
            return None, "an entry of 'endpoints' has no valid 'endpoint' URL"
        name = members.get("name")
        kind = members.get("endpointtype", "Primary")
        text = {"0": "primary", "1": "secondary"}.get(str(kind), str(kind).lower())
        refs.append(EndpointRef(None if name is None else str(name), url.rstrip("/").lower(), text))
    return tuple(refs), ""


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _remarks(element: Mapping[str, Any]) -> Iterable[str]:
    """Members that do nothing, with what was perhaps meant."""
    known = {name.lower() for name in MEMBERS}
    for name in element:
        folded = name.lower()
        if folded in known:
            continue
        near = _MEANT.get(folded) or next(
            iter(difflib.get_close_matches(name, MEMBERS, 1, 0.75)), None
        )
        if near:
            yield f"'{name}' does nothing; did you mean '{near}'?"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (str, "text"),
    (int, "a number"),
    (float, "a number"),
    (list, "an array"),
    (dict, "an object"),
    (bytes, "bytes"),
)


def kind_of(value: Any) -> str:
    """A value's kind for a person."""
    return next((text for kind, text in _KINDS if isinstance(value, kind)), "null")


_NOT_AN_OBJECT_FIX: tuple[tuple[type, str], ...] = (
    (bytes, "give text or an object; json.dumps(...) makes text"),
    (list, "give one flat array of objects"),
    (str, 'give an object: {"target": "newMessage", "arguments": ["..."]}'),
)


def _not_an_object(element: Any) -> _BadItem:
    fix = next(
        (text for kind, text in _NOT_AN_OBJECT_FIX if isinstance(element, kind)),
        'give an object: {"target": "newMessage", "arguments": ["..."]}',
    )
    return _BadItem(
        "FJ0401",
        f"is {kind_of(element)}, not an object",
        "each item is a JSON object: a message has a target, a group action an action",
        fix,
        NOT_AN_OBJECT,
    )


def _not_convertible(members: Mapping[str, Any], reasons: Sequence[str]) -> _BadItem:
    action = members.get("action")
    why = f"no message: {'; '.join(reasons)}. "
    valid = _action(action) is not None
    if action is None:
        why += "No group action: it has no 'action'"
    elif valid:
        why += "No group action: ids and endpoints must be right there too"
    else:
        why += f"No group action: 'action' is {json.dumps(action)}, not add, remove or removeAll"
    meant = [
        f"'{name}' to '{_MEANT[name]}'"
        for name in members
        if name in _MEANT and _MEANT[name].lower() not in members
    ]
    near = difflib.get_close_matches(str(action).lower(), [a.lower() for a in _ACTIONS], 1)
    if meant:
        fix = f"rename {' and '.join(meant)}"
    elif valid:
        fix = "give ids as text, and endpoints as signalREndpoints gives them"
    elif action is not None and near:
        fix = f"did you mean '{next(a for a in _ACTIONS if a.lower() == near[0])}'?"
    elif "target" in members and not isinstance(members.get("arguments"), list | None):
        fix = 'put the arguments into an array: "arguments": [...]'
    else:
        fix = 'give "target" and "arguments" for a message, or "action" for a group action'
    return _BadItem("FJ0403", "is neither a message nor a group action", why, fix, NOT_CONVERTIBLE)


def _not_json(found: Problem, text: str, where: Location, binding: str) -> Problem:
    python = any(word in text for word in ("True", "False", "None"))
    place = f" (line {found.where.line}, column {found.where.column})" if found.where else ""
    return Problem(
        "FJ0402",
        f"output '{binding}': the text looks like JSON but is not: {found.what}{place}",
        where,
        "text that begins and ends like an object or array is parsed",
        "use json.dumps(...), not str(...)" if python else "make the text with a JSON library",
    )
