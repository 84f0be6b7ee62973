"""The live trace: every line has the real columns, readers come and go, and none can stop a message."""

from __future__ import annotations

import io
import json

import pytest

from funcjson.signalr.live_trace import LiveTrace, TraceLine, to_stream

COLUMNS = [
    "time",
    "logLevel",
    "eventName",
    "message",
    "hub",
    "connectionId",
    "userId",
    "ip",
    "transport",
    "exception",
    "connectionType",
    "serverSticky",
    "details",
]


def trace(limit: int = 10) -> LiveTrace:
    return LiveTrace(lambda: 1_700_000_000.25, limit)


def test_a_line_has_every_column() -> None:
    found = trace()
    fields = {"hub": "chat", "connectionId": "c1", "userId": "ann", "target": "hello"}
    found.record("MessageReceived", fields)
    (line,) = found
    shown = line.as_json()

    assert list(shown) == COLUMNS
    assert shown["time"] == "2023-11-14T22:13:20.250+00:00"
    assert shown["message"] == "Received message 'hello' from client connection."
    assert (shown["connectionType"], shown["logLevel"]) == ("Client", "Information")
    assert shown["details"] == {"target": "hello"}


def test_an_end_with_an_error_shows_it() -> None:
    line = TraceLine(0, "ConnectionEnded", {"connectionId": "c1", "error": "gone"})

    assert line.as_json()["exception"] == "gone"


def test_an_event_that_nobody_knows_yet_is_shown_by_its_name() -> None:
    assert TraceLine(0, "Later", {}).as_json()["message"] == "Later"


def test_a_missing_field_does_not_break_the_line() -> None:
    assert "'-'" in TraceLine(0, "MessageReceived", {}).as_json()["message"]


def test_only_the_last_events_are_kept() -> None:
    found = trace(limit=2)
    for name in ("a", "b", "c"):
        found.record(name, {})

    assert [line.event for line in found] == ["b", "c"]


def test_a_stream_gets_one_json_object_a_line() -> None:
    out = io.StringIO()
    found = trace()
    stop = found.listen(to_stream(out))
    found.record("MessageSent", {"hub": "chät", "delivered": 2, "target": "m"})
    stop()
    found.record("MessageSent", {})
    lines = out.getvalue().splitlines()

    assert [json.loads(line)["message"] for line in lines] == [
        "Sent message 'm' to everybody: 2 connections."
    ]
    assert "chät" in lines[0]


def test_a_broken_reader_is_dropped_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = io.StringIO()
    closed.close()
    seen: list[TraceLine] = []
    found = trace()
    found.listen(to_stream(closed))
    found.listen(seen.append)
    found.record("a", {})
    found.record("b", {})

    assert [line.event for line in seen] == ["a", "b"]
    assert caplog.text.count("is dropped") == 1


def test_a_line_has_no_byte_that_a_terminal_obeys() -> None:
    text = str(TraceLine(0, "MessageReceived", {"userId": "a\x9b31m\x7f\u2028\x1b\nb"}))

    assert text.isprintable()
    assert json.loads(text)["userId"] == "a\x9b31m\x7f\u2028\x1b\nb"
