"""signalR: how items are sent, and what a refusal tells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.bindings.signalr_fakes import KEY, LOCAL, FakeServices, resolved, settings_with

from funcjson.bindings.signalr import BINDING
from funcjson.errors import FlushError, OutputShapeError, Problem
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import Delivery, RestResponse
from funcjson.signalr.rest_errors import RestUnreachableError

EAST = ServiceEndpoint("http://east", KEY, name="east")
PERSISTENT = settings_with(AzureSignalRServiceTransportType="Persistent")


async def send(services: FakeServices, value: Any, **properties: Any) -> list[Delivery]:
    output = resolved("signalR", **{"hubName": "Chat", **properties})
    told: list[Delivery] = []
    items = BINDING.collect({"json": json.dumps(value)}, output)
    await BINDING.flush(items, output, services, told.append)
    return told


async def refusal(services: FakeServices, value: Any) -> Problem:
    with pytest.raises(FlushError) as caught:
        await send(services, value)
    return caught.value.problems[0]


async def test_each_delivery_is_told() -> None:
    services = FakeServices()
    told = await send(services, [{"target": "a"}, {"target": "b", "userId": "u"}])

    assert [delivery.status for delivery in told] == [202, 202]
    assert [path for _, path, _ in services.requests] == [
        "localhost:8888/api/hubs/chat/:send",
        "localhost:8888/api/hubs/chat/users/u/:send",
    ]


def test_what_does_nothing_is_remarked_on() -> None:
    output = resolved("signalR", hubName="chat")
    value = {"json": json.dumps({"target": "m", "group": "g"})}

    assert BINDING.remarks(value, output) == (
        "the value: 'group' does nothing; did you mean 'groupName'?",
    )


async def test_nothing_to_send_asks_for_no_connection() -> None:
    services = FakeServices()

    assert await send(services, []) == []
    assert services.asked == []


@pytest.mark.parametrize("hub", [None, ""])
def test_a_missing_hub_is_found_before_anything_is_sent(hub: str | None) -> None:
    with pytest.raises(OutputShapeError) as caught:
        BINDING.collect({"json": "[]"}, resolved("signalR", hubName=hub))

    assert caught.value.problems[0].code == "FJ0310"


async def test_an_idle_action_sends_nothing_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    services = FakeServices()
    await send(services, [{"action": "removeAll", "connectionId": "c"}, {"target": "m"}])

    assert len(services.requests) == 1
    assert "nothing was done: removeAll works for a userId only" in caplog.text


async def test_a_member_that_does_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    await send(FakeServices(), {"target": "m", "user": "u"})

    assert "'user' does nothing; did you mean 'userId'?" in caplog.text


async def test_the_first_refusal_stops_the_rest() -> None:
    services = FakeServices(
        answer=lambda _method, path: RestResponse(500 if "users/b" in path else 202)
    )
    problem = await refusal(services, [{"target": "m", "userId": user} for user in "abcd"])

    assert problem.what == (
        "output 'b': item 2 of 4 was not sent, the SignalR service failed; "
        "the 2 after it were not sent"
    )
    assert len(services.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "azure"),
    [
        (400, "FJ0410", "Invalid argument. Caused by one or more of the following reasons: why"),
        (401, "FJ0411", "Authorization failed."),
        (404, "FJ0412", "Unable to access SignalR service."),
        (503, "FJ0413", "Azure SignalR service runtime error."),
    ],
)
async def test_refusals_have_their_own_codes(status: int, code: str, azure: str) -> None:
    services = FakeServices(answer=lambda _method, _path: RestResponse(status, body=b"why"))
    problem = await refusal(services, {"target": "m"})

    assert problem.code == code
    assert (problem.azure or "").startswith(azure)
    assert KEY not in str(problem)


async def test_a_connection_that_is_gone_is_told_as_that() -> None:
    gone = {"x-ms-error-code": "Error.Connection.NotExisted"}
    services = FakeServices(answer=lambda _method, _path: RestResponse(404, gone))
    problem = await refusal(services, {"action": "remove", "connectionId": "c1", "groupName": "g"})

    assert problem.code == "FJ0410"
    assert problem.what == (
        "output 'b': the group action was not done, the SignalR service knows no such connection"
    )
    assert "Endpoint" not in problem.fix
    assert (problem.azure or "").startswith("Unable to access SignalR service.")


async def test_an_unreachable_service_says_so() -> None:
    def nobody(_method: str, _path: str) -> RestResponse:
        raise RestUnreachableError("An error happened when making request to http://x", hint="no")

    assert (await refusal(FakeServices(answer=nobody), {"target": "m"})).code == "FJ0414"


async def test_a_hub_that_no_url_can_name_is_refused() -> None:
    output = resolved("signalR", hubName="..")
    items = BINDING.collect({"json": '{"target":"m"}'}, output)
    with pytest.raises(FlushError) as caught:
        await BINDING.flush(items, output, FakeServices(), lambda _delivery: None)

    assert caught.value.problems[0].code == "FJ0410"


@pytest.mark.parametrize(
    ("value", "request_made"),
    [
        ({"action": "add", "userId": "u"}, ("PUT", "users/u/groups/g")),
        ({"action": "remove", "userId": "u"}, ("DELETE", "users/u/groups/g")),
        ({"action": "removeAll", "userId": "u"}, ("DELETE", "users/u/groups")),
        ({"action": "add", "connectionId": "c"}, ("PUT", "groups/g/connections/c")),
        ({"action": "remove", "connectionId": "c"}, ("DELETE", "groups/g/connections/c")),
    ],
)
async def test_group_actions(value: dict[str, Any], request_made: tuple[str, str]) -> None:
    services = FakeServices()
    await send(services, {**value, "groupName": "g"})
    method, path, body = services.requests[0]

    assert (method, path.removeprefix("localhost:8888/api/hubs/chat/")) == request_made
    assert body is None


async def test_several_endpoints_all_get_it_in_persistent_mode() -> None:
    services = FakeServices(LOCAL, EAST, settings=PERSISTENT)
    await send(services, {"target": "m"})

    assert [path.split("/")[0] for _, path, _ in services.requests] == ["localhost:8888", "east"]


@pytest.mark.parametrize(
    ("entry", "reached"),
    [
        ({"name": "east", "endpoint": "http://east", "endpointType": "Primary"}, ["east"]),
        ({"name": "", "endpoint": "http://localhost:8888", "endpointType": 0}, ["localhost:8888"]),
        ({"endpoint": "http://localhost:8888", "endpointType": "Primary"}, []),
        ({"name": "east", "endpoint": "http://east", "endpointType": "Secondary"}, []),
    ],
)
async def test_a_message_can_name_its_endpoints(entry: dict[str, Any], reached: list[str]) -> None:
    services = FakeServices(LOCAL, EAST, settings=PERSISTENT)
    await send(services, {"target": "m", "endpoints": [entry]})

    assert [path.split("/")[0] for _, path, _ in services.requests] == reached


async def test_with_one_endpoint_the_filter_has_no_effect() -> None:
    services = FakeServices()
    await send(services, {"target": "m", "endpoints": []})

    assert len(services.requests) == 1


async def test_an_identity_endpoint_says_that_it_needs_azure() -> None:
    east = ServiceEndpoint("https://east.service.signalr.net", None, "east")

    problem = await refusal(FakeServices(east), {"target": "a"})

    assert problem.code == "FJ0307"
    assert "https://east.service.signalr.net" in problem.what
