"""What is connected on several nodes, as one."""

from __future__ import annotations

from typing import Any

from tests.conformance.rest_world import World

from funcjson.signalr.state import hubs_of, merged


def hub(connection: str, user: str, **groups: list[str]) -> dict[str, Any]:
    return {
        "connections": [{"id": connection, "userId": user}],
        "users": {user: [connection]},
        "groups": groups,
        "remembered": {user: ["later"]},
    }


def test_connections_say_their_node_and_the_rest_is_joined() -> None:
    one = {"chat": hub("c2", "ann", g=["c2"])}
    two = {"chat": hub("c1", "ann", g=["c1"], a=["c1"]), "alone": hub("c3", "bob")}
    found = merged([("n1", one), ("n2", two)])

    assert list(found) == ["alone", "chat"]
    assert found["chat"] == {
        "connections": [
            {"id": "c2", "userId": "ann", "node": "n1"},
            {"id": "c1", "userId": "ann", "node": "n2"},
        ],
        "handshaking": [],
        "users": {"ann": ["c1", "c2"]},
        "groups": {"a": ["c1"], "g": ["c1", "c2"]},
        "remembered": {"ann": ["later"]},
    }


async def test_a_client_that_has_not_shaken_hands_is_shown_also_in_a_hub_of_its_own() -> None:
    world = World(
        {
            "clients": {
                "A": {"user": "ann"},
                "B": {"user": "bob", "handshake": False},
                "C": {"hub": "Other", "handshake": False},
            }
        }
    )
    found = merged([("n1", hubs_of(world.service.sessions))])

    b, c = world.clients["B"].session.id, world.clients["C"].session.id
    row = {"transport": "WebSockets", "node": "n1"}
    assert found["chat"]["handshaking"] == [{"id": b, "userId": "bob", **row}]
    assert found["other"]["handshaking"] == [{"id": c, "userId": None, **row}]
    assert [each["userId"] for each in found["chat"]["connections"]] == ["ann"]
