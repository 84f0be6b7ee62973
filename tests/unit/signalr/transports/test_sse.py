"""Events: whole messages, one `data:` line each, in chunks of HTTP."""

from __future__ import annotations

import asyncio

from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import Invocation
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.transports.sse import EVENT_BYTES, SseSink, event, frame_events


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_gone = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def is_closing(self) -> bool:
        return self.is_gone


def test_an_event() -> None:
    assert event(b"{}\x1e") == b"data: {}\x1e\r\n\r\n"
    assert event(b"a\nb\r\nc") == b"data: a\r\ndata: b\r\ndata: c\r\n\r\n"


def test_messages_share_an_event_but_are_never_split() -> None:
    long = b"x" * EVENT_BYTES

    assert frame_events([b"a", b"b"]) == b"c\r\ndata: ab\r\n\r\n\r\n"
    assert frame_events([long, b"b"]).count(b"data: ") == 2
    assert frame_events([]) == b""


async def test_the_sink_writes_until_it_is_closed() -> None:
    transport = FakeTransport()
    sink = SseSink(transport)
    batch = Payload(Invocation("m")).alone()
    assert sink.write(batch, PROTOCOLS["json"]) == 0
    assert sink.unsent == len(transport.written) > 0
    assert sink.write(batch, PROTOCOLS["json"]) == sink.unsent // 2
    sink.close()

    assert sink.write(batch, PROTOCOLS["json"]) == 0
    assert sink.ended.is_set()
    assert sink.is_stale(1e9) is False


async def test_a_client_that_has_gone_is_written_nothing() -> None:
    transport = FakeTransport()
    transport.is_gone = True

    assert SseSink(transport).write(Payload(Invocation("m")).alone(), PROTOCOLS["json"]) == 0


async def test_the_end_lets_waiting_posts_through() -> None:
    sink = SseSink(FakeTransport())
    sink.hold(True)
    waiting = asyncio.create_task(sink.gate.passed())
    await asyncio.sleep(0)
    assert not waiting.done()
    sink.close()
    await waiting
