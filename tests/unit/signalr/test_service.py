"""The verbs of the service on a node of its own: what each reaches, and what it says when that is nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest

from funcjson.signalr.backplane.base import Answers, Handler, Reply, Request
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


@pytest.mark.parametrize("ends", ["with ttl 0", "removed", "removed from all", "expired"])
async def test_a_hub_that_holds_nothing_any_more_is_forgotten(ends: str) -> None:
    now = [1000.0]
    service = SignalRService(ServiceOptions(wall=lambda: now[0]))
    await service.add_user_to_group("kept", "ann", "g")
    await service.add_user_to_group("chat", "ann", "g", ttl_s=0 if ends == "with ttl 0" else 60)
    match ends:
        case "removed":
            await service.remove_user_from_group("chat", "ann", "g")
        case "removed from all":
            await service.remove_user_from_all_groups("chat", "ann")
        case "expired":
            now[0] += 60

    service.sessions.tick()

    assert list(service.state()["hubs"]) == ["kept"]


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


class Plane:
    """A line to one other node, which remembers what it was told; it can be cut, and hold back answers."""

    name, gone = "me", ""
    others = frozenset({"other"})
    is_alone = False

    def __init__(self) -> None:
        self.cut_off = ""
        self.told: list[tuple[str, str]] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def join(
        self, handler: Handler, rejoined: Callable[[bool], Awaitable[None]] | None = None
    ) -> None:
        assert rejoined is not None
        self.rejoined = rejoined

    async def leave(self) -> None:
        """Nobody waits for it."""

    async def call(
        self,
        request: Request,
        *,
        timeout_s: float = 0,
        enough: Callable[[Reply], bool] | None = None,
        without: Collection[str] = (),
    ) -> Answers:
        if self.cut_off:
            return Answers(cut_off=self.cut_off)
        if request["verb"] == "tags":
            await self.goes_on.wait()
            return Answers(({"tags": []},), cut_off=self.cut_off)
        self.told.append((request["verb"], request["group"]))
        return Answers(({},))


async def joined(plane: Plane) -> SignalRService:
    service = SignalRService(backplane=plane)
    await service.start()
    return service


async def catching_up(plane: Plane) -> asyncio.Task[None]:
    """Joined again; the other node's answer is held back by `goes_on`."""
    plane.cut_off = ""
    plane.goes_on.clear()
    task = asyncio.ensure_future(plane.rejoined(False))
    await asyncio.sleep(0)
    return task


async def test_what_changes_while_catching_up_is_cut_off_again_is_told_the_next_time() -> None:
    plane = Plane()
    service = await joined(plane)
    plane.cut_off = "no line"
    await service.add_user_to_group("chat", "ann", "one")
    first = await catching_up(plane)
    plane.cut_off = "no line again"
    await service.remove_user_from_group("chat", "ann", "one")
    await service.add_user_to_group("chat", "ann", "two")
    plane.goes_on.set()
    await first
    assert plane.told == []

    plane.cut_off = ""
    await plane.rejoined(False)

    assert plane.told == [("join_user", "one"), ("leave_user", "one"), ("join_user", "two")]
    assert list(service.state()["hubs"]["chat"]["remembered"]["ann"]) == ["two"]


async def test_what_changes_while_catching_up_comes_after_what_is_still_to_be_told() -> None:
    plane = Plane()
    service = await joined(plane)
    plane.cut_off = "no line"
    await service.add_user_to_group("chat", "ann", "one")
    task = await catching_up(plane)
    await service.remove_user_from_group("chat", "ann", "one")
    plane.goes_on.set()
    await task

    assert plane.told[-2:] == [("join_user", "one"), ("leave_user", "one")]
    assert service.state()["hubs"]["chat"]["remembered"] == {}
