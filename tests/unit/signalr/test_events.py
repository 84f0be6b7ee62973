"""A service without upstream answers at once, and says why."""

from __future__ import annotations

from funcjson.signalr.events import ClientInfo, NoUpstream
from funcjson.signalr.messages import Completion, Invocation

CLIENT = ClientInfo("c1", "chat", None, {}, "", "json", "WebSockets")


async def test_who_waits_is_told_that_there_is_no_upstream() -> None:
    answer = await NoUpstream().message(CLIENT, Invocation("hello", [], "1"))

    assert answer == Completion(
        "1",
        error="Invocation failed, no upstream is configured for hub 'chat', category 'messages', "
        "event 'hello'.",
    )


async def test_nobody_else_is_answered() -> None:
    upstream = NoUpstream()

    assert await upstream.message(CLIENT, Invocation("hello")) is None
    assert await upstream.connected(CLIENT) is None
    assert await upstream.disconnected(CLIENT, "cut") is None
