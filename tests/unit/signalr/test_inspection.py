"""Who may look at the service: programs on this machine, and no web page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from funcjson.signalr.inspection import MAX_UNREAD, Inspection, Unread, is_local
from funcjson.signalr.live_trace import LiveTrace, TraceLine


@pytest.mark.parametrize(
    ("remote", "headers", "expected"),
    [
        ("127.0.0.1", {"Host": "localhost:8888"}, True),
        ("::1", {"Host": "[::1]:8888"}, True),
        ("::ffff:127.0.0.1", {"Host": "127.0.0.1"}, True),
        ("10.0.0.1", {"Host": "localhost:8888"}, False),
        (None, {"Host": "localhost:8888"}, False),
        ("127.0.0.1", {"Host": "localhost:8888", "Origin": "http://localhost:3000"}, False),
        ("127.0.0.1", {"Host": "evil.example:8888"}, False),
        ("127.0.0.1", {"Host": "[broken"}, False),
        ("127.0.0.1", {}, False),
    ],
)
def test_who_may_look(remote: str | None, headers: Mapping[str, str], expected: bool) -> None:
    assert is_local(remote, headers) is expected


def inspection() -> Inspection:
    trace = LiveTrace(lambda: 0.0)
    trace.record("ConnectionConnected", {"hub": "chat"})

    async def state() -> dict[str, Any]:
        return {"hubs": {}}

    return Inspection(state, trace)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_lss/state", 200),
        ("GET", "/_lss/trace", 200),
        ("GET", "/_lss/other", 404),
        ("POST", "/_lss/state", 405),
    ],
)
async def test_answers(method: str, path: str, status: int) -> None:
    request = make_mocked_request(method, path, headers={"Host": "localhost"})
    local = request.clone(remote="127.0.0.1")
    answer = await inspection().handle(local)

    assert answer.status == status
    if status == 404:
        assert "/_lss/state" in getattr(answer, "text", "")
    if path == "/_lss/trace":
        line = json.loads(getattr(answer, "body", b""))
        assert line["eventName"] == "ConnectionConnected"


async def test_another_machine_is_refused() -> None:
    request = make_mocked_request("GET", "/_lss/state", headers={"Host": "localhost"})
    answer = await inspection().handle(request.clone(remote="10.0.0.1"))

    assert answer.status == 403


async def test_a_reader_that_is_too_slow_misses_the_oldest_lines() -> None:
    unread = Unread()
    for number in range(MAX_UNREAD + 2):
        unread.put(TraceLine(float(number), "x", {}))

    first = await unread.next()
    assert first is not None
    assert first.at == 2.0
    unread.end()
    while (line := await unread.next()) is not None:
        last = line
    assert last.at == MAX_UNREAD + 1
