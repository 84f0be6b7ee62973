"""The state of a service as a table."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.signalr.commands.ps import fetch, ps, state_table

STATE: dict[str, Any] = {
    "hubs": {
        "chat": {
            "connections": [
                {
                    "id": "c1",
                    "userId": "ann",
                    "protocol": "json",
                    "transport": "WebSockets",
                    "groups": ["a", "b"],
                },
                {"id": "c2", "userId": None, "protocol": "json", "transport": None, "groups": []},
            ],
            "users": {"ann": ["c1"]},
            "groups": {"a": ["c1"], "b": ["c1"]},
        }
    }
}


def test_one_line_a_connection_and_the_sums() -> None:
    lines = state_table(STATE).splitlines()

    assert lines[1].split(maxsplit=5) == ["chat", "c1", "ann", "WebSockets", "json", "a, b"]
    assert lines[2].split() == ["chat", "c2", "-", "-", "json", "-"]
    assert lines[-1] == "hub chat: 2 connections, 1 user, 2 groups"


def test_with_several_nodes_each_line_has_its_node() -> None:
    hub = STATE["hubs"]["chat"]
    placed = [{**each, "node": f"n{at}"} for at, each in enumerate(hub["connections"], 1)]
    whole = {"nodes": ["n1", "n2"], "hubs": {"chat": {**hub, "connections": placed}}, "gap": ""}
    lines = state_table(whole).splitlines()

    assert [line.split()[:2] for line in lines[:3]] == [
        ["NODE", "HUB"],
        ["n1", "chat"],
        ["n2", "chat"],
    ]
    assert lines[-1] == "2 nodes: n1, n2"


def test_a_node_that_did_not_answer_is_told() -> None:
    gap = "1 of 1 other nodes did not answer (n2)"

    assert state_table({"hubs": {}, "nodes": ["n1"], "gap": gap}) == (
        f"No connections.\nNot all: {gap}."
    )


def test_remembered_users_are_told() -> None:
    hub = {"connections": [], "users": {}, "groups": {}, "remembered": {"bob": ["g", "h"]}}

    assert state_table({"hubs": {"chat": hub}}).splitlines() == [
        "No connections.",
        "hub chat: user bob is remembered for g, h",
    ]


def test_nobody() -> None:
    empty = {"hubs": {"chat": {"connections": [], "users": {}, "groups": {}}}}

    assert state_table({"hubs": {}}) == state_table(empty) == "No connections."


def test_an_address_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="http://"):
        fetch("file:///etc/passwd")
    assert ps("localhost:8888", as_json=False) == 1
    assert "no local SignalR service answers at localhost:8888" in capsys.readouterr().err


def test_names_that_clients_gave_cannot_break_the_table() -> None:
    one = {**STATE["hubs"]["chat"]["connections"][0], "userId": "bob\nx\x1b[31m", "groups": ["g\n"]}
    shown = state_table({"hubs": {"chat": {"connections": [one], "users": {}, "groups": {}}}})

    assert shown.splitlines()[1].split() == [
        "chat",
        "c1",
        "bob\\nx\\x1b[31m",
        "WebSockets",
        "json",
        "g\\n",
    ]
