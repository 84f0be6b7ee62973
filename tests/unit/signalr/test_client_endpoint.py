"""Requests of clients without sockets: statuses, words, and what is logged once instead of always."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.server import SignalRServer

KEY = "k" * 44
NOW = 1_700_000_000


class World:
    def __init__(self, **options: Any) -> None:
        self.now = float(NOW)
        clock = {"wall": lambda: self.now, "monotonic": lambda: self.now}
        self.server = SignalRServer(ServiceOptions(keys=(KEY,), **clock, **options))

    async def ask(
        self, method: str, target: str, claims: dict[str, Any] | None = None, **headers: str
    ) -> web.Response:
        claims = {"aud": "http://localhost/client/?hub=chat", "exp": NOW + 60, **(claims or {})}
        token = jwt.encode(claims, KEY, algorithm="HS256")
        sent = {"Authorization": f"Bearer {token}", **headers}
        answer = await self.server._handle(make_mocked_request(method, target, headers=sent))
        assert isinstance(answer, web.Response)
        return answer


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/client/negotiate?hub=chat", 200),
        ("POST", "/CLIENT/Negotiate/?hub=chat", 200),
        ("GET", "/client/negotiate?hub=chat", 405),
        ("POST", "/client/negotiate", 400),
        ("POST", "/client/refresh", 404),
        ("POST", "/client/else?hub=chat", 404),
        ("GET", "/client/?hub=chat", 400),
        ("GET", "/client/?hub=chat&id=nobody", 404),
        ("DELETE", "/client/?hub=chat&id=nobody", 404),
        ("PATCH", "/client/?hub=chat&id=nobody", 405),
    ],
)
async def test_statuses(method: str, target: str, status: int) -> None:
    assert (await World().ask(method, target)).status == status


async def test_a_token_that_no_sdk_makes_is_taken_with_a_note_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    for _ in range(2):
        answer = await world.ask("POST", "/client/negotiate?hub=chat", {"roles": "x" * 5000})
        assert answer.status == 200

    (record,) = caplog.records
    assert "SDKs refuse to make one of more than 4096" in record.getMessage()


async def test_a_refused_token_says_nothing_to_the_client_and_why_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    for _ in range(50):
        answer = await world.ask("POST", "/client/negotiate?hub=other")
        assert (answer.status, answer.text) == (401, "")
    world.now += 11
    await world.ask("POST", "/client/negotiate?hub=other")

    assert len(caplog.records) == 2, "once in ten seconds"
    assert "the token is for hub 'chat', the request for hub 'other'" in caplog.text


async def test_the_first_poll_attaches_and_the_second_transport_is_refused() -> None:
    world = World()
    negotiated = await world.ask("POST", "/client/negotiate?hub=chat&negotiateVersion=1")
    assert isinstance(negotiated.body, bytes)
    target = f"/client/?hub=chat&id={json.loads(negotiated.body)['connectionToken']}"

    assert (await world.ask("GET", target)).status == 200
    events = await world.ask("GET", target, Accept="text/event-stream")
    assert (events.status, events.text) == (400, "Cannot change transports mid-connection")
    assert (await world.ask("DELETE", target)).status == 202
    assert (await world.ask("DELETE", target)).status == 404


async def polling(world: World) -> tuple[str, str]:
    """A polling client: its target, its connection id."""
    negotiated = await world.ask("POST", "/client/negotiate?hub=chat")
    assert isinstance(negotiated.body, bytes)
    connection = json.loads(negotiated.body)["connectionId"]
    target = f"/client/?hub=chat&id={connection}"
    await world.ask("GET", target)
    return target, connection


async def test_what_arrives_just_after_the_end_is_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    target, connection = await polling(world)
    world.server.service.sessions.discard(world.server.service.sessions.by_token[connection])
    assert (await world.ask("DELETE", target)).status == 202
    assert (await world.ask("POST", target)).status == 404

    assert caplog.text == ""
    assert [line.event for line in world.server.trace if line.event == "ClientRefused"] == []


async def test_a_client_that_has_polled_the_end_may_still_delete() -> None:
    """As the official client does in stop(): a 404 would be a red line in the page's console."""
    world = World()
    target, connection = await polling(world)
    sessions = world.server.service.sessions
    sessions.close(sessions.by_token[connection], "bye")
    assert [(await world.ask("GET", target)).status for _ in range(3)] == [200, 204, 404]
    assert (await world.ask("DELETE", target)).status == 202
    assert (await world.ask("DELETE", target)).status == 404


async def test_nobody_new_is_taken_while_the_service_stops() -> None:
    world = World()
    world.server._clients.refuse_new()

    assert (await world.ask("POST", "/client/negotiate?hub=chat")).status == 503


async def test_last_messages_are_kept_for_a_while() -> None:
    world = World()
    negotiated = await world.ask("POST", "/client/negotiate?hub=chat")
    assert isinstance(negotiated.body, bytes)
    connection = json.loads(negotiated.body)["connectionId"]
    target = f"/client/?hub=chat&id={connection}"
    await world.ask("GET", target)
    session = world.server.service.sessions.by_token[connection]
    world.server.service.sessions.close(session, "bye")
    last = await world.ask("GET", target)
    assert (last.status, last.body) == (200, b'{"error":"bye"}\x1e')
    world.now += 31
    world.server.tick()

    assert (await world.ask("GET", target)).status == 404


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
async def test_a_page_that_may_not_connect_is_told_in_the_log(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(cors_origins=("http://ok",))
    evil = await world.ask(method, "/client/negotiate?hub=chat", Origin="http://evil")
    good = await world.ask(method, "/client/negotiate?hub=chat", Origin="http://ok")

    assert "Access-Control-Allow-Origin" not in evil.headers
    assert good.headers["Access-Control-Allow-Origin"] == "http://ok"
    assert (evil.status, good.status) == ((204, 204) if method == "OPTIONS" else (403, 200))
    (record,) = caplog.records
    assert "pages of http://evil may not connect (--cors)" in record.getMessage()


async def test_a_client_that_was_given_the_wrong_url_is_told_which_one_to_use() -> None:
    answer = await World().ask("POST", "/negotiate?negotiateVersion=1")

    assert answer.status == 404
    assert "URL of the functions" in (answer.text or "")
