"""signalRNegotiation gives one connection info per endpoint."""

from __future__ import annotations

import json

from tests.unit.bindings.signalr_fakes import KEY, LOCAL, FakeServices, resolved, settings_with

from funcjson.bindings.signalr_negotiation import BINDING
from funcjson.signalr.credentials import ServiceEndpoint


async def test_each_endpoint_has_its_own_connection_info() -> None:
    east = ServiceEndpoint(
        "https://east.service.signalr.net", KEY, name="east", endpoint_type="Secondary"
    )
    services = FakeServices(
        LOCAL, east, settings=settings_with(AzureSignalRServiceTransportType="Persistent")
    )
    value = await BINDING.bind(resolved("signalRNegotiation", hubName="Chat"), services)
    first, second = json.loads(value["json"])["endpoints"]

    assert list(first) == ["endpointType", "name", "endpoint", "online", "connectionInfo"]
    assert (first["name"], first["endpointType"], first["online"]) == ("", "Primary", True)
    assert first["connectionInfo"]["url"] == "http://localhost:8888/client/?hub=chat"
    assert (second["name"], second["endpointType"]) == ("east", "Secondary")
    assert second["endpoint"] == "https://east.service.signalr.net"
    assert set(second["connectionInfo"]) == {"url", "accessToken"}
