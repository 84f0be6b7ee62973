from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.rest_world import World

from funcjson.signalr.hub import TAGS_WITHOUT_TTL
from funcjson.signalr.near_misses import CLEAR, EMPTY, NO_SUCH_NAME, OTHERS_LISTED, explain

CHAT = {"A": {"user": "ann"}, "B": {"user": "bob"}}


@pytest.mark.parametrize(
    ("clients", "asked", "expected"),
    [
        ({}, ("chat", "all", ""), (EMPTY, "hub 'chat' has 0 connections")),
        (
            CHAT,
            ("Chat2", "all", ""),
            (OTHERS_LISTED, "hub 'chat2' has 0 connections, but 'chat' has 2"),
        ),
        (
            CHAT,
            ("x", "all", ""),
            (OTHERS_LISTED, "hub 'x' has 0 connections; hubs with connections: 'chat' (2)"),
        ),
        (
            {"A": {"handshake": False}},
            ("chat", "all", ""),
            (OTHERS_LISTED, "hub 'chat' has 1 connection, but none has finished its handshake"),
        ),
        (CHAT, ("chat", "all", ""), (CLEAR, "every connection of hub 'chat' is excluded")),
        (
            CHAT,
            ("chat", "user", "Ann"),
            (
                CLEAR,
                "hub 'chat' has no user 'Ann' with a connection; did you mean 'ann', which has 1?",
            ),
        ),
        (
            CHAT,
            ("chat", "user", "zoe"),
            (
                NO_SUCH_NAME,
                "hub 'chat' has no user 'zoe' with a connection; users there: 'ann' (1), 'bob' (1)",
            ),
        ),
        (
            CHAT,
            ("chat", "user", "ann"),
            (CLEAR, "every connection of user 'ann' in hub 'chat' is excluded"),
        ),
        (
            {**CHAT, "C": {"hub": "other", "user": "zoe"}},
            ("chat", "user", "zoe"),
            (
                CLEAR,
                "hub 'chat' has no user 'zoe' with a connection; it is in hub 'other'",
            ),
        ),
        (
            CHAT,
            ("chat2", "user", "ann"),
            (CLEAR, "hub 'chat2' has 0 connections; user 'ann' is in hub 'chat'"),
        ),
        (
            {**CHAT, "C": {"user": "zoe", "handshake": False}},
            ("chat", "user", "zoe"),
            (
                CLEAR,
                "user 'zoe' has 1 connection in hub 'chat', which has not finished its handshake",
            ),
        ),
        (
            {
                "A": {"user": "zoe", "handshake": False},
                "B": {"user": "zoe", "handshake": False},
                "C": {"user": "zoe", "hub": "other"},
            },
            ("chat", "user", "zoe"),
            (
                CLEAR,
                "user 'zoe' has 2 connections in hub 'chat', none of which has finished its handshake",
            ),
        ),
        (CHAT, ("chat", "connection", "c"), (NO_SUCH_NAME, "hub 'chat' has no connection 'c'")),
    ],
)
async def test_a_message_to_nobody_is_explained(
    clients: dict[str, Any], asked: tuple[str, str, str], expected: tuple[int, str]
) -> None:
    assert explain(World({"clients": clients}).service.sessions, *asked) == expected


async def test_a_connection_of_another_hub_is_found() -> None:
    world = World({"clients": {**CHAT, "C": {"hub": "other"}}})
    there = world.clients["C"].session.id

    rank, text = explain(world.service.sessions, "chat", "connection", there)

    assert (rank, text) == (CLEAR, f"hub 'chat' has no connection '{there}'; it is in hub 'other'")


async def test_the_groups_that_there_are_stand_beside_one_that_is_not() -> None:
    world = World({"clients": CHAT})
    await world.service.add_user_to_group("chat", "ann", "red")

    _, text = explain(world.service.sessions, "chat", "group", "blue")

    assert text == "hub 'chat' has no group 'blue' with a connection; groups there: 'red' (1)"


async def test_a_group_of_remembered_users_is_told_from_no_group() -> None:
    world = World({"clients": CHAT})
    await world.service.add_user_to_group("chat", "zoe", "g")

    rank, text = explain(world.service.sessions, "chat", "group", "g")

    assert rank == CLEAR
    assert text == "group 'g' of hub 'chat' has members, but none of them is connected"


async def test_a_group_that_a_user_is_no_longer_remembered_for_is_told() -> None:
    world = World({"clients": {"A": {"user": "bob"}}})
    for number in range(TAGS_WITHOUT_TTL + 1):
        await world.service.add_user_to_group("chat", "ann", f"g{number}")
    world.connect({"B": {"user": "ann"}})

    _, text = explain(world.service.sessions, "chat", "group", "g0")

    assert text.endswith("; user 'ann' is remembered for the newest 100 groups only")
