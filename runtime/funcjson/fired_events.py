"""POST /admin/functions/NAME: the event for a function that a person sets off by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from funcjson.bindings.signalr_trigger import SignalREvent
from funcjson.model import Function, HttpRequest, TriggerEvent


def fired_event(function: Function, text: str, base_url: str) -> TriggerEvent:
    """The event for a function and the caller's input text.

    An HTTP function gets the text as the body of a POST, a SignalR one an event whose members the
    text may give as a JSON object (`ConnectionId`, `UserId`, `Arguments`, ...); a timer ignores it. A
    trigger of `cardinality` many gets a list: the text's, or one of the text alone.
    """
    trigger = function.trigger
    match trigger.type.lower():
        case "httptrigger":
            url = f"{base_url}/admin/functions/{function.name}"
            sent = (("Content-Type", "application/json"),) if _json(text) is not None else ()
            return TriggerEvent(trigger.type, HttpRequest("POST", url, sent, body=text.encode()))
        case "timertrigger":
            return TriggerEvent(trigger.type)
        case "signalrtrigger":
            return TriggerEvent(trigger.type, payload=_signalr(trigger.properties, _json(text)))
        case "eventgridtrigger":
            return TriggerEvent(trigger.type, payload=_json(text) or {})
    if str(trigger.properties.get("cardinality", "")).lower() == "many":
        several = _json(text)
        return TriggerEvent(trigger.type, payload=several if isinstance(several, list) else [text])
    return TriggerEvent(trigger.type, payload=text)


def _signalr(properties: Mapping[str, Any], given: Any) -> SignalREvent:
    members = (
        {name.lower(): value for name, value in given.items()} if isinstance(given, dict) else {}
    )
    arguments = members.get("arguments")
    is_message = str(properties.get("category", "")).lower() == "messages"
    return SignalREvent(
        hub=str(properties.get("hubName", "")),
        category=str(properties.get("category", "")),
        event=str(properties.get("event", "")),
        connection_id=str(members.get("connectionid") or "fired-by-hand"),
        user_id=members.get("userid"),
        arguments=arguments if isinstance(arguments, list) else ([] if is_message else None),
        error=members.get("error"),
        headers=members.get("headers") or {},
        query=members.get("query") or {},
        claims=members.get("claims") or {},
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
