"""What real clients do with a server that behaves oddly: why the service never does so, and what it may rely on.

Each row is one of the quirk matrix; `tests/conformance/README.md` says by which test the service is held to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.e2e.scripted_server import Peer, ScriptedServer, message, record
from tests.e2e.signalr_world import Driver

CLIENTS = {
    "js": (("node", "signalr_client.mjs"), {"transport": "WebSockets"}),
    "pysignalr": ((sys.executable, "signalr_pysignalr.py"), {"protocol": "json"}),
    "signalrcore": ((sys.executable, "signalr_signalrcore.py"), {"protocol": "json"}),
}
Script = Callable[[Peer], None]


@dataclass
class World:
    name: str
    driver: Driver
    server: ScriptedServer

    def accept(self) -> Peer:
        return self.server.accept()


@pytest.fixture(params=CLIENTS)
def world(request: pytest.FixtureRequest, node: str) -> Iterator[World]:
    command, options = CLIENTS[request.param]
    with (
        ScriptedServer() as server,
        Driver(command, url=server.url, **options) as driver,
    ):
        if request.param == "js":
            driver.do("start")
        yield World(request.param, driver, server)


def opened(world: World) -> Peer:
    """After a good handshake."""
    peer = world.accept()
    peer.text("{}\x1e")
    world.driver.expect("connected")
    return peer


def end_of(driver: Driver) -> dict[str, Any]:
    """The first thing that tells of an end."""
    while True:
        found = driver.next()
        if found["event"] in ("closed", "ended", "refused"):
            return found


def test_a_handshake_error(world: World) -> None:
    peer = world.accept()
    peer.text(record(error="not you"))
    peer.close()
    found = end_of(world.driver)

    if world.name == "js":
        assert found == {"event": "refused", "error": "Server returned handshake error: not you"}
    elif world.name == "pysignalr":
        assert (found["event"], found["kind"]) == ("ended", "ValueError")
    else:
        assert found["event"] == "closed"


def test_the_handshake_and_a_message_in_one_frame(world: World) -> None:
    world.accept().text("{}\x1e" + message("early"))
    heard = [world.driver.next() for _ in range(2)]

    assert {"event": "message", "arguments": ["early"]} in heard
    assert "connected" in [each["event"] for each in heard]


def test_two_messages_in_one_frame(world: World) -> None:
    opened(world).text(message(1) + message(2))

    assert world.driver.messages(2) == [[1], [2]]


def in_two_frames(peer: Peer) -> None:
    whole = message("x")
    peer.text(whole[:9])
    peer.text(whole[9:])


ODDITIES: dict[str, tuple[Script, tuple[str, ...]]] = {
    # what the server does -> the clients that do not survive it
    "a message split over frames": (in_two_frames, ("js", "pysignalr", "signalrcore")),
    "an unknown type": (lambda peer: peer.text(record(type=99)), ("pysignalr", "signalrcore")),
    "an Ack that nobody asked for": (
        lambda peer: peer.text(record(type=8, sequenceId=1)),
        ("pysignalr",),
    ),
    "invocationId null": (
        lambda peer: peer.text(
            record(type=1, invocationId=None, target="newMessage", arguments=["odd"])
        ),
        ("js",),
    ),
    "JSON in binary frames": (lambda peer: peer.binary(message("odd")), ("js",)),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_oddity_is_survived_or_not(world: World, oddity: str) -> None:
    script, victims = ODDITIES[oddity]
    peer = opened(world)
    script(peer)
    if world.name in victims:
        end_of(world.driver)
        return
    peer.text(message("fine"))
    heard = [world.driver.expect("message")["arguments"]]
    if heard == [["odd"]]:
        heard = world.driver.messages(1)
    assert heard == [["fine"]]


def test_a_close_right_after_the_handshake(world: World) -> None:
    peer = world.accept()
    peer.text("{}\x1e")
    peer.close()

    if world.name == "pysignalr":
        for _ in range(5):  # it comes back again and again, without a pause
            again = world.accept()
            again.text("{}\x1e")
            again.close()
    else:
        end_of(world.driver)


def test_a_ping_of_the_websocket(world: World) -> None:
    peer = opened(world)
    peer.ping()
    peer.text(message("fine"))
    assert world.driver.messages(1) == [["fine"]]
    world.driver.do("invoke", target="after", arguments=[])

    came_first, what = peer.next()
    if world.name == "signalrcore":  # never pongs
        assert (came_first, what["target"]) == ("record", "after")
    else:
        assert came_first == "pong"
        assert peer.next()[1]["target"] == "after"


def test_a_client_result(world: World) -> None:
    peer = opened(world)
    peer.text(record(type=1, invocationId="s-1", target="ask", arguments=[21]) + message("next"))
    if world.name == "signalrcore":  # never answers: what it says next is its own call
        assert world.driver.messages(1) == [["next"]]
        world.driver.do("invoke", target="after", arguments=[])
        assert peer.next()[1]["target"] == "after"
    else:
        _, answer = peer.next()
        assert (answer["type"], answer["invocationId"], answer["result"]) == (3, "s-1", 42)


def test_silence_with_pings_between(world: World) -> None:
    peer = opened(world)
    for _ in range(3):
        peer.text(record(type=6))
        world.driver.do("idle", milliseconds=400)
        world.driver.expect("idle")
    peer.text(message("fine"))

    assert world.driver.messages(1) == [["fine"]]


def test_the_protocol_that_it_asks_for_by_itself(world: World) -> None:
    """Without a redirect all ask for JSON; signalrcore changes to MessagePack after one."""
    assert world.accept().hello["protocol"] == "json"


def test_how_a_client_stops(world: World) -> None:
    peer = opened(world)
    process = world.driver._process
    assert process.stdin is not None
    process.stdin.close()
    if (
        world.name == "signalrcore"
    ):  # its reader mostly sleeps in recv() until the server says something
        peer.text(record(type=6))
        assert process.wait(20) == 0
        return
    assert process.wait(20) == 0
    said = [peer.next()]
    while said[-1][0] != "close":
        said.append(peer.next())
    if world.name == "js":
        assert said == [("record", {"type": 7}), ("close", 0)] or said == [("close", 0)]
