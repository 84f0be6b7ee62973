"""The body of a transaction: a JSON array of commands, in camelCase as published or in PascalCase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from funcjson.signalr.limits import group_name_fault
from funcjson.signalr.rest_body import invocation_of, json_of
from funcjson.signalr.rest_problem import RestProblem, invalid, unsupported_media_type
from funcjson.signalr.transactions import (
    CloseConnection,
    Command,
    JoinGroup,
    LeaveGroup,
    SendMessage,
)

_EXAMPLE = 'send [{"type": "JoinGroup", "group": "g1"}, ...]'
_MESSAGE = '{"type": "SendMessage", "message": {"target": "newMessage", "arguments": ["hello"]}}'


def commands_of(content_type: str, body: bytes) -> list[Command]:
    """The commands in a body. Raises RestProblem (400, 415), so that all are sound before one runs."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("", "application/json"):
        raise unsupported_media_type(media_type, ("application/json",))
    value = json_of("application/json", body)
    if not isinstance(value, list):
        raise invalid("The request body must be an array of commands.", _EXAMPLE, "commands")
    return [_command(f"commands[{index}]", each) for index, each in enumerate(value)]


def _command(where: str, value: Any) -> Command:
    if not isinstance(value, dict):
        raise invalid("A command must be an object.", _EXAMPLE, where)
    members = {str(name).lower(): member for name, member in value.items()}
    kind = members.pop("type", None)
    known = _KINDS.get(kind.lower()) if isinstance(kind, str) else None
    if known is None:
        raise invalid(
            "The type of a command must be SendMessage, JoinGroup, LeaveGroup or CloseConnection.",
            "correct its type",
            f"{where}.type",
        )
    member, make = known
    other = next((name for name in value if str(name).lower() not in ("type", member)), None)
    if other is not None:
        raise invalid(
            f"{kind} has no member '{other}'.",
            f"give {kind} only its type and '{member}'; the filter of the URL selects connections",
            f"{where}.{other}",
        )
    return make(f"{where}.{member}", members.get(member))


def _send(where: str, message: Any) -> Command:
    try:
        return SendMessage(invocation_of(message))
    except RestProblem as fault:
        place = f"{where}.{fault.target}" if fault.target else where
        raise invalid(fault.message, f"send {_MESSAGE}", place) from fault


def _group(where: str, group: Any) -> str:
    fault = group_name_fault(group) if isinstance(group, str) else "The group must be a text."
    if fault:
        raise invalid(fault, "name a group of 1 to 1024 characters, not only white space", where)
    return str(group)


def _close(where: str, reason: Any) -> Command:
    if reason is not None and not isinstance(reason, str):
        raise invalid("The reason must be a text.", "write a text, or leave reason out", where)
    return CloseConnection(reason)


# The type in lower case -> its one member, and what is made of that.
_KINDS: Mapping[str, tuple[str, Callable[[str, Any], Command]]] = {
    "sendmessage": ("message", _send),
    "joingroup": ("group", lambda where, group: JoinGroup(_group(where, group))),
    "leavegroup": ("group", lambda where, group: LeaveGroup(_group(where, group))),
    "closeconnection": ("reason", _close),
}
