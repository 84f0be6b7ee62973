"""A WebSocket over a transport that only remembers: which end closes, when, and what is written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from funcjson.signalr.client_access import TRANSPORTS
from funcjson.signalr.events import NoUpstream
from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import Invocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.session import Caller, Grants, Session
from funcjson.signalr.sessions import Sessions
from funcjson.signalr.transports.websocket import LOST, OpenSockets, WebSocket
from funcjson.signalr.transports.websocket_frames import BINARY, CLOSE, PING, TEXT, unmasked

MASK = b"\1\2\3\4"
HELLO = b'{"protocol":"json","version":1}\x1e'


def client_frame(opcode: int, payload: bytes) -> bytes:
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + MASK + unmasked(payload, MASK)


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.events: list[str] = []
        self.unsent = 0

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return "close" in self.events or "abort" in self.events

    def close(self) -> None:
        self.events.append("close")

    def abort(self) -> None:
        self.events.append("abort")

    def pause_reading(self) -> None:
        self.events.append("pause")

    def resume_reading(self) -> None:
        self.events.append("resume")


class World:
    def __init__(self, **options: Any) -> None:
        self.sessions = Sessions(ServiceOptions(**options), NoUpstream())
        self.session: Session = self.sessions.begin(
            Caller("chat", None, {}, "", Grants(frozenset(TRANSPORTS), 15.0, 5.0))
        )
        self.transport = self.make_transport()
        self.open = OpenSockets()
        self.socket = WebSocket(self.sessions, self.session, self.transport, self.open)
        self.sessions.attach(self.session, self.socket, binary=True, pings=True)

    def make_transport(self) -> FakeTransport:
        return FakeTransport()

    def says(self, opcode: int, payload: bytes) -> None:
        self.socket.data_received(client_frame(opcode, payload))

    def took(self) -> list[bytes]:
        taken, self.transport.written = self.transport.written, []
        return taken


async def opened(**options: Any) -> World:
    world = World(**options)
    world.says(TEXT, HELLO)
    assert world.took() == [b"\x81\x03{}\x1e"]
    return world


async def test_text_and_binary_are_one_stream_of_bytes() -> None:
    world = World()
    world.says(TEXT, HELLO[:10])
    world.says(BINARY, HELLO[10:])

    assert world.took() == [b"\x81\x03{}\x1e"]


async def test_a_ping_is_answered_with_its_payload() -> None:
    world = await opened()
    world.says(PING, b"hi")

    assert world.took() == [b"\x8a\x02hi"]


async def test_the_clients_close_frame_is_answered_with_its_code() -> None:
    world = await opened()
    world.says(CLOSE, b"\x03\xe9")

    assert world.took() == [b"\x88\x02\x03\xe9"]
    assert world.transport.events == ["close"]
    assert (world.session.is_ended, world.session.connection.error) == (True, None)


async def test_our_close_frame_comes_last_and_waits_for_the_clients() -> None:
    world = await opened()
    world.sessions.close(world.session, "bye")
    assert world.took() == [b'\x81\x19{"type":7,"error":"bye"}\x1e', b"\x88\x02\x03\xe8"]
    assert world.transport.events == []
    world.says(PING, b"too late")
    world.says(CLOSE, b"\x03\xe8")

    assert world.took() == []
    assert world.transport.events == ["close"]


async def test_a_client_that_does_not_answer_a_close_frame_is_cut_off() -> None:
    world = await opened(close_timeout_s=0.0)
    world.sessions.close(world.session, None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert world.transport.events == ["abort"]


async def test_a_socket_that_breaks_is_lost_once() -> None:
    world = await opened()
    world.socket.connection_lost(None)
    world.socket.connection_lost(None)

    assert world.session.connection.error == LOST
    assert len(world.open) == 0


async def test_a_broken_frame_ends_the_session_and_nothing_more_is_read() -> None:
    world = await opened()
    world.socket.data_received(b"\xff\xff")
    world.says(PING, b"x")

    assert world.took() == [b"\x88\x02\x03\xea"]
    assert world.session.is_ended
    assert world.transport.events == []


async def test_reading_pauses_while_upstream_is_slower_than_the_client() -> None:
    world = await opened()
    world.socket.hold(True)
    world.socket.hold(True)
    assert world.transport.events == ["pause"]
    world.sessions.close(world.session, None)

    assert world.transport.events == ["pause", "resume"], (
        "else the client's close frame is never read"
    )


async def test_a_client_that_does_not_read_is_dropped() -> None:
    world = await opened(max_buffer_bytes=100, buffer_bytes=100)
    world.transport.unsent = 101
    world.sessions.deliver((world.session,), Payload(Invocation("m")))
    await asyncio.sleep(0)

    assert world.session.is_ended
    assert b'"allowReconnect":true' in b"".join(world.took())


async def test_the_end_of_the_service_waits_for_its_sockets_but_not_for_long() -> None:
    world = await opened()
    closing = asyncio.create_task(world.open.close(10.0))
    await asyncio.sleep(0)
    assert not closing.done()
    world.socket.connection_lost(None)
    await closing

    stubborn = await opened()
    abort = stubborn.transport.abort
    stubborn.transport.abort = lambda: (abort(), stubborn.socket.connection_lost(None))  # type: ignore[method-assign,assignment,func-returns-value]
    await stubborn.open.close(0.0)
    assert "abort" in stubborn.transport.events


# Past the transport, straight to the socket


class Paired(World):
    """A world whose transport has a real socket; `other` is its far end."""

    def __init__(self, **extra: Any) -> None:
        self.near, self.other = socket.socketpair()
        self.near.setblocking(False)
        self.other.setblocking(False)
        self.extra = {"socket": self.near, **extra}
        super().__init__()

    def make_transport(self) -> FakeTransport:
        transport = FakeTransport()
        transport.get_extra_info = self.extra.get  # type: ignore[method-assign]
        return transport

    def arrived(self) -> bytes:
        try:
            return self.other.recv(1 << 20)
        except BlockingIOError:
            return b""


@pytest.fixture
def paired() -> Iterator[Callable[..., Paired]]:
    made: list[Paired] = []

    def make(**extra: Any) -> Paired:
        made.append(Paired(**extra))
        made[-1].says(TEXT, HELLO)
        made[-1].arrived()
        made[-1].took()
        return made[-1]

    yield make
    for each in made:
        each.near.close()
        each.other.close()


def send(world: World, text: str = "") -> None:
    world.sessions.deliver((world.session,), Payload(Invocation("m", (text,))))
    world.sessions.flush(world.session)


async def test_a_message_goes_straight_to_the_socket(paired: Callable[..., Paired]) -> None:
    world = paired()
    send(world)

    assert world.arrived().endswith(b'{"type":1,"target":"m","arguments":[""]}\x1e')
    assert world.took() == []


async def test_what_the_socket_does_not_take_goes_to_the_transport_and_so_does_what_follows(
    paired: Callable[..., Paired],
) -> None:
    world = paired()
    large = "x" * (1 << 19)
    world.transport.unsent = 1  # from then on
    send(world, large)
    first = world.arrived()
    send(world, "second")

    assert 0 < len(first) < len(large)
    rest, second = world.took()
    assert len(first + rest) > len(large)
    assert b"second" in second
    assert world.arrived() == b""
    world.transport.unsent = 0
    send(world, "third")  # by the transport, which then has nothing unsent
    assert b"third" in world.took()[0]
    send(world, "fourth")
    assert b"fourth" in world.arrived()


async def test_nothing_goes_past_tls(paired: Callable[..., Paired]) -> None:
    world = paired(sslcontext=object())
    send(world)

    assert world.arrived() == b""
    assert len(world.took()) == 1


async def test_nothing_goes_to_a_socket_that_is_closed(paired: Callable[..., Paired]) -> None:
    world = paired()
    world.socket.connection_lost(None)
    world.socket.write(Payload(Invocation("m")).alone(), world.session.connection.protocol)
    assert world.arrived() == b""

    closing = paired()
    closing.sessions.close(closing.session, "bye")
    closing.socket.write(Payload(Invocation("m")).alone(), closing.session.connection.protocol)
    assert closing.arrived().endswith(b'"error":"bye"}\x1e')


async def test_a_socket_that_the_client_has_reset_is_left_to_the_transport(
    paired: Callable[..., Paired],
) -> None:
    world = paired()
    world.other.close()
    send(world)

    assert len(world.took()) == 1
