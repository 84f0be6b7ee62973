"""Sending as the service: the request, and the service's verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.inspector.inspected_host import inspected

from funcjson.inspector.inspected import Refusal
from funcjson.inspector.sending import group, send


@pytest.mark.parametrize(
    ("to", "name", "path"),
    [
        ("all", "", "/api/hubs/chat/:send"),
        ("user", "alice", "/api/hubs/chat/users/alice/:send"),
        ("group", "red", "/api/hubs/chat/groups/red/:send"),
        ("connection", "c1", "/api/hubs/chat/connections/c1/:send"),
    ],
)
async def test_each_kind_of_receiver(tmp_path: Path, to: str, name: str, path: str) -> None:
    body = {"hub": "chat", "to": to, "name": name, "target": "x", "arguments": [1]}
    async with inspected(tmp_path) as host:
        told = await send(host, body)

    assert path in told["call"]["url"]
    assert told["delivery"]["delivered"] == 0
    assert told["delivery"]["why"]
    assert "$TOKEN" in told["call"]["curl"]


@pytest.mark.parametrize("action", ["add", "remove"])
async def test_users_join_and_leave_groups(tmp_path: Path, action: str) -> None:
    body = {"hub": "chat", "action": action, "group": "red", "user": "alice"}
    async with inspected(tmp_path) as host:
        told = await group(host, body)

    assert told["call"]["status"] < 300
    assert told["call"]["method"] == {"add": "PUT", "remove": "DELETE"}[action]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"target": "x"}, "hub and a target"),
        ({"hub": "chat", "target": "x", "arguments": {}}, "JSON array"),
        ({"hub": "chat", "target": "x", "to": "user"}, "which user"),
        ({"hub": "chat", "target": "x", "to": "moon", "name": "y"}, "'moon' is not"),
    ],
)
async def test_what_cannot_be_sent_says_why(tmp_path: Path, body: dict[str, Any], why: str) -> None:
    async with inspected(tmp_path) as host:
        with pytest.raises(Refusal, match=why):
            await send(host, body)


async def test_a_group_action_needs_somebody(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        with pytest.raises(Refusal, match="a user or a connection"):
            await group(host, {"hub": "chat", "group": "red"})


async def test_without_a_service_nothing_is_sent(tmp_path: Path) -> None:
    async with inspected(tmp_path, local=False) as host:
        with pytest.raises(Refusal, match="no SignalR service"):
            await send(host, {"hub": "chat", "target": "x"})
