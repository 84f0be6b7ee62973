"""signalRConnectionInfo: the url and access token that a client needs to connect."""

from __future__ import annotations

import json

from funcjson.bindings import signalr_hub
from funcjson.bindings.base import InputType, Resolved, Services
from funcjson.model import TypedData


async def bind(resolved: Resolved, services: Services) -> TypedData:
    """Indented JSON text with `url` and `accessToken`, in this order."""
    signalr_hub.check_data_type(resolved)
    hub = signalr_hub.hub_name(resolved)
    endpoint = signalr_hub.one_endpoint(signalr_hub.endpoints_of(resolved, services))
    info = await signalr_hub.connection_info(endpoint, hub, resolved, services)
    # Two spaces and line ends: Python handlers get the platform's very text.
    return {"string": json.dumps(info, ensure_ascii=False, indent=2)}


BINDING = InputType(
    type="signalRConnectionInfo",
    schema="bindings/signalRConnectionInfo.json",
    bind=bind,
    expressions=frozenset({"hubName", "userId", "idToken"}),
    check=signalr_hub.check,
)
