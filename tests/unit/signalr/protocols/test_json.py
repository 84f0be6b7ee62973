"""The JSON hub protocol: exact bytes out, and every wrong record refused with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from funcjson.signalr.errors import ProtocolError
from funcjson.signalr.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    HandshakeRequest,
    HubMessage,
    Invocation,
    Ping,
    SequenceStart,
    StreamInvocation,
    StreamItem,
)
from funcjson.signalr.protocols.json import (
    JsonProtocol,
    dump,
    handshake_response,
    load,
    parse_handshake,
    plain,
    whole_characters,
)

PROTOCOL = JsonProtocol()
WRITTEN: list[tuple[HubMessage, str]] = [
    (Invocation("m", [1, "é"]), '{"type":1,"target":"m","arguments":[1,"é"]}'),
    (Invocation("m", [], "7"), '{"type":1,"invocationId":"7","target":"m","arguments":[]}'),
    (
        Invocation("m", [], None, ("s",)),
        '{"type":1,"target":"m","arguments":[],"streamIds":["s"]}',
    ),
    (StreamItem("7", None), '{"type":2,"invocationId":"7","item":null}'),
    (Completion("7"), '{"type":3,"invocationId":"7"}'),
    (Completion("7", None, has_result=True), '{"type":3,"invocationId":"7","result":null}'),
    (Completion("7", error="no"), '{"type":3,"invocationId":"7","error":"no"}'),
    (Completion("7", error=""), '{"type":3,"invocationId":"7","error":"Unknown error."}'),
    (StreamInvocation("m", [], "7"), '{"type":4,"invocationId":"7","target":"m","arguments":[]}'),
    (CancelInvocation("7"), '{"type":5,"invocationId":"7"}'),
    (Ping(), '{"type":6}'),
    (Close(), '{"type":7}'),
    (Close("bye"), '{"type":7,"error":"bye"}'),
    (Close(None, allow_reconnect=True), '{"type":7,"allowReconnect":true}'),
    (Ack(3), '{"type":8,"sequenceId":3}'),
    (SequenceStart(3), '{"type":9,"sequenceId":3}'),
]


@pytest.mark.parametrize(("message", "text"), WRITTEN)
def test_a_message_is_written_without_absent_members(message: HubMessage, text: str) -> None:
    assert PROTOCOL.encode(message) == text.encode() + b"\x1e"


@pytest.mark.parametrize(
    "message", [message for message, text in WRITTEN if "Unknown error" not in text]
)
def test_what_is_written_is_read_back(message: HubMessage) -> None:
    found = PROTOCOL.parse(PROTOCOL.encode(message)[:-1])

    assert repr(found) == repr(message).replace("arguments=()", "arguments=[]")


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("", "Invalid JSON"),
        ("garbage", "Invalid JSON"),
        ("[1]", "a hub message is a JSON object"),
        ("{}", "'type'"),
        ('{"type":"1"}', "'type' to be of type Number"),
        ('{"type":true}', "'type' to be of type Number"),
        ('{"type":1,"arguments":[]}', "'target'"),
        ('{"type":1,"target":"m"}', "'arguments'"),
        ('{"type":1,"target":"m","arguments":{}}', "'arguments'"),
        ('{"type":1,"target":"m","arguments":[],"invocationId":1}', "'invocationId'"),
        ('{"type":1,"target":"m","arguments":[1e400]}', "Invalid JSON"),
        ('{"type":1,"target":"m","arguments":[NaN]}', "Invalid JSON"),
        ('{"type":3,"invocationId":"1","result":1,"error":"x"}', "mutually exclusive"),
        ('{"type":8}', "'sequenceId'"),
        ("[" * 100_000, "Invalid JSON"),
    ],
)
def test_a_wrong_record_is_refused_with_a_reason(record: str, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        PROTOCOL.parse(record.encode())


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(ProtocolError):
        PROTOCOL.parse(b'{"type":6,"x":"\xff"}')


def test_a_type_of_the_future_is_no_message() -> None:
    assert PROTOCOL.parse(b'{"type":99}') is None


def test_an_empty_invocation_id_means_that_nobody_waits() -> None:
    found = PROTOCOL.parse(b'{"type":1,"invocationId":"","target":"m","arguments":[]}')

    assert isinstance(found, Invocation)
    assert found.invocation_id is None


def test_a_record_with_headers_is_not_kept_since_they_may_hold_a_token() -> None:
    plain_record = b'{"type":1,"target":"m","arguments":[]}'
    with_headers = b'{"type":1,"target":"m","arguments":[],"headers":{"Authorization":"x"}}'
    found = [PROTOCOL.parse(record) for record in (plain_record, with_headers)]

    assert [getattr(each, "raw", None) for each in found] == [plain_record, b""]


def test_records_come_out_whole_wherever_the_stream_is_cut() -> None:
    stream = b"".join(PROTOCOL.encode(message) for message, _ in WRITTEN)
    for at in range(len(stream)):
        buffer = bytearray(stream[:at])
        found = PROTOCOL.split(buffer, at)
        buffer += stream[at:]
        found += PROTOCOL.split(buffer, len(stream) - at)

        assert found == stream.split(b"\x1e")[:-1]
        assert buffer == b""


def test_a_handshake() -> None:
    assert parse_handshake(b'{"x":1,"version":0,"protocol":"json"}') == HandshakeRequest("json", 0)
    assert handshake_response() == b"{}\x1e"
    assert handshake_response("no") == b'{"error":"no"}\x1e'


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (b"[]", "Expected a JSON Object"),
        (b"{}", "Missing required property 'protocol'. Message content: {}"),
        (b'{"protocol":"json"}', "Missing required property 'version'"),
        (b'{"protocol":1,"version":1}', "'protocol' to be of type String"),
        (b'{"protocol":"json","version":true}', "'version' to be of type Number"),
        (b"\xff", "Invalid JSON"),
    ],
)
def test_a_handshake_that_is_none(record: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why.replace("{", r"\{")):
        parse_handshake(record)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\x00\xff", "AP8="),
        ({1: "a", None: b"b"}, {"1": "a", "null": "Yg=="}),
        ({None: b"x", 1.5: 2}, {"null": "eA==", "1.5": 2}),
        (float("nan"), None),
        (float("inf"), None),
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03:04:05Z"),
        ((1, [b"x"]), [1, ["eA=="]]),
        (10**30, 10**30),
        ("text", "text"),
    ],
)
def test_what_json_cannot_say_becomes_its_nearest_value(value: Any, shown: Any) -> None:
    assert load(dump(value)) == plain(value) == shown


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert dump(["\ud800"]) == '["\ufffd"]'.encode()
    assert whole_characters("a\udfffb😀") == "a\ufffdb😀"
