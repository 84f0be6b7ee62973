"""signalREndpoints: the list of service endpoints, so that an output can name those to send
through.
"""

from __future__ import annotations

from funcjson.binding_data import json_text
from funcjson.bindings import signalr_hub
from funcjson.bindings.base import InputType, Resolved, Services
from funcjson.model import TypedData


async def bind(resolved: Resolved, services: Services) -> TypedData:
    """An array of endpoints; the one of the connection string has an empty name."""
    signalr_hub.check_data_type(resolved)
    signalr_hub.hub_name(resolved)
    endpoints = signalr_hub.endpoints_of(resolved, services)
    return {"json": json_text([signalr_hub.endpoint_json(one) for one in endpoints])}


BINDING = InputType(
    type="signalREndpoints",
    schema="bindings/signalREndpoints.json",
    bind=bind,
    expressions=frozenset({"hubName"}),
    check=signalr_hub.check,
)
