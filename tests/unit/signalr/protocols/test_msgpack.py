"""The MessagePack hub protocol: frames that the official client reads, and every wrong one refused."""

from __future__ import annotations

import msgpack
import pytest

from funcjson.signalr.errors import ProtocolError
from funcjson.signalr.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    HubMessage,
    Invocation,
    Ping,
    SequenceStart,
    StreamInvocation,
    StreamItem,
)
from funcjson.signalr.protocols.msgpack import MessagePackProtocol, pack, unpack

PROTOCOL = MessagePackProtocol()
# Check M01: byte for byte what the official client's parser was seen to accept.
FRAMES: list[tuple[HubMessage, str]] = [
    (
        Invocation("newMessage", ["hi", 7]),
        "15 960180c0aa6e65774d65737361676592a268690790",
    ),
    (Invocation("ask", [21], "q1"), "0d 960180a27131a361736b911590"),
    (StreamItem("s1", 5), "07 940280a2733105"),
    (
        Completion("0", error="Invocation failed, status code 404"),
        "2a 950380a13001d922496e766f636174696f6e206661696c65642c2073746174757320636f646520343034",
    ),
    (Completion("0"), "06 940380a13002"),
    (Completion("0", "ok", has_result=True), "09 950380a13003a26f6b"),
    (StreamInvocation("cnt", [3], "1"), "0c 960480a131a3636e74910390"),
    (CancelInvocation("1"), "05 930580a131"),
    (Ping(), "02 9106"),
    (Close(), "04 9307c0c2"),
    (Close("bye"), "07 9307a3627965c2"),
    (Close("bye", allow_reconnect=True), "07 9307a3627965c3"),
    (Ack(300), "05 9208cd012c"),
    (SequenceStart(1), "03 920901"),
]


@pytest.mark.parametrize(("message", "frame"), FRAMES)
def test_m01_frames(message: HubMessage, frame: str) -> None:
    written = PROTOCOL.encode(message)

    assert written.hex() == frame.replace(" ", "")
    buffer = bytearray(written)
    (record,) = PROTOCOL.split(buffer, len(buffer))
    assert PROTOCOL.parse(record) == message


@pytest.mark.parametrize(
    ("size", "prefix"),
    [(127, "7f"), (128, "8001"), (300, "ac02"), (16384, "808001")],
)
def test_a_length_is_base_128(size: int, prefix: str) -> None:
    frame = PROTOCOL.frame(b"x" * size)

    assert frame.hex().startswith(prefix)
    assert len(frame) == size + len(prefix) // 2


def test_m02_an_invocation_of_the_official_client_has_five_items() -> None:
    found = PROTOCOL.parse(bytes.fromhex("950180a130a568656c6c6f92a16101"))

    assert found == Invocation("hello", ["a", 1], "0")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "is an array"),
        ([], "is an array"),
        (["1"], "is an array"),
        ([True], "is an array"),
        ([1], "too few items"),
        ([1, {}, 5, "m", []], "'invocationId'"),
        ([1, {}, None, 5, []], "'target'"),
        ([1, {}, None, "m", {}], "'arguments'"),
        ([1, {}, None, "m", [], "s"], "'streamIds'"),
        ([3, {}, "1", 9], "result kind"),
        ([3, {}, "1", 3], "too few items"),
        ([8, "x"], "'sequenceId'"),
    ],
)
def test_a_wrong_record_is_refused_with_a_reason(value: object, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        PROTOCOL.parse(msgpack.packb(value))


@pytest.mark.parametrize("record", [b"", b"\xc1", b"\x91", b"\x91\x06\x00", b"\x91" * 5000])
def test_bytes_that_are_no_value_are_refused(record: bytes) -> None:
    with pytest.raises(ProtocolError):
        PROTOCOL.parse(record)


def test_a_type_of_the_future_is_no_message() -> None:
    assert PROTOCOL.parse(msgpack.packb([99, 1, 2])) is None


@pytest.mark.parametrize("prefix", ["ffffffff0f", "ffffffffff", "8080808008"])
def test_m04_a_length_that_can_be_none(prefix: str) -> None:
    with pytest.raises(ProtocolError):
        PROTOCOL.split(bytearray.fromhex(prefix), 5)


def test_records_come_out_whole_wherever_the_stream_is_cut() -> None:
    records = [b"a", b"b" * 200, b"c" * 20000, b""]
    stream = b"".join(PROTOCOL.frame(record) for record in records)
    for at in [*range(210), 300, 10_000, len(stream) - 1]:
        buffer = bytearray(stream[:at])
        found = PROTOCOL.split(buffer, at)
        buffer += stream[at:]
        found += PROTOCOL.split(buffer, len(stream) - at)

        assert found == records
        assert buffer == b""


def test_a_record_with_headers_is_not_kept_since_they_may_hold_a_token() -> None:
    kept, dropped = (
        PROTOCOL.parse(msgpack.packb([1, headers, None, "m", []]))
        for headers in ({}, {"Authorization": "x"})
    )

    assert isinstance(kept, Invocation) and isinstance(dropped, Invocation)
    assert kept.raw == msgpack.packb([1, {}, None, "m", []])
    assert dropped.raw == b""


def test_numbers_and_texts_that_messagepack_has_not() -> None:
    assert unpack(pack([2**64, -(2**63) - 1, 2**64 - 1])) == [
        float(2**64),
        float(-(2**63) - 1),
        2**64 - 1,
    ]
    assert unpack(pack({"a": ["\ud800"], 2**70: 10**400})) == {
        "a": ["\ufffd"],
        float(2**70): float("inf"),
    }
