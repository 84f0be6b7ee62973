"""POST /admin/functions/NAME: the event for a function that a person sets off by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from funcjson.bindings.signalr_trigger import MESSAGES, SignalREvent
from funcjson.model import Function, HttpRequest, TriggerEvent


def fired_event(function: Function, text: str, base_url: str) -> TriggerEvent:
    """The event for a function and the caller's input text.

    An HTTP function gets the text as the body of a POST, a SignalR one an event whose members the
    text may give as a JSON object (`ConnectionId`, `UserId`, `Arguments`, ...); a timer takes a whole
    state, as traces show it, and ignores anything else. A trigger of `cardinality` many gets a list:
    the text's, or one of the text alone.
    """
    trigger = function.trigger
    match trigger.type.lower():
        case "httptrigger":
            url = f"{base_url}/admin/functions/{function.name}"
            sent = (("Content-Type", "application/json"),) if _json(text) is not None else ()
            return TriggerEvent(trigger.type, HttpRequest("POST", url, sent, body=text.encode()))
        case "timertrigger":
            return TriggerEvent(trigger.type, payload=_timer(_json(text)))
        case "signalrtrigger":
            return TriggerEvent(trigger.type, payload=_signalr(trigger.properties, _json(text)))
        case "eventgridtrigger":
            return TriggerEvent(trigger.type, payload=_json(text) or {})
    if str(trigger.properties.get("cardinality", "")).lower() == "many":
        several = _json(text)
        return TriggerEvent(trigger.type, payload=several if isinstance(several, list) else [text])
    return TriggerEvent(trigger.type, payload=text)


def _timer(given: Any) -> dict[str, Any] | None:
    return given if isinstance(given, dict) and "ScheduleStatus" in given else None


def _signalr(properties: Mapping[str, Any], given: Any) -> SignalREvent:
    members = (
        {name.lower(): value for name, value in given.items()} if isinstance(given, dict) else {}
    )
    category = str(members.get("category") or properties.get("category", ""))
    arguments = members.get("arguments")
    is_message = category.lower() == MESSAGES
    return SignalREvent(
        hub=str(members.get("hub") or properties.get("hubName", "")),
        category=category,
        event=str(members.get("event") or properties.get("event", "")),
        connection_id=str(members.get("connectionid") or "fired-by-hand"),
        user_id=members.get("userid"),
        arguments=arguments if isinstance(arguments, list) else ([] if is_message else None),
        error=members.get("error"),
        headers=_texts(members, "headers"),
        query=_texts(members, "query"),
        claims=_texts(members, "claims"),
    )


def _texts(members: Mapping[str, Any], name: str) -> Mapping[str, str] | None:
    """Names with texts; None where the member says null, as events without a query have it."""
    if name in members and members[name] is None:
        return None
    given = members.get(name)
    return given if isinstance(given, dict) else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
