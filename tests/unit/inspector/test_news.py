"""What makes a page ask anew, and that an idle one costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.inspector.inspected_host import KEY, InspectedHost, inspected
from tests.unit.signalr.session_world import GRANTS, FakeSink

from funcjson.inspector.news import News
from funcjson.inspector.sending import group
from funcjson.local_service import EmbeddedService, Need
from funcjson.services import HostServices
from funcjson.signalr.rest_client import HttpTransport
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.service import ServiceOptions
from funcjson.signalr.session import Caller, Session


class UnseenServer(SignalRServer):
    """One whose state nobody may ask for, since that costs time for every connection."""

    def state(self) -> dict[str, Any]:
        raise AssertionError("the state was asked for")


@dataclass
class World:
    host: InspectedHost
    news: News
    now: list[float]
    server: SignalRServer

    def out_of_date(self, before: dict[str, str]) -> set[str]:
        after = self.news.stamps()
        return {name for name in after if after[name] != before.get(name)}

    def connect(self, user: str) -> Session:
        sessions = self.server.service.sessions
        session = sessions.begin(Caller("chat", user, {}, "", GRANTS))
        sessions.attach(session, FakeSink(), binary=True, pings=False)
        sessions.received(session, b'{"protocol":"json","version":1}\x1e')
        return session


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    now = [1000.0]
    server = UnseenServer(ServiceOptions(port=8888, keys=(KEY,), wall=lambda: now[0]))
    async with inspected(tmp_path) as host:
        host.embedded = EmbeddedService(server, Need(default=True), KEY)
        host.version.services = HostServices(host.version.settings, host.embedded, HttpTransport())
        yield World(host, News(host), now, server)


async def test_while_nothing_happens_nothing_is_out_of_date(world: World) -> None:
    world.connect("ann")
    before = world.news.stamps()

    assert set(before) == {"app", "activity", "hubs"}
    assert world.out_of_date(before) == set()


async def test_hubs_are_when_a_client_comes_or_goes(world: World) -> None:
    before = world.news.stamps()
    session = world.connect("ann")
    world.now[0] += 1
    assert "hubs" in world.out_of_date(before)

    before = world.news.stamps()
    world.server.service.sessions.discard(session)

    assert "hubs" in world.out_of_date(before)


async def test_hubs_are_when_a_users_time_in_a_group_is_over(world: World) -> None:
    await world.server.service.add_user_to_group("chat", "ann", "g", ttl_s=60)
    before = world.news.stamps()
    world.now[0] += 60
    world.server.tick()

    assert world.out_of_date(before) == {"hubs"}


async def test_activity_is_when_an_invocation_begins_and_when_a_request_is_turned_away(
    world: World,
) -> None:
    before = world.news.stamps()
    world.host.recorder.begin("1", "f")
    assert world.out_of_date(before) == {"activity"}

    before = world.news.stamps()
    world.host.turned_away.add("GET", "/x", 404, "no such route")

    assert world.out_of_date(before) == {"activity"}


async def test_an_open_page_is_woken_by_the_service_and_by_an_invocation_that_ends(
    world: World,
) -> None:
    woken = asyncio.Event()
    world.news.listen(woken)
    before = world.news.stamps()
    session = world.connect("ann")
    assert woken.is_set()
    assert {"hubs", "activity"} <= world.out_of_date(before)

    woken.clear()
    before = world.news.stamps()
    ask = {"hub": "chat", "action": "add", "group": "g", "connection": session.id}
    await group(world.host, ask)  # by REST, as functions and the page do
    assert woken.is_set()
    assert "hubs" in world.out_of_date(before)

    woken.clear()
    world.host.recorder.end(world.host.recorder.begin("1", "f"), "succeeded")
    assert woken.is_set()

    woken.clear()
    world.news.hush(woken)
    world.connect("bob")
    assert not woken.is_set()


async def test_the_app_is_when_another_version_runs_or_none(world: World, tmp_path: Path) -> None:
    before = world.news.stamps()
    world.host.ready = False
    assert world.news.stamps() == {"app": "not ready"}

    world.host.ready = True
    world.host.login = type(world.host.login)({}, b"k" * 32, lambda: 0.0)

    assert world.out_of_date(before) == {"app"}
