"""The protocol machine: any cut of the bytes, any order of events, and time as numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funcjson.signalr.connection import GENERIC_CLOSE, Connection, Ended, Opened, Rules, State
from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import Completion, Invocation, StreamItem

HELLO = b'{"protocol":"json","version":1}\x1e'


def opened(rules: Rules | None = None, *, stateful: bool = False, now: float = 0.0) -> Connection:
    connection = Connection(rules or Rules(), now, stateful=stateful)
    connection.receive(HELLO, now)
    connection.take(now)
    return connection


def said(connection: Connection, now: float = 0.0) -> list[Any]:
    """What must be written, as JSON."""
    batch = connection.take(now)
    return [] if batch is None else [json.loads(each[:-1]) for each in batch.records("json")]


def record(**body: Any) -> bytes:
    return json.dumps(body).encode() + b"\x1e"


def test_the_handshake_may_be_cut_at_every_byte() -> None:
    stream = HELLO + record(type=6) + record(type=1, target="m", arguments=[])
    for at in range(len(stream)):
        connection = Connection(Rules(), 0.0)
        events = connection.receive(stream[:at], 0.0) + connection.receive(stream[at:], 0.0)

        assert events == [Opened(), Invocation("m", [])]
        assert said(connection) == [{}]


@pytest.mark.parametrize(
    ("hello", "rules", "error"),
    [
        (b'{"protocol":"xyz","version":1}', Rules(), "The protocol 'xyz' is not supported."),
        (
            b'{"protocol":"json","version":3}',
            Rules(),
            "The server does not support version 3 of the 'json' protocol.",
        ),
        (
            b'{"protocol":"messagepack","version":1}',
            Rules(binary=False),
            "Cannot use the 'messagepack' protocol on the current transport. "
            "The transport does not support 'Binary' transfer format.",
        ),
        (b"[]", Rules(), "An unexpected error occurred during connection handshake."),
        (
            b"[]",
            Rules(detailed_errors=True),
            "An unexpected error occurred during connection handshake. "
            "Unexpected JSON Token Type. Expected a JSON Object.",
        ),
    ],
)
def test_a_handshake_is_refused_in_aspnets_words(hello: bytes, rules: Rules, error: str) -> None:
    connection = Connection(rules, 0.0)

    assert connection.receive(hello + b"\x1e", 0.0) == [Ended(error)]
    assert connection.state is State.CLOSING
    assert said(connection) == [{"error": error}]
    assert connection.state is State.CLOSED
    # For our own log and trace the reason is there, however little the client is told.
    assert connection.error in (error, "Unexpected JSON Token Type. Expected a JSON Object.")


def test_a_first_record_without_end_is_refused_when_it_is_too_long() -> None:
    connection = Connection(Rules(max_message_bytes=100), 0.0)

    assert connection.receive(b"x" * 101, 0.0) == [Ended("Handshake was canceled.")]


def test_nothing_is_read_after_the_end() -> None:
    connection = opened()
    connection.close("bye")

    assert connection.receive(record(type=1, target="m", arguments=[]), 0.0) == []
    assert said(connection) == [{"type": 7, "error": "bye"}]
    assert connection.receive(record(type=1, target="m", arguments=[]), 0.0) == []


def test_a_wrong_record_closes_with_few_words_and_tells_us_all() -> None:
    connection = opened()
    good = record(type=1, target="m", arguments=[])
    events = connection.receive(good + b"garbage\x1e" + good, 0.0)

    assert events[0] == Invocation("m", [])
    assert isinstance(events[1], Ended)
    assert len(events) == 2
    assert said(connection) == [{"type": 7, "error": GENERIC_CLOSE}]
    assert connection.error is not None
    assert connection.error.startswith("Invalid JSON")


def test_a_message_that_never_ends_is_refused() -> None:
    connection = opened(Rules(max_message_bytes=100))
    connection.receive(b"x" * 60, 0.0)
    (ended,) = connection.receive(b"x" * 60, 0.0)

    assert ended == Ended("The maximum message size of 100B was exceeded.")


def test_what_a_client_may_say_is_surfaced_and_the_rest_is_not() -> None:
    connection = opened()
    events = connection.receive(
        record(type=1, target="m", arguments=[])
        + record(type=2, invocationId="s", item=1)
        + record(type=3, invocationId="1")
        + record(type=6)
        + record(type=8, sequenceId=1)
        + record(type=99),
        0.0,
    )

    assert events == [Invocation("m", []), StreamItem("s", 1), Completion("1")]
    assert said(connection) == []


def test_the_clients_close_ends_it() -> None:
    connection = opened()

    assert connection.receive(record(type=7, error="tired"), 0.0) == [Ended("tired")]
    assert (connection.state, connection.error) == (State.CLOSED, "tired")


def test_close_is_said_once() -> None:
    connection = opened()
    connection.close("a", allow_reconnect=True)
    connection.close("b")

    assert said(connection) == [{"type": 7, "error": "a", "allowReconnect": True}]
    assert said(connection) == []


def test_a_diagnostic_client_never_reconnects() -> None:
    connection = opened(Rules(diagnostic=True))
    connection.close(None, allow_reconnect=True)

    assert said(connection) == [{"type": 7}]


def test_a_lost_connection_keeps_its_first_reason() -> None:
    connection = opened()
    connection.close("bye")
    connection.lost("broken")

    assert (connection.state, connection.error, connection.pending) == (State.CLOSED, "bye", None)


# Time


def test_a_quiet_connection_is_pinged_and_a_busy_one_is_not() -> None:
    connection = opened(Rules(keep_alive_s=15.0))
    connection.tick(14.9)
    assert said(connection, 14.9) == []
    connection.tick(15.0)
    assert said(connection, 15.0) == [{"type": 6}]
    connection.send(Payload(Invocation("m")))
    assert len(said(connection, 29.0)) == 1
    connection.tick(43.0)

    assert said(connection, 43.0) == []


def test_without_pings_there_are_none() -> None:
    connection = opened(Rules(keep_alive_s=0.0))
    connection.tick(1e9)

    assert said(connection) == []


def test_a_handshake_that_does_not_come_is_cancelled() -> None:
    connection = Connection(Rules(handshake_timeout_s=15.0), 100.0)
    connection.tick(114.9)
    assert connection.state is State.HANDSHAKE
    connection.tick(115.0)

    assert said(connection) == [{"error": "Handshake was canceled."}]
    assert connection.state is State.CLOSED


def test_a_silent_client_is_closed_only_when_a_limit_is_set() -> None:
    patient, strict = opened(), opened(Rules(client_timeout_s=30.0))
    for connection in (patient, strict):
        connection.tick(30.0)

    assert patient.state is State.OPEN
    assert strict.state is State.CLOSING
    assert said(strict)[-1]["allowReconnect"] is True


def test_a_ping_of_the_client_counts_as_life() -> None:
    connection = opened(Rules(client_timeout_s=30.0))
    connection.receive(record(type=6), 29.0)
    connection.tick(58.0)

    assert connection.state is State.OPEN


# Stateful reconnect


def call(number: int) -> bytes:
    return record(type=1, target=f"m{number}", arguments=[])


def test_what_was_not_acknowledged_is_sent_again_in_order() -> None:
    connection = opened(stateful=True)
    for number in range(1, 4):
        connection.send(Payload(Invocation(f"m{number}")))
    connection.take(0.0)
    connection.receive(record(type=8, sequenceId=1), 0.0)
    connection.detach()
    connection.send(Payload(Invocation("m4")))
    assert connection.take(0.0) is not None
    connection.reattach(1.0)

    found = said(connection)
    assert found[0] == {"type": 9, "sequenceId": 2}
    assert [each["target"] for each in found[1:]] == ["m2", "m3", "m4"]


def test_pings_and_closes_are_not_numbered() -> None:
    connection = opened(Rules(keep_alive_s=1.0), stateful=True)
    connection.tick(5.0)
    said(connection)
    connection.reattach(5.0)

    assert said(connection) == [{"type": 9, "sequenceId": 1}]


def test_what_the_client_repeats_is_not_handled_twice() -> None:
    connection = opened(stateful=True)
    connection.receive(call(1) + call(2), 0.0)
    connection.reattach(0.0)
    before_place = connection.receive(call(9), 0.0)
    events = connection.receive(record(type=9, sequenceId=2) + call(2) + call(3), 0.0)

    assert before_place == []
    assert events == [Invocation("m3", [])]


def test_a_gap_in_what_the_client_says_closes_the_connection() -> None:
    connection = opened(stateful=True)
    connection.receive(call(1), 0.0)
    connection.reattach(0.0)
    events = connection.receive(record(type=9, sequenceId=3), 0.0)

    assert events == [Ended("Sequence ID greater than amount of messages received.")]


def test_new_messages_are_acknowledged_once() -> None:
    connection = opened(stateful=True)
    connection.receive(call(1) + call(2), 0.0)
    connection.tick(1.0)
    assert said(connection) == [{"type": 8, "sequenceId": 2}]
    connection.tick(2.0)

    assert said(connection) == []


def test_bytes_that_wait_for_an_acknowledgement_are_counted() -> None:
    connection = opened(stateful=True)
    connection.send(Payload(Invocation("m")))
    assert connection.resend is not None
    kept = connection.resend.bytes
    connection.receive(record(type=8, sequenceId=9), 0.0)

    assert (kept > 0, connection.resend.bytes) == (True, 0)
