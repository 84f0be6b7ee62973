"""The operations of 2024-12-01 that need more than one request to be seen whole."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from tests.conformance.rest_world import KEY, World

from funcjson.signalr.backplane.base import Answers, Request
from funcjson.signalr.backplane.memory import MemoryBackplane
from funcjson.signalr.credentials import AudienceRule, verify_client_token
from funcjson.signalr.messages import Invocation
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.protocols.msgpack import pack
from funcjson.signalr.rest_body import message_of

V24 = "api-version=2024-12-01"


async def page(world: World, target: str) -> dict[str, Any]:
    response = await world.do({"do": f"GET {target}"})
    assert response.status == 200, response
    body: dict[str, Any] = json.loads(response.body)
    return body


async def filled_group(count: int) -> World:
    world = World({})
    for index in range(count):
        name = chr(ord("A") + index)
        world.connect({name: {"user": f"u{index}"}})
        await world.do({"do": f"PUT /api/hubs/chat/groups/g/connections/${name}?{V24}"})
    return world


async def pages(world: World, target: str) -> list[list[str]]:
    found = []
    while target:
        body = await page(world, target)
        found.append([each["connectionId"] for each in body["value"]])
        link = urlsplit(body.get("nextLink", ""))
        target = f"{link.path}?{link.query}" if link.path else ""
    return found


async def test_five_members_in_pages_of_two() -> None:
    world = await filled_group(5)
    found = await pages(world, f"/api/hubs/chat/groups/g/connections?{V24}&maxpagesize=2")

    assert [len(each) for each in found] == [2, 2, 1]
    assert len({each for part in found for each in part}) == 5


async def test_top_is_the_total_over_all_pages() -> None:
    world = await filled_group(5)
    found = await pages(world, f"/api/hubs/chat/groups/g/connections?{V24}&maxpagesize=2&top=3")

    assert [len(each) for each in found] == [2, 1]


async def test_the_next_link_is_absolute_and_keeps_the_parameters() -> None:
    world = await filled_group(2)
    body = await page(world, f"/api/hubs/chat/groups/g/connections?{V24}&maxpagesize=1")
    link = urlsplit(body["nextLink"])

    assert (link.scheme, link.netloc) == ("http", "localhost:8888")
    assert parse_qs(link.query)["maxpagesize"] == ["1"]
    assert parse_qs(link.query)["api-version"] == ["2024-12-01"]


async def test_a_generated_token_lets_its_user_in() -> None:
    world = World({})
    response = await world.do(
        {"do": f"POST /api/hubs/Chat/:generateToken?{V24}&userId=u&minutesToExpire=5"}
    )
    token = json.loads(response.body)["token"]
    now = world.clock.now
    # Any of the service's keys verifies; the first one signs.
    claims = verify_client_token(token, ["x" * 44, KEY], "chat", now=now, rule=AudienceRule())

    assert claims["asrs.s.uid"] == claims["nameid"] == "u"
    assert claims["exp"] == int(now) + 300


async def test_a_generated_token_may_be_anonymous_and_lasts_an_hour() -> None:
    world = World({})
    response = await world.do({"do": f"POST /api/hubs/chat/:generateToken?{V24}"})
    claims = jwt.decode(json.loads(response.body)["token"], options={"verify_signature": False})

    assert "asrs.s.uid" not in claims
    assert claims["exp"] == int(world.clock.now) + 3600


async def test_a_generated_token_has_bounds() -> None:
    world = World({})
    for query in ("minutesToExpire=0", "minutesToExpire=x", f"userId={'u' * 5000}"):
        response = await world.do(
            {"do": f"POST /api/hubs/chat/:generateToken?{V24}&{query}", "token": "doc"}
        )

        assert response.status == 400, query


async def opened_stream() -> World:
    world = World({"options": {"forward_streams": True}, "clients": {"A": {}}})
    session = world.clients["A"].session
    session.streams = {"s1"}
    return world


async def test_items_and_the_end_of_a_stream() -> None:
    world = await opened_stream()
    base = "POST /api/hubs/chat/connections/$A/streams/s1"
    sent = [
        await world.do({"do": f"{base}/:send?{V24}", "body": {"n": 1}}),
        await world.do({"do": f"{base}/:send?{V24}&completed=true", "body": 2}),
        await world.do({"do": f"{base}/:send?{V24}", "body": 3}),
    ]
    world.service.sessions.flush(world.clients["A"].session)

    assert [each.status for each in sent] == [202, 202, 404]
    assert world.clients["A"].take() == [
        ["item", ["s1", {"n": 1}]],
        ["item", ["s1", 2]],
        ["completion", ["s1", None]],
    ]


async def test_a_stream_can_end_with_an_error() -> None:
    world = await opened_stream()
    response = await world.do(
        {"do": f"POST /api/hubs/chat/connections/$A/streams/s1/:complete?{V24}&reason=no%20more"}
    )
    world.service.sessions.flush(world.clients["A"].session)

    assert response.status == 202
    assert world.clients["A"].take() == [["completion", ["s1", "no more"]]]


async def test_a_close_tells_how_many_it_closed() -> None:
    world = World({"clients": {"A": {}, "B": {}}})
    response = await world.do({"do": f"POST /api/hubs/chat/:closeConnections?{V24}"})

    assert response.headers["x-funcjson-closed"] == "2"


async def test_a_broken_host_header_does_not_break_a_generated_token() -> None:
    world = World({})
    response = await world.do(
        {"do": f"POST /api/hubs/chat/:generateToken?{V24}", "host": "[::1", "token": "doc"}
    )

    assert response.status == 200


class CutOff(MemoryBackplane):
    """It cannot reach the other nodes; whether there are any it does not know."""

    is_alone = False

    async def call(self, request: Request, **_limits: Any) -> Answers:
        return Answers(cut_off="Redis at redis:6379 cannot be reached")


@pytest.mark.parametrize(
    "target",
    [
        "GET /api/hubs/chat/connections/nobody",
        "GET /api/hubs/chat/users/nobody",
        "GET /api/hubs/chat/groups/none",
        "GET /api/hubs/chat/users/nobody/groups/none",
        "PUT /api/hubs/chat/groups/g/connections/nobody",
        "DELETE /api/hubs/chat/connections/nobody",
        "POST /api/hubs/chat/connections/nobody/:invoke",
        "POST /api/hubs/chat/connections/nobody/streams/1/:send",
    ],
)
async def test_an_absence_says_that_not_every_node_was_asked(target: str) -> None:
    world = World({})
    whole = await world.do({"do": f"{target}?{V24}", "body": {"target": "m"}})
    world.service.backplane = CutOff()

    partial = await world.do({"do": f"{target}?{V24}", "body": {"target": "m"}})

    assert (whole.status, partial.status) == (404, 404)
    assert "x-funcjson-reason" not in whole.headers
    gap = "only this node was asked: Redis at redis:6379 cannot be reached"
    assert partial.headers["x-funcjson-reason"] == gap
    assert json.loads(partial.body)["message"].endswith(f" on the nodes that answered; {gap}.")


async def test_a_close_says_that_not_every_node_was_asked() -> None:
    world = World({})
    world.service.backplane = CutOff()
    response = await world.do({"do": f"POST /api/hubs/chat/:closeConnections?{V24}"})

    assert "only this node was asked" in response.headers["x-funcjson-reason"]


async def test_what_is_absent_says_what_to_do() -> None:
    world = World({"clients": {"A": {"user": "ann"}}})
    for line, fix in [
        ("GET /api/v1/hubs/chat/connections/gone", "ids change at every reconnect"),
        ("GET /api/v1/hubs/chat/users/bob", "connect a client as this user"),
        ("GET /api/v1/hubs/chat/groups/g", "put a connection or a user into the group"),
        ("GET /api/v1/hubs/chat/groups/g/users/ann", "PUT .../users/{user}/groups/{group}"),
        ("DELETE /api/v1/hubs/chat/connections/gone", "ids change at every reconnect"),
    ]:
        response = await world.do({"do": line})
        assert response.status == 404, response
        assert fix in json.loads(response.body)["fix"]


async def test_client_results_and_stream_items_count_as_messages_of_the_day() -> None:
    answers = {"ask": {"result": 1}}
    options = {"tier": "free", "forward_streams": True}
    world = World({"options": options, "clients": {"A": {"answers": answers}}})
    connection = world.clients["A"].session.id
    world.clients["A"].session.streams = {"s1"}  # as when an upstream has taken its call
    invoke = f"/api/hubs/chat/connections/{connection}/:invoke?{V24}"
    item = f"/api/hubs/chat/connections/{connection}/streams/s1/:send?{V24}"
    message = {"target": "ask", "arguments": []}
    world.api._quotas.spend(19_998, 1)

    async def status(path: str, body: Any) -> int:
        return (await world.do({"do": f"POST {path}", "body": body})).status

    assert await status(item, 1) == 202
    world.clients["A"].take()
    world.clients["A"].transport.arrived.clear()
    answering = asyncio.create_task(world.clients["A"].answer())
    assert await status(invoke, message) == 200
    await answering
    assert [await status(invoke, message), await status(item, 1)] == [429, 429]


async def test_a_connection_whose_protocol_the_sender_left_out_is_told_of() -> None:
    world = World({"clients": {"A": {"protocol": "messagepack"}}})
    frames = pack({"json": PROTOCOLS["json"].encode(Invocation("m", []))})
    verdict = await world.service.send_to_all(
        "chat", message_of("application/octet-stream", frames)
    )

    assert verdict.why == "1 connection speaks messagepack, which the message was not encoded for"


SENT = {"target": "m", "arguments": [1]}


async def test_strict_delivery_keeps_the_headers_of_the_verdict() -> None:
    world = World({"options": {"strict_delivery": True}, "clients": {"A": {"user": "ann"}}})

    sent = await world.do({"do": f"POST /api/hubs/chat/users/bob/:send?{V24}", "body": SENT})
    done = await world.do(
        {
            "do": f"POST /api/hubs/chat/:execute?{V24}&filter=userId%20eq%20'bob'",
            "body": [{"type": "SendMessage", "message": SENT}],
        }
    )

    assert (sent.status, done.status) == (400, 400)
    assert sent.headers["x-funcjson-delivered"] == done.headers["x-funcjson-delivered"] == "0"
    assert done.headers["x-funcjson-matched"] == "0"
    assert "no user 'bob'" in sent.headers["x-funcjson-reason"]
    assert "the filter matches none" in done.headers["x-funcjson-reason"]


async def test_a_guess_in_a_refusal_ends_as_a_question() -> None:
    world = World({"options": {"strict_delivery": True}, "clients": {"A": {"user": "ann"}}})

    sent = await world.do({"do": f"POST /api/hubs/chat/users/Ann/:send?{V24}", "body": SENT})

    assert json.loads(sent.body)["message"].endswith("did you mean 'ann', which has 1?")


async def test_the_same_reason_for_several_users_is_told_once() -> None:
    world = World({})

    sent = await world.do({"do": "POST /api/v1-preview/hub/chat/users/a,b", "body": SENT})

    assert sent.headers["x-funcjson-reason"] == "hub 'chat' has 0 connections"


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        ("PUT", "connections/$B/groups/g", None),
        ("PUT", "groups/g/connections/$B", None),
        ("POST", "connections/$B/:invoke", SENT),
    ],
)
async def test_a_connection_before_its_handshake_is_not_said_to_be_missing(
    method: str, what: str, body: Any
) -> None:
    world = World({"clients": {"A": {"user": "ann"}, "B": {"handshake": False}}})

    answer = await world.do(
        {"do": f"{method} /api/hubs/chat/{what}?{V24}", **({"body": body} if body else {})}
    )

    assert answer.status == 404
    problem = json.loads(answer.body)
    assert problem["message"].endswith("has not finished its handshake in hub 'chat'.")
    assert "handshake" in problem["fix"]


async def test_a_connection_of_another_hub_is_found_by_a_join() -> None:
    world = World({"clients": {"A": {}, "B": {"hub": "other"}}})

    answer = await world.do({"do": f"PUT /api/hubs/chat/groups/g/connections/$B?{V24}"})

    assert answer.status == 404
    problem = json.loads(answer.body)
    assert problem["message"].endswith("it is in hub 'other'.")
    assert "hub" in problem["fix"]
