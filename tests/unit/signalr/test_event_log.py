"""The live trace as log lines: sends that nobody got are warnings, the rest only for those who ask."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from funcjson.signalr.event_log import EventLog
from funcjson.signalr.live_trace import TraceLine

NAMES = {logging.INFO: "INFO", logging.WARNING: "WARNING"}
NOBODY = {"hub": "chat", "to": "user", "name": "ann", "target": "m", "delivered": 0}


def logged(
    caplog: pytest.LogCaptureFixture, level: int, *events: tuple[float, str, dict[str, Any]]
) -> list[tuple[str, str]]:
    """What events, each at its time, become: (level, text)."""
    times = iter([at for at, _, _ in events])
    told = EventLog(lambda: next(times))
    with caplog.at_level(level, "funcjson.signalr.events"):
        for _, event, fields in events:
            told(TraceLine(0, event, fields))
    # By number: the command line gives the levels other names, for the whole process.
    return [(NAMES[each.levelno], each.getMessage()) for each in caplog.records]


def test_a_send_that_nobody_got_is_a_warning_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = {**NOBODY, "why": "hub 'chat' has 0 connections"}

    assert logged(caplog, logging.WARNING, (0, "MessageSent", sent)) == [
        (
            "WARNING",
            "hub chat: Sent message 'm' to user 'ann': 0 connections. (hub 'chat' has 0 connections)",
        )
    ]


def test_the_same_send_warns_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    sent = {**NOBODY, "why": "nobody there"}
    other = {**sent, "name": "bob"}
    events = [(at, "MessageSent", sent) for at in (0, 1, 9, 11)]

    found = logged(caplog, logging.WARNING, *events, (11, "MessageSent", other))
    assert [text.count("'ann'") for _, text in found] == [1, 1, 0]


def test_a_delivered_send_is_a_line_only_for_those_who_ask(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = {**NOBODY, "delivered": 2, "why": None}
    assert logged(caplog, logging.WARNING, (0, "MessageSent", sent)) == []

    assert logged(caplog, logging.INFO, (0, "MessageSent", sent)) == [
        ("INFO", "hub chat: Sent message 'm' to user 'ann': 2 connections.")
    ]


def test_those_who_ask_see_every_send_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    sent = {**NOBODY, "why": "nobody there"}
    found = logged(caplog, logging.INFO, (0, "MessageSent", sent), (1, "MessageSent", sent))

    assert [level for level, _ in found] == ["WARNING", "INFO"]
    assert all("nobody there" in text for _, text in found)


def test_clients_are_told_with_what_they_are(caplog: pytest.LogCaptureFixture) -> None:
    client = {"hub": "chat", "connectionId": "c1", "userId": "ann", "transport": "WebSockets"}
    events = (
        (0.0, "ConnectionConnected", client),
        (0.0, "MessageReceived", {**client, "userId": None, "target": "hello"}),
        (0.0, "ConnectionEnded", {**client, "error": "too slow"}),
    )

    assert [text for _, text in logged(caplog, logging.INFO, *events)] == [
        "hub chat, connection c1, user 'ann', WebSockets: Connection started.",
        "hub chat, connection c1, WebSockets: Received message 'hello' from client connection.",
        "hub chat, connection c1, user 'ann', WebSockets: Connection ended. too slow",
    ]


def test_what_is_logged_elsewhere_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    refused = {"method": "GET", "path": "/x", "status": 404, "why": "no"}

    assert logged(caplog, logging.INFO, (0, "RestRequestRefused", refused)) == []
