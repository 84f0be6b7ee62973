"""The verbs of the service on a node of its own: what each reaches, and what it says when that is nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from funcjson.signalr.errors import ClientResultError, ClientResultTimeout, NoSuchConnection
from funcjson.signalr.frames import Batch
from funcjson.signalr.messages import Encoded, Invocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.service import Member, SignalRService
from funcjson.signalr.session import Caller, Grants, Session

GRANTS = Grants(frozenset({"WebSockets"}), 15.0, 5.0)


class FakeSink:
    transport_name = "WebSockets"
    grace_s = 0.1
    taken = 0

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        self.said += [json.loads(record[:-1]) for record in batch.records(protocol.name)]
        return 0

    def close(self) -> None:
        self.said.append({"ended": True})

    def is_stale(self, now: float) -> bool:
        return False

    def hold(self, is_held: bool) -> None:
        """Nothing is read here."""


class World:
    def __init__(self, **options: Any) -> None:
        self.service = SignalRService(ServiceOptions(**options))
        self.sinks: dict[str, FakeSink] = {}
        self.sessions: dict[str, Session] = {}

    def connect(self, name: str, user: str | None = None, hub: str = "chat") -> str:
        sessions = self.service.sessions
        session = sessions.begin(Caller(hub, user, {}, "", GRANTS))
        sink = FakeSink()
        sessions.attach(session, sink, binary=True, pings=False)
        sessions.received(session, b'{"protocol":"json","version":1}\x1e')
        sink.said.clear()
        self.sinks[name], self.sessions[name] = sink, session
        return session.id

    async def took(self) -> dict[str, list[str]]:
        """The targets that each client got."""
        await asyncio.sleep(0)
        found = {}
        for name, sink in self.sinks.items():
            found[name] = [each.get("target", "-") for each in sink.said]
            sink.said.clear()
        return {name: targets for name, targets in found.items() if targets}


class Recorded:
    """An observer that keeps what it is told."""

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def record(self, event: str, fields: Any) -> None:
        self.seen.append((event, fields))


M = Invocation("m", [])


async def test_sends_reach_whom_they_are_for() -> None:
    world = World()
    a, b = world.connect("a", "ann"), world.connect("b", "bob")
    world.connect("other", "ann", hub="other")
    service = world.service
    assert await service.add_connection_to_group("CHAT", b, "g")

    assert (await service.send_to_all("Chat", M, excluded=[b])).delivered == 1
    assert await world.took() == {"a": ["m"]}
    assert (await service.send_to_user("chat", "ann", M)).delivered == 1
    assert await world.took() == {"a": ["m"]}
    assert (await service.send_to_group("chat", "g", M)).delivered == 1
    assert await world.took() == {"b": ["m"]}
    assert (await service.send_to_connection("chat", a, M)).delivered == 1
    assert await world.took() == {"a": ["m"]}


async def test_a_verdict_names_whom_a_message_reached_when_asked_to() -> None:
    world = World(names_recipients=True)
    a, b = world.connect("a", "ann"), world.connect("b", "bob")
    await world.service.add_connection_to_group("chat", a, "g")

    who = (await world.service.send_to_group("Chat", "g", M)).who

    assert who is not None
    assert [one.connection_id for one in who.got] == [a]
    assert [one.connection_id for one in who.missed] == [b]
    assert (await World().service.send_to_all("chat", M)).who is None


async def test_an_ended_connection_leaves_word_of_its_groups() -> None:
    world = World()
    seen: list[Any] = []
    world.service.sessions.observer = Recorded(seen)
    a = world.connect("a", "ann")
    await world.service.add_connection_to_group("chat", a, "g")

    world.service.sessions.discard(world.sessions["a"])

    ended = [fields for event, fields in seen if event == "ConnectionEnded"]
    assert [fields["groups"] for fields in ended] == [["g"]]


async def test_a_send_that_reaches_nobody_says_why() -> None:
    world = World()
    world.connect("a", "ann")
    verdict = await world.service.send_to_group("chat", "nothing", M)

    assert verdict.delivered == 0
    assert "'nothing'" in verdict.why


async def test_a_message_that_its_sender_encoded_goes_only_to_those_who_read_it() -> None:
    world = World()
    world.connect("a")
    verdict = await world.service.send_to_all("chat", Encoded({"messagepack": b"x"}))

    assert verdict.delivered == 0
    assert "1 connection speaks json" in verdict.why


async def test_presence_and_groups() -> None:
    world = World()
    connection = world.connect("a", "ann")
    service = world.service

    assert await service.connection_exists("chat", connection)
    assert await service.user_exists("chat", "ann")
    assert not await service.group_exists("chat", "g")
    await service.add_user_to_group("chat", "ann", "g")
    assert await service.group_exists("chat", "g")
    assert await service.user_in_group("chat", "ann", "g")
    page = await service.list_group_connections("chat", "g")
    assert (page.members, page.more) == ((Member(connection, "ann"),), False)
    assert await service.remove_connection_from_all_groups("chat", connection)
    assert not await service.group_exists("chat", "g")
    await service.remove_user_from_all_groups("chat", "ann")
    assert not await service.user_in_group("chat", "ann", "g")
    assert not await service.add_connection_to_group("chat", "nobody", "g")


async def test_closing_says_why_and_counts() -> None:
    world = World()
    a, b = world.connect("a", "ann"), world.connect("b", "ann")
    service = world.service

    assert await service.close_user("chat", "ann", excluded=[a], reason="bye") == 1
    assert world.sinks["b"].said == [{"type": 7, "error": "bye"}, {"ended": True}]
    assert await service.close_connection("chat", b) is False
    assert await service.close_all("chat") == 1
    assert await service.close_all("never seen") == 0


async def test_rest_may_let_closed_clients_reconnect() -> None:
    world = World(rest_close_allows_reconnect=True)
    world.connect("a")
    await world.service.close_all("chat")

    assert world.sinks["a"].said[0] == {"type": 7, "allowReconnect": True}


async def test_a_client_is_asked_and_answers() -> None:
    world = World(invoke_timeout_s=5.0)
    connection = world.connect("a")

    async def answered(**answer: Any) -> Any:
        asking = asyncio.create_task(
            world.service.invoke_connection("chat", connection, "ask", [1])
        )
        for _ in range(5):
            await asyncio.sleep(0)
        call = world.sinks["a"].said.pop()["invocationId"]
        body = json.dumps({"type": 3, "invocationId": call, **answer}).encode()
        world.service.sessions.received(world.sessions["a"], body + b"\x1e")
        return await asking

    found = await answered(result=2)
    assert (found.result, found.has_result, found.protocol) == (2, True, "json")
    assert (await answered()).has_result is False
    with pytest.raises(ClientResultError, match="no"):
        await answered(error="no")


async def test_a_client_that_does_not_answer() -> None:
    world = World()
    connection = world.connect("a")

    with pytest.raises(ClientResultTimeout):
        await world.service.invoke_connection("chat", connection, "ask", [], timeout_s=0.001)
    with pytest.raises(NoSuchConnection):
        await world.service.invoke_connection("chat", "nobody", "ask", [])


async def test_the_state_lists_connections_users_and_groups() -> None:
    world = World()
    connection = world.connect("a", "ann")
    await world.service.add_connection_to_group("chat", connection, "g")
    await world.service.add_user_to_group("chat", "bob", "later")

    assert world.service.state() == {
        "hubs": {
            "chat": {
                "connections": [
                    {
                        "id": connection,
                        "userId": "ann",
                        "protocol": "json",
                        "transport": "WebSockets",
                        "groups": ["g"],
                    }
                ],
                "users": {"ann": [connection]},
                "groups": {"g": [connection]},
                "handshaking": [],
                "remembered": {"bob": ["later"]},
            }
        }
    }
