"""What the SignalR bindings share: the setting, the endpoints, the transport."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.bindings.signalr_fakes import (
    KEY,
    LOCAL,
    FakeServices,
    function_with,
    resolved,
    settings_with,
)

from funcjson.bindings.signalr_connection_info import BINDING
from funcjson.errors import BindingError, Severity
from funcjson.model import Binding, Direction
from funcjson.signalr.credentials import ServiceEndpoint


async def info(services: FakeServices | None = None, **properties: Any) -> dict[str, Any]:
    value = await BINDING.bind(
        resolved("signalRConnectionInfo", **properties), services or FakeServices()
    )
    return dict(json.loads(value["string"]))


async def failure(services: FakeServices | None = None, **properties: Any) -> BindingError:
    with pytest.raises(BindingError) as caught:
        await info(services, **properties)
    return caught.value


@pytest.mark.parametrize(
    ("properties", "asked"),
    [
        ({}, "AzureSignalRConnectionString"),
        ({"connectionStringSetting": "Other"}, "Other"),
        ({"connectionStringSetting": None}, ""),
        ({"connectionStringSetting": "%X%"}, "%X%"),
    ],
)
async def test_the_connection_setting_is_a_name(properties: dict[str, Any], asked: str) -> None:
    services = FakeServices()
    await info(services, hubName="h", **properties)

    assert services.asked == [asked]


async def test_several_endpoints_need_the_persistent_transport() -> None:
    error = await failure(FakeServices(LOCAL, LOCAL), hubName="h")

    assert error.problems[0].code == "FJ0308"
    assert KEY not in str(error)


@pytest.mark.parametrize("transport", ["Persistent", "1"])
async def test_any_primary_endpoint_is_given_in_persistent_mode(transport: str) -> None:
    settings = settings_with(AzureSignalRServiceTransportType=transport)
    second = ServiceEndpoint("http://b", KEY, name="b")
    backup = ServiceEndpoint("http://c", KEY, name="c", endpoint_type="Secondary")
    services = FakeServices(LOCAL, second, backup, settings=settings)
    urls = {(await info(services, hubName="h"))["url"] for _ in range(60)}

    assert urls == {"http://localhost:8888/client/?hub=h", "http://b/client/?hub=h"}


async def test_a_secondary_endpoint_serves_when_there_is_no_primary() -> None:
    settings = settings_with(AzureSignalRServiceTransportType="Persistent")
    backup = ServiceEndpoint("http://c", KEY, name="c", endpoint_type="Secondary")

    found = await info(FakeServices(backup, backup, settings=settings), hubName="h")

    assert found["url"] == "http://c/client/?hub=h"


@pytest.mark.parametrize(
    ("text", "fix"),
    [("persistent", "write Persistent"), ("x", "write Transient, or remove the setting")],
)
async def test_a_wrong_transport_is_refused(text: str, fix: str) -> None:
    settings = settings_with(AzureSignalRServiceTransportType=text)
    problem = (await failure(FakeServices(settings=settings), hubName="h")).problems[0]

    assert problem.code == "FJ0313"
    assert problem.fix == fix
    assert problem.azure == f"Invalid service transport type: {text}."


def test_a_wrong_transport_is_a_warning_at_load() -> None:
    settings = settings_with(AzureSignalRServiceTransportType="x")
    binding = Binding("ci", "signalRConnectionInfo", Direction.IN, {}, "/bindings/1")
    (problem,) = BINDING.check(binding, function_with(binding), settings)

    assert (problem.code, problem.severity) == ("FJ0313", Severity.WARNING)
    assert list(BINDING.check(binding, function_with(binding), settings_with())) == []
