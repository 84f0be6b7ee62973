"""explain why: would a message to a group reach a user, and if not, which link is missing."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.explaining.text import why_text
from funcjson.explaining.why import why


def connection(name: str, user: str | None, *groups: str) -> dict[str, Any]:
    return {
        "id": name,
        "userId": user,
        "protocol": "json",
        "transport": "WebSockets",
        "groups": list(groups),
    }


def hub(*connections: dict[str, Any]) -> dict[str, Any]:
    users: dict[str, list[str]] = {}
    groups: dict[str, list[str]] = {}
    for one in connections:
        if one["userId"] is not None:
            users.setdefault(one["userId"], []).append(one["id"])
        for group in one["groups"]:
            groups.setdefault(group, []).append(one["id"])
    return {"connections": list(connections), "users": users, "groups": groups}


STATE = {
    "hubs": {
        "chat": hub(connection("c1", "ann", "lobby"), connection("c2", "ann"), connection("c3", "bob", "other"), connection("c4", None)),
        "news": hub(connection("n1", "carl")),
        "empty": hub(),
    }
}  # fmt: skip


def line(time: str, event: str, hub: str = "chat", **more: Any) -> dict[str, Any]:
    return {"time": time, "hub": hub, "eventName": event, "message": event, **more}


def asked(user: str, group: str, name: str | None = "chat", state: Any = STATE) -> dict[str, Any]:
    return why(state, (), user, group, name)


def failed(document: dict[str, Any]) -> str:
    return next(check["check"] for check in document["checks"] if not check["ok"])


def test_a_user_in_the_group_is_reached() -> None:
    document = asked("ann", "lobby")

    assert document["reached"]
    assert document["connections"] == ["c1"]
    assert "1 connection of the user not" in document["checks"][3]["says"]
    assert document["hints"] == []


@pytest.mark.parametrize(
    ("user", "group", "name", "check", "fix"),
    [
        ("ann", "lobby", "chta", "hub", "did you mean hub 'chat'?"),
        ("ann", "lobby", "empty", "hub", "connect a client to it first"),
        ("Ann", "lobby", "chat", "user", "did you mean 'ann'?"),
        ("carl", "lobby", "chat", "user", "the user is in hub 'news'"),
        ("zoe", "lobby", "chat", "user", "its connection has ended"),
        ("ann", "Lobby", "chat", "group", "did you mean 'lobby'?"),
        ("ann", "nowhere", "chat", "group", '"groupName": "nowhere"'),
        ("bob", "lobby", "chat", "member", "a membership ends with its connection"),
    ],
)
def test_the_missing_link_and_its_remedy(
    user: str, group: str, name: str, check: str, fix: str
) -> None:
    document = asked(user, group, name)

    assert not document["reached"]
    assert failed(document) == check
    assert fix in document["hints"][0]


def test_clients_that_are_not_signed_in() -> None:
    document = asked("ann", "g", "chat", {"hubs": {"chat": hub(connection("c1", None))}})

    assert "1 connection without a user id" in document["checks"][1]["says"]
    assert "clients are not signed in" in document["hints"][0]


def test_a_user_that_is_remembered_joins_with_its_next_connection() -> None:
    state = {"hubs": {"chat": {**hub(connection("c1", "ann")), "remembered": {"zoe": ["lobby"]}}}}

    document = asked("zoe", "lobby", "chat", state)

    assert document["remembered"]
    assert (
        document["hints"][0]
        == "'zoe' is remembered for 'lobby': its next connection joins by itself"
    )


def test_without_a_hub_the_one_where_they_are_is_taken() -> None:
    assert asked("carl", "g", None)["hub"] == "news"
    assert asked("nobody", "nothing", None)["hub"] == "chat"
    assert asked("a", "b", None, {"hubs": {}})["hub"] == ""


def test_a_service_where_nobody_is_connected_has_one_answer() -> None:
    document = asked("ann", "blue", None, {"hubs": {}})

    assert [check["check"] for check in document["checks"]] == ["hub"]
    text = why_text(document)
    assert text.startswith("user 'ann' does not get what is sent to group 'blue'\n")
    assert "nobody is connected to this service, in any hub" in text


def test_what_happened_lately_to_the_user_or_the_group_is_listed() -> None:
    lines = [
        line("t1", "ConnectionConnected", userId="zoe", connectionId="z1"),
        line("t2", "ConnectionEnded", userId="zoe", connectionId="z1", exception="gone"),
        line("t3", "MessageSent", details={"to": "group", "name": "lobby", "why": "nobody"}),
        line("t4", "ConnectionConnected", hub="news", userId="zoe"),
        line("t5", "ConnectionConnected", userId="ann"),
        line("t6", "MessageSent", details={"to": "all", "name": ""}),
        line("t7", "MessageSent", details={"to": "user", "name": "lobby"}),
    ]

    recent = why(STATE, lines, "zoe", "lobby", "chat")["recent"]

    assert [row["time"] for row in recent] == ["t1", "t2", "t3"]
    assert [row["why"] for row in recent] == [None, "gone", "nobody"]
