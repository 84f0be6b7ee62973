"""eventGridTrigger: an event that Event Grid (or the local service) posts, one call per event."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from funcjson.binding_data import BindingData, Entry, System, json_text, metadata_of, spread
from funcjson.bindings.base import TriggerType
from funcjson.model import Binding, Function, Language, TriggerEvent, TypedData

CONNECTED = "Microsoft.SignalRService.ClientConnectionConnected"
DISCONNECTED = "Microsoft.SignalRService.ClientConnectionDisconnected"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a request to the webhook asks: run the function for each of `events`, or just answer.

    `status`, `headers` and `body` are the answer; with events it is sent when all have run.
    """

    events: tuple[Mapping[str, Any], ...] = ()
    status: int = 202
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def read_delivery(method: str, headers: Mapping[str, str], body: bytes) -> Delivery:
    """A request to the webhook; `headers` by lower-case name.

    Subscription validation is answered at once, in the Event Grid and in the CloudEvents way.
    """
    if method.upper() == "OPTIONS":
        origin = headers.get("webhook-request-origin", "*")
        return Delivery(
            status=200,
            headers=(("WebHook-Allowed-Origin", origin), ("WebHook-Allowed-Rate", "*")),
        )
    try:
        parsed = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Delivery(status=400, body=b"the body is not JSON")
    events = parsed if isinstance(parsed, list) else [parsed]
    if not all(isinstance(event, dict) for event in events):
        return Delivery(status=400, body=b"the body is not an event or an array of events")
    kind = headers.get("aeg-event-type", "Notification").lower()
    if kind == "unsubscribedeletion":
        return Delivery(status=200)
    if kind == "subscriptionvalidation" or (events and events[0].get("eventType") == VALIDATION):
        data = events[0].get("data") if events else None
        code = data.get("validationCode") if isinstance(data, dict) else None
        if not isinstance(code, str):
            return Delivery(status=400, body=b"data.validationCode is missing")
        answer = json_text({"validationResponse": code})
        return Delivery(
            status=200, headers=(("Content-Type", "application/json"),), body=answer.encode()
        )
    return Delivery(tuple(events))


def connection_event(
    hub: str,
    connection_id: str,
    user_id: str | None,
    *,
    connected: bool,
    now: float,
    error: str = "",
) -> dict[str, Any]:
    """The event that the SignalR service publishes when a client comes or goes. `now` in seconds
    since the epoch.
    """
    moment = datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    data: dict[str, Any] = {
        "timestamp": moment,
        "hubName": hub,
        "connectionId": connection_id,
        "userId": user_id or "",
    }
    if not connected:
        data["errorMessage"] = error
    return {
        "topic": "/local/Microsoft.SignalRService/SignalR",
        "subject": f"/hub/{hub}",
        "eventType": CONNECTED if connected else DISCONNECTED,
        "id": str(uuid.uuid4()),
        "data": data,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": moment,
    }


def value(event: TriggerEvent, _language: Language) -> TypedData:
    """The event as JSON."""
    return {"json": json_text(event.payload)}


def binding_data(event: TriggerEvent, function: Function, azure: bool) -> BindingData:
    """The members of the event, `data` above all."""
    payload = event.payload if isinstance(event.payload, dict) else {}
    entries = spread(payload, "body", azure)
    if not any(entry.name.lower() == "sys" for entry in entries):
        entries.append(Entry("sys", System(function.name), "sys"))
    return BindingData(entries)


def metadata(
    _event: TriggerEvent, _function: Function, data: BindingData
) -> Mapping[str, TypedData]:
    """The members of the event."""
    return metadata_of(data)


def offers(_binding: Binding) -> None:
    """Any name: events may have members of their own."""


BINDING = TriggerType(
    type="eventGridTrigger",
    schema="bindings/eventGridTrigger.json",
    binding_data=binding_data,
    value=value,
    metadata=metadata,
    offers=offers,
)
