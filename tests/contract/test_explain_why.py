"""explain why, asked of a service that runs: the links of a group, and connections that are gone."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.contract.service_client import KEY, Client, Clients, clients

from funcjson.errors import FuncJsonError
from funcjson.explaining.token import ask_service, explain_token
from funcjson.explaining.why import explain_why
from funcjson.signalr.credentials import ServiceEndpoint, mint_client_token
from funcjson.signalr.messages import Invocation
from funcjson.signalr.server import SignalRServer, serve
from funcjson.signalr.service import ServiceOptions


@dataclass
class World:
    server: SignalRServer
    clients: Clients

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def connect(self, user: str, hub: str = "chat") -> Client:
        return await self.clients.connect(self.server.port, hub, user)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serve(ServiceOptions(port=0, keys=(KEY,))) as server, clients() as made:
        yield World(server, made)


async def test_a_user_in_a_group_is_reached(world: World) -> None:
    ann = await world.connect("ann")
    await world.server.service.add_user_to_group("chat", "ann", "lobby")

    document = await explain_why(world.url, "ann", "lobby", None)
    without_scheme = await explain_why(world.url.removeprefix("http://"), "ann", "lobby", None)

    assert without_scheme["reached"]
    assert document["reached"]
    assert document["connections"] == [ann.id]


async def test_a_connection_that_closed_before_the_send(world: World) -> None:
    bob = await world.connect("bob")
    await world.connect("ann")
    await world.server.service.add_connection_to_group("chat", bob.id, "lobby")
    await bob.leave()
    while await world.server.service.user_exists("chat", "bob"):
        await world.clients.http.get(world.url)  # until the service has seen it
    await world.server.service.send_to_group("chat", "lobby", Invocation("news", ["hi"]))

    document = await explain_why(world.url, "bob", "lobby", "chat")

    events = [row["event"] for row in document["recent"]]
    assert not document["reached"]
    assert "its connection has ended" in document["hints"][0]
    assert events == ["ConnectionConnected", "ConnectionEnded", "MessageSent"]
    assert "hub 'chat' has no group 'lobby'" in document["recent"][2]["why"]


async def test_a_user_that_was_added_and_left_is_remembered(world: World) -> None:
    await world.connect("bob")
    await world.server.service.add_user_to_group("chat", "ann", "lobby")

    document = await explain_why(world.url, "ann", "lobby", "chat")

    assert not document["reached"]
    assert document["remembered"]


async def test_a_user_of_another_hub(world: World) -> None:
    await world.connect("ann", "news")
    await world.connect("bob")

    document = await explain_why(world.url, "ann", "lobby", "chat")

    assert "the user is in hub 'news'" in document["hints"][0]


async def test_nothing_secret_is_told(world: World) -> None:
    await world.connect("ann")

    assert KEY not in json.dumps(await explain_why(world.url, "ann", "lobby", None))


async def test_what_is_no_local_service_says_so(world: World) -> None:
    with pytest.raises(FuncJsonError) as caught:
        await explain_why(f"{world.url}/elsewhere", "ann", "lobby", None)

    assert caught.value.problems[0].code == "FJ0414"


async def test_a_forged_token_is_told_by_the_service_itself(world: World) -> None:
    endpoint = ServiceEndpoint(world.url, KEY)
    own = mint_client_token(endpoint, "chat", now=time.time(), user_id="ann")
    forged = mint_client_token(ServiceEndpoint(world.url, "f" * 44), "chat", now=time.time())

    for token, good in ((own, True), (forged, False)):
        keys = await ask_service(world.url, token)
        assert explain_token(token, keys, now=time.time())["good"] is good
