"""The REST handler: what it tells the log and the live trace, and what needs no token."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from tests.conformance.rest_world import World

from funcjson.signalr.openapi import OPENAPI_PATH
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.rest_api import RestApi, handle
from funcjson.signalr.rest_message import RestRequest, text_of_header
from funcjson.signalr.service import SignalRService

KEY = "k" * 44


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Heard:
    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def record(self, event: str, fields: Mapping[str, Any]) -> None:
        self.events.append((event, fields))


async def test_a_flood_of_refused_requests_is_one_log_line_in_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    api = RestApi(SignalRService(ServiceOptions(monotonic=clock)))
    caplog.set_level(logging.WARNING, "funcjson.signalr.rest")
    for _ in range(500):
        response = await api.handle(RestRequest("POST", "/api/hubs/chat/:send"))
        assert response.status == 401
    assert len(caplog.records) == 1
    clock.now += 10
    await api.handle(RestRequest("POST", "/api/hubs/chat/:send"))

    assert len(caplog.records) == 2


async def test_the_live_trace_hears_of_every_refusal_with_its_reason() -> None:
    heard = Heard()
    api = RestApi(SignalRService(ServiceOptions(), observer=heard))
    await api.handle(RestRequest("POST", "/api/hubs/chat/:send"))
    await api.handle(RestRequest("POST", "/api/hubs/chat/:nothing"))

    assert [event for event, _ in heard.events] == ["RestRequestRefused"] * 2
    assert [fields["status"] for _, fields in heard.events] == [401, 404]


async def test_a_refused_token_is_told_why_and_never_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = RestApi(SignalRService(ServiceOptions(keys=(KEY,))))
    request = RestRequest(
        "POST", "/api/hubs/chat/:send", headers={"authorization": "Bearer secret.secret.secret"}
    )
    response = await api.handle(request)

    assert "JSON Web Token" in text_of_header(response.headers["x-funcjson-hint"])
    assert "secret" not in caplog.text + str(response)


async def test_the_openapi_document_needs_no_token() -> None:
    response = await handle(SignalRService(), RestRequest("GET", OPENAPI_PATH))

    assert response.status == 200
    assert "/api/hubs/{hub}/:send" in json.loads(response.body)["paths"]


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    response = await handle(SignalRService(), RestRequest("HEAD", OPENAPI_PATH))

    assert response.headers["content-type"] == "application/json"
    assert response.body == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (RestRequest("POST", "/api/hubs/chat/:send", "x" * 13_000), 414),
        (RestRequest("POST", "/api/hubs/chat/:send", headers={"authorization": "x" * 17_000}), 431),
    ],
)
async def test_too_much_is_refused_before_anything_is_read(
    request_: RestRequest, status: int
) -> None:
    assert (await handle(SignalRService(), request_)).status == status


async def test_the_live_trace_hears_of_what_is_not_a_send() -> None:
    world = World({"clients": {"A": {}}})
    heard = Heard()
    world.service.sessions.observer = heard
    v24 = "api-version=2024-12-01"
    member = f"/api/hubs/Chat/groups/g/connections/$A?{v24}"
    for line in (f"PUT {member}", f"HEAD /api/hubs/chat/groups/g?{v24}", f"DELETE {member}"):
        assert (await world.do({"do": line})).status in (200, 204)
    await world.do({"do": f"HEAD /api/hubs/chat/groups/g?{v24}"})
    await world.do({"do": f"POST /api/hubs/chat/:send?{v24}", "body": {"target": "t"}})

    told = [
        (fields["method"], fields["status"], fields["hub"])
        for event, fields in heard.events
        if event == "RestRequestServed"
    ]
    assert told == [
        ("PUT", 200, "chat"),
        ("HEAD", 200, "chat"),
        ("DELETE", 200, "chat"),
        ("HEAD", 404, "chat"),
    ]
    assert heard.events[0][1]["connectionId"] == world.clients["A"].session.id
    assert [event for event, _ in heard.events].count("MessageSent") == 1


async def test_a_refusal_in_the_live_trace_has_its_hub_connection_and_user() -> None:
    world = World({"clients": {"A": {}}})
    heard = Heard()
    world.service.sessions.observer = heard
    v24 = "api-version=2024-12-01"
    await world.do({"do": f"POST /api/hubs/Chat/connections/$A/:invoke?{v24}", "text": "{"})
    await world.do({"do": f"POST /api/hubs/chat/users/ann/:send?{v24}", "token": "none"})
    await world.do({"do": f"PUT /api/hubs/chat/users/ann/groups/g?{v24}"})

    a = world.clients["A"].session.id
    told = [
        (event, fields.get("hub"), fields.get("connectionId"), fields.get("userId"))
        for event, fields in heard.events
    ]
    assert told == [
        ("RestRequestRefused", "chat", a, None),
        ("RestRequestRefused", "chat", None, "ann"),
        ("RestRequestServed", "chat", None, "ann"),
    ]


async def test_a_user_id_that_is_too_long_to_close_has_another_way() -> None:
    target = f"POST /api/hubs/chat/users/{'u' * 1025}/:closeConnections"
    answer = await World({}).do({"do": f"{target}?api-version=2024-12-01"})

    assert answer.status == 400
    assert "by their ids" in json.loads(answer.body)["fix"]
