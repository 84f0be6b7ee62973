"""Frames of RFC 6455: read whole wherever they are cut, and every fault with its close code."""

from __future__ import annotations

import os

import pytest

from funcjson.signalr.transports.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    PING,
    TEXT,
    FrameFault,
    FrameReader,
    accept_value,
    binary_frames,
    close_code,
    close_frame,
    frame,
    text_frames,
    unmasked,
    upgrade_fault,
)


def client_frame(opcode: int, payload: bytes, *, is_final: bool = True) -> bytes:
    size, mask = len(payload), b"\x37\xfa\x21\x3d"
    head = bytes([(0x80 if is_final else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def read(data: bytes, max_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
    return list(FrameReader(max_bytes).feed(data))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 127, 65535, 65536, 70001])
def test_every_size(size: int) -> None:
    payload = os.urandom(size)

    assert read(client_frame(BINARY, payload)) == [(BINARY, payload)]


def test_a_stream_may_be_cut_anywhere() -> None:
    stream = (
        client_frame(TEXT, "é".encode())
        + client_frame(TEXT, b"a", is_final=False)
        + client_frame(PING, b"p")
        + client_frame(CONTINUATION, b"b", is_final=False)
        + client_frame(CONTINUATION, b"c")
        + client_frame(BINARY, b"x" * 130)
        + client_frame(CLOSE, b"\x03\xe8")
    )
    expected = [
        (TEXT, "é".encode()),
        (PING, b"p"),
        (TEXT, b"abc"),
        (BINARY, b"x" * 130),
        (CLOSE, b"\x03\xe8"),
    ]
    for at in range(len(stream) + 1):
        reader = FrameReader(1 << 20)
        assert [*reader.feed(stream[:at]), *reader.feed(stream[at:])] == expected
    one_by_one = FrameReader(1 << 20)
    found = [each for byte in stream for each in one_by_one.feed(bytes([byte]))]
    assert found == expected


def test_a_character_may_be_split_over_two_fragments() -> None:
    first, second = "é"[:1].encode()[:1], "é".encode()[1:]
    data = client_frame(TEXT, first, is_final=False) + client_frame(CONTINUATION, second)

    assert read(data) == [(TEXT, "é".encode())]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(TEXT, b"\xc3\x28"), 1007),
        (client_frame(BINARY, b"x" * 11), 1009),
        (client_frame(BINARY, b"x" * 6, is_final=False) + client_frame(0, b"x" * 6), 1009),
        (b"\x82\xff" + (1 << 62).to_bytes(8, "big"), 1009),
        (client_frame(CONTINUATION, b"x"), 1002),
        (client_frame(TEXT, b"x", is_final=False) + client_frame(TEXT, b"x"), 1002),
        (client_frame(PING, b"x", is_final=False), 1002),
        (client_frame(PING, b"x" * 126), 1002),
        (client_frame(3, b"x"), 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x81\x01x", 1002),
    ],
)
def test_a_fault_has_its_close_code(data: bytes, code: int) -> None:
    with pytest.raises(FrameFault) as caught:
        read(data, max_bytes=10)

    assert caught.value.code == code


def test_what_came_before_a_fault_is_read() -> None:
    frames = FrameReader(100).feed(client_frame(TEXT, b"good") + client_frame(3, b"x"))

    assert next(frames) == (TEXT, b"good")
    with pytest.raises(FrameFault):
        next(frames)


def test_masking_twice_is_nothing() -> None:
    mask = os.urandom(4)
    for size in range(20):
        payload = os.urandom(size)
        assert unmasked(unmasked(payload, mask), mask) == payload


def test_frames_for_clients() -> None:
    assert frame(TEXT, b"hi") == b"\x81\x02hi"
    assert frame(BINARY, b"x" * 126)[:4] == b"\x82\x7e\x00\x7e"
    assert frame(BINARY, b"x" * 65536)[:10] == b"\x82\x7f" + (65536).to_bytes(8, "big")
    assert text_frames([b"a", b"b"]) == b"\x81\x02ab"
    assert binary_frames([b"a"]) == b"\x82\x01a"
    assert text_frames([]) == b""


def test_a_message_is_never_split_over_frames() -> None:
    records = [b"a" * 30_000, b"b" * 30_000, b"c" * 100_000]

    assert text_frames(records) == b"".join(frame(TEXT, record) for record in records)


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", NO_CODE), (b"\x03\xe8", 1000), (b"\x03\xe8bye", 1000), (b"\x0b\xb8", 3000)],
)
def test_close_codes(payload: bytes, code: int) -> None:
    assert close_code(payload) == code
    assert close_frame(code)[2:] == payload[:2]


@pytest.mark.parametrize("payload", [b"x", b"\x00\x01", b"\x03\xed", b"\x03\xee", b"\x13\x88"])
def test_close_codes_that_are_none(payload: bytes) -> None:
    with pytest.raises(FrameFault):
        close_code(payload)


def test_the_upgrade() -> None:
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    assert accept_value(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of RFC 6455"
    assert upgrade_fault({"sec-websocket-version": "13", "sec-websocket-key": key}) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-websocket-version": "8", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="},
        {"sec-websocket-version": "13"},
        {"sec-websocket-version": "13", "sec-websocket-key": "short"},
        {"sec-websocket-version": "13", "sec-websocket-key": "dGhl!!"},
    ],
)
def test_an_upgrade_that_is_none(headers: dict[str, str]) -> None:
    assert upgrade_fault(headers) != ""
