"""The list: invocations, and what became none, newest first."""

from __future__ import annotations

from pathlib import Path

from tests.unit.inspector.inspected_host import http, inspected

from funcjson.app_facts import AppFacts
from funcjson.inspector.activity import Rows, activity, hubs, service_log


async def test_the_newest_stands_first(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        host.turned_away.add("GET", "/api/nope", 404, "send is at /api/send")
        await host.invoke("send", http("/api/send"))
        rows = activity(host, AppFacts(), Rows())

    assert [one["kind"] for one in rows] == ["invocation", "request"]
    assert rows[1]["why"] == "send is at /api/send"
    assert rows[1]["outcome"] == "404"


async def test_a_refused_page_is_told_of_as_cors(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        host.turned_away.add("POST", "/api/send", 0, "CORS: ...", "https://elsewhere.example")
        rows = activity(host, AppFacts(), Rows())

    assert (rows[0]["title"], rows[0]["outcome"]) == ("Kept from the page", "cors")


async def test_clients_come_go_and_are_refused(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = host.server.trace
        trace.record("ConnectionConnected", {"hub": "chat", "userId": "alice"})
        trace.record("ConnectionEnded", {"hub": "chat", "userId": None, "error": "timed out"})
        trace.record("ClientRefused", {"hub": "chat", "status": 401, "why": "expired"})
        rows = {one["title"]: one for one in activity(host, AppFacts(), Rows())}

    assert rows["Client connected"]["what"] == "alice · hub chat"
    assert rows["Client ended"]["why"] == "timed out"
    assert rows["Client refused"]["outcome"] == "401"


async def test_a_message_of_a_client_that_fits_no_function(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        for target in ("ping", "pnig"):
            host.server.trace.record("MessageReceived", {"hub": "Chat", "target": target})
        rows = activity(host, AppFacts(), Rows())

    assert [one["what"] for one in rows] == ["Chat · messages · pnig"]
    assert rows[0]["why"].startswith("nearest: ping (ping/function.json:")
    assert rows[0]["why"].startswith("nearest: ping (ping/function.json:")
    assert "event 'pnig' is not 'ping'" in rows[0]["why"]


async def test_without_a_local_service_there_is_no_log(tmp_path: Path) -> None:
    async with inspected(tmp_path, local=False) as host:
        assert service_log(host) == []
        assert activity(host, AppFacts(), Rows()) == []


async def test_the_log_tells_why(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        fields = {"hub": "chat", "target": "x", "delivered": 0, "why": "hub 'chat' is empty"}
        host.server.trace.record("MessageSent", fields)
        lines = service_log(host)

    assert lines[0]["text"] == "Sent message 'x' to everybody: 0 connections."
    assert lines[0]["why"] == "hub 'chat' is empty"


async def test_the_log_names_the_user_of_a_send_and_of_a_refused_client(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        sent = {"hub": "chat", "target": "x", "delivered": 1}
        for to, name in (("user", "ann"), ("group", "blue")):
            host.server.trace.record("MessageSent", {**sent, "to": to, "name": name})
        refused = {"hub": "chat", "status": 401, "why": "expired", "namedUser": "bob"}
        host.server.trace.record("ClientRefused", refused)
        lines = service_log(host)
        (row,) = activity(host, AppFacts(), Rows())

    assert [(line["text"], line["user"]) for line in reversed(lines)] == [
        ("Sent message 'x' to user 'ann': 1 connection.", "ann"),
        ("Sent message 'x' to group 'blue': 1 connection.", None),
        (
            "A client of hub 'chat' whose token names user 'bob' was answered 401: expired",
            "bob",
        ),
    ]
    assert row["what"] == "bob, as its token says · hub chat"


async def test_the_row_of_an_ended_invocation_is_made_once(tmp_path: Path) -> None:
    rows = Rows()
    async with inspected(tmp_path) as host:
        running = host.recorder.begin("r", "send")
        await host.invoke("send", http("/api/send"))
        first = rows.of(host, AppFacts())
        host.recorder.end(running, "succeeded")
        second = rows.of(host, AppFacts())

    assert second[1] is first[1]
    assert (first[0]["outcome"], second[0]["outcome"]) == ("running", "succeeded")


async def test_without_a_local_service_there_are_no_hubs_to_see(tmp_path: Path) -> None:
    async with inspected(tmp_path, local=False) as host:
        assert hubs(host) == {}
