"""A transaction on the connections of one node; over several nodes: the contract test of backplanes."""

from __future__ import annotations

import pytest
from tests.conformance.rest_world import World

from funcjson.signalr.filter import FilterError
from funcjson.signalr.messages import Invocation
from funcjson.signalr.transactions import (
    CloseConnection,
    Executed,
    JoinGroup,
    LeaveGroup,
    SendMessage,
    total,
)

SEND = SendMessage(Invocation("m", []))


async def test_connections_are_selected_once_before_the_first_command() -> None:
    world = World({"clients": {"A": {"user": "a"}, "B": {"user": "b"}}})
    await world.service.execute("chat", [JoinGroup("g")], "userId eq 'a'")

    done = await world.service.execute(
        "Chat", [LeaveGroup("g"), SEND, SEND, CloseConnection(), SEND], "'g' in groups"
    )

    assert done == Executed(1, 2, (1, 1, 0))
    assert await world.service.group_exists("chat", "g") is False


async def test_a_filter_that_cannot_be_read_runs_nothing() -> None:
    world = World({"clients": {"A": {}}})

    with pytest.raises(FilterError):
        await world.service.execute("chat", [CloseConnection()], "userId eq")

    assert world.clients["A"].take() == []


async def test_a_hub_without_connections() -> None:
    done = await World({}).service.execute("chat", [SEND, JoinGroup("g")])

    assert (done.matched, done.delivered) == (0, (0,))
    assert done.why == "hub 'chat' has 0 connections"


def test_the_parts_of_nodes_add_up_command_by_command() -> None:
    assert total([Executed(1, 2, (1, 0)), Executed(2, 3, (2, 2))]) == Executed(3, 5, (3, 2))
