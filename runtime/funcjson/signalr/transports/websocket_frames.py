"""WebSocket frames as a server needs them (RFC 6455): bytes of a client in, whole messages out; no I/O."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from funcjson.signalr.errors import SignalRError
from funcjson.signalr.frames import pack_records

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NORMAL, PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1000, 1002, 1007, 1009
NO_CODE = 1005  # a close frame without a code; never sent

# Messages of a burst share a frame up to this size: clients take that, and it saves system calls.
FRAME_BYTES = 32 * 1024
_FINAL = 0x80
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KNOWN = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})


class FrameFault(SignalRError):
    """Bytes that are no frames of a client; `code` is what the close frame says."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class FrameReader:
    """Joins what comes, cut anywhere, to messages of at most `max_bytes`."""

    __slots__ = ("_buffer", "_kind", "_max_bytes", "_parts")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = b""
        self._kind = CONTINUATION  # of the message whose fragments are coming; CONTINUATION: none
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(opcode, payload) of each whole message and control frame, in order.

        Raises FrameFault in its place; nothing may be fed after that.
        """
        buffer = self._buffer + data if self._buffer else data
        self._buffer = b""
        at, end = 0, len(buffer)
        while True:
            frame = self._frame(buffer, at, end)
            if frame is None:
                self._buffer = buffer[at:]
                return
            first, payload, at = frame
            message = self._message(first & 0x0F, bool(first & _FINAL), payload)
            if message is not None:
                yield message

    def _frame(self, buffer: bytes, at: int, end: int) -> tuple[int, bytes, int] | None:
        """(first byte, unmasked payload, where the next frame starts), or None: more must come."""
        if end - at < 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        opcode, size, start = first & 0x0F, second & 0x7F, at + 2
        if first & 0x70:
            _fail("reserved bits are set, but no extension was agreed on")
        if opcode not in _KNOWN:
            _fail(f"unknown opcode {opcode}")
        if not second & 0x80:
            _fail("a frame of a client is not masked")
        if opcode >= CLOSE and (size > 125 or not first & _FINAL):
            _fail("a control frame is too long or has several parts")
        if size > 125:
            wide = 2 if size == 126 else 8
            if end - start < wide:
                return None
            size = int.from_bytes(buffer[start : start + wide], "big")
            start += wide
        if size + sum(map(len, self._parts)) > self._max_bytes and opcode < CLOSE:
            raise FrameFault(TOO_BIG, f"a message has more than {self._max_bytes} bytes")
        body = start + 4
        if end - body < size:
            return None
        return first, unmasked(buffer[body : body + size], buffer[start:body]), body + size

    def _message(self, opcode: int, is_final: bool, payload: bytes) -> tuple[int, bytes] | None:
        """What a frame completes, if anything."""
        if opcode >= CLOSE:
            return opcode, payload
        if (opcode == CONTINUATION) is (self._kind == CONTINUATION):
            _fail("a message starts within another, or is continued without a start")
        if not is_final:
            self._kind = self._kind or opcode
            self._parts.append(payload)
            return None
        kind = self._kind or opcode
        if self._parts:
            payload = b"".join([*self._parts, payload])
            self._parts = []
        self._kind = CONTINUATION
        if kind == TEXT and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError as error:
                raise FrameFault(NOT_UTF8, "a text frame is not UTF-8") from error
        return kind, payload


def _fail(text: str) -> NoReturn:
    raise FrameFault(PROTOCOL_ERROR, text)


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """The payload with its mask of four bytes taken off; masking is the same operation."""
    size = len(payload)
    if not size:
        return payload
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(size, "little")


def close_code(payload: bytes) -> int:
    """The code in a close frame; NO_CODE when there is none. Raises FrameFault."""
    if not payload:
        return NO_CODE
    code = int.from_bytes(payload[:2], "big")
    if (
        len(payload) == 1
        or not (1000 <= code <= 1014 or 3000 <= code <= 4999)
        or code in (1004, 1005, 1006)
    ):
        _fail("a close frame has no valid code")
    return code


def frame(opcode: int, data: bytes) -> bytes:
    """One unmasked, final frame."""
    size = len(data)
    first = _FINAL | opcode
    if size < 126:
        return bytes((first, size)) + data
    if size < 65536:
        return struct.pack(">BBH", first, 126, size) + data
    return struct.pack(">BBQ", first, 127, size) + data


def text_frames(records: Sequence[bytes]) -> bytes:
    """Hub messages as text frames; none is ever split over two, since clients cannot join them."""
    return _frames(TEXT, records)


def binary_frames(records: Sequence[bytes]) -> bytes:
    """The same as binary frames."""
    return _frames(BINARY, records)


def _frames(opcode: int, records: Sequence[bytes]) -> bytes:
    if len(records) == 1:  # nearly always
        return frame(opcode, records[0])
    return b"".join([frame(opcode, data) for data in pack_records(records, FRAME_BYTES)])


def close_frame(code: int) -> bytes:
    """A close frame; NO_CODE is written as one without a code."""
    return frame(CLOSE, b"" if code == NO_CODE else code.to_bytes(2, "big"))


# The upgrade


def upgrade_fault(headers: Mapping[str, str]) -> str:
    """Why a request with these headers (names in lower case) cannot become a WebSocket, or ""."""
    if headers.get("sec-websocket-version") != "13":
        return "This service speaks version 13 of the WebSocket protocol."
    try:
        key = base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)
    except ValueError:
        key = b""
    return "" if len(key) == 16 else "The header Sec-WebSocket-Key is missing or wrong."


def accept_value(key: str) -> str:
    """What proves to the client that its upgrade was understood."""
    digest = hashlib.sha1(key.strip().encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
