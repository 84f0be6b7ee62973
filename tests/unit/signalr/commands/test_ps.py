"""The state of a service as a table."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
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


def test_clients_before_their_handshake_have_a_line() -> None:
    early = [{"id": "c3", "userId": "bob", "transport": "WebSockets"}]
    hub = {"connections": [], "handshaking": early, "users": {}, "groups": {}}

    assert state_table({"hubs": {"chat": hub}}).splitlines() == [
        "No connections.",
        "hub chat: 1 more connection without a finished handshake (bob)",
    ]


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


def test_groups_with_a_comma_or_a_space_stand_in_quotes() -> None:
    one = {**STATE["hubs"]["chat"]["connections"][0], "groups": ["a,b", "c d", "e"]}
    shown = state_table({"hubs": {"chat": {"connections": [one], "users": {}, "groups": {}}}})

    assert shown.splitlines()[1].endswith('  "a,b", "c d", e')


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (403, b"Only programs on this machine may look.", "403: Only programs on this machine"),
        (404, b"", "is no local SignalR service: it answered 404"),
        (200, b"<html>", "something else listens there, its answer is not JSON"),
    ],
)
def test_other_answers_are_told(
    status: int, body: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        code = ps(f"http://127.0.0.1:{server.server_address[1]}", as_json=False)
        thread.join()

    said = capsys.readouterr().err
    assert code == 1
    assert says in said
    assert ("funcjson start" in said) is (status == 404)
