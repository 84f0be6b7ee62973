"""signalRNegotiation: one connection info for each endpoint, for handlers that choose among
them.
"""

from __future__ import annotations

from funcjson.binding_data import json_text
from funcjson.bindings import signalr_hub
from funcjson.bindings.base import InputType, Resolved, Services
from funcjson.model import TypedData


async def bind(resolved: Resolved, services: Services) -> TypedData:
    """`{"endpoints": [...]}`, each with its `connectionInfo`, in the order of the settings."""
    signalr_hub.check_data_type(resolved)
    hub = signalr_hub.hub_name(resolved)
    endpoints = [
        {
            **signalr_hub.endpoint_json(endpoint),
            "connectionInfo": await signalr_hub.connection_info(endpoint, hub, resolved, services),
        }
        for endpoint in signalr_hub.endpoints_of(resolved, services)
    ]
    return {"json": json_text({"endpoints": endpoints})}


BINDING = InputType(
    type="signalRNegotiation",
    schema="bindings/signalRNegotiation.json",
    bind=bind,
    expressions=frozenset({"hubName", "userId", "idToken"}),
    check=signalr_hub.check,
)
