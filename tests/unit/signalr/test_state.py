"""What is connected on several nodes, as one."""

from __future__ import annotations

from typing import Any

from funcjson.signalr.state import merged


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
        "users": {"ann": ["c1", "c2"]},
        "groups": {"a": ["c1"], "g": ["c1", "c2"]},
        "remembered": {"ann": ["later"]},
    }
