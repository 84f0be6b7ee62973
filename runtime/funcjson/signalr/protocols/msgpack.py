"""The MessagePack hub protocol: arrays, each with its length in front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgpack

from funcjson.signalr.errors import ProtocolError
from funcjson.signalr.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    HubMessage,
    Invocation,
    Kind,
    Ping,
    SequenceStart,
    StreamInvocation,
    StreamItem,
)
from funcjson.signalr.protocols.json import whole_characters

_LENGTH_BYTES = 5  # at most 0x7fffffff, in base 128
_ERROR, _VOID, _VALUE = 1, 2, 3
_TIMESTAMP = -1  # the code of that extended type


class MessagePackProtocol:
    """Hub messages as MessagePack arrays."""

    name = "messagepack"
    is_binary = True

    def encode(self, message: HubMessage) -> bytes:
        return self.frame(pack(_ARRAYS[type(message)](message)))

    def frame(self, record: bytes) -> bytes:
        return _length(len(record)) + record

    def split(self, buffer: bytearray, fresh: int) -> list[bytes]:
        records: list[bytes] = []
        at = 0
        while True:
            found = _read_length(buffer, at)
            if found is None:
                break
            start, size = found
            if start + size > len(buffer):
                break
            records.append(bytes(buffer[start : start + size]))
            at = start + size
        del buffer[:at]
        return records

    def parse(self, record: bytes) -> HubMessage | None:
        body = unpack(record)
        if not isinstance(body, list) or not body or not _is_int(body[0]):
            raise ProtocolError(
                "Invalid data: a hub message is an array that starts with its type."
            )
        read = _READERS.get(body[0])
        if read is None:
            return None
        try:
            return read(body, record)
        except IndexError:
            raise ProtocolError(f"Invalid data: too few items for type {body[0]}.") from None


def pack(value: Any) -> bytes:
    """MessagePack bytes; integers beyond 64 bits become floats, lone surrogates U+FFFD."""
    try:
        packed: bytes = msgpack.packb(value)
    except (OverflowError, UnicodeEncodeError):
        packed = msgpack.packb(_packable(value))
    return packed


def unpack(record: bytes) -> Any:
    """One value from exactly these bytes. Raises ProtocolError."""
    try:
        return msgpack.unpackb(record, raw=False, strict_map_key=False)
    except (ValueError, TypeError, RecursionError) as error:
        # TypeError: a map key that cannot be hashed. All of msgpack's own errors are ValueErrors.
        raise ProtocolError(f"Invalid MessagePack: {str(error).rstrip('.')}.") from None


def extension_of(value: Any) -> tuple[int, bytes] | None:
    """(code, bytes) of a timestamp or another extended value; None for everything else."""
    if isinstance(value, msgpack.Timestamp):
        return _TIMESTAMP, value.to_bytes()
    return (value.code, value.data) if isinstance(value, msgpack.ExtType) else None


def extended(code: int, data: bytes) -> Any:
    """The value of these parts."""
    return msgpack.Timestamp.from_bytes(data) if code == _TIMESTAMP else msgpack.ExtType(code, data)


def _packable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_packable(key): _packable(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packable(each) for each in value]
    if isinstance(value, str):
        return whole_characters(value)
    if _is_int(value) and not -(1 << 63) <= value < 1 << 64:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _length(size: int) -> bytes:
    """`size` in base 128, least significant first; the high bit says that more follow."""
    out = bytearray()
    while True:
        size, low = size >> 7, size & 0x7F
        if not size:
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def _read_length(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """(where the record starts, its size), or None if the length is not complete yet."""
    size = 0
    for index in range(_LENGTH_BYTES):
        if at + index >= len(buffer):
            return None
        byte = buffer[at + index]
        size |= (byte & 0x7F) << (7 * index)
        if index == _LENGTH_BYTES - 1 and byte > 7:
            raise ProtocolError("Messages over 2GB in size are not supported.")
        if not byte & 0x80:
            return at + index + 1, size
    raise ProtocolError("Invalid length prefix.")


# Reading


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ProtocolError(f"Reading '{name}' as String failed.")
    return value


def _optional_text(value: Any, name: str) -> str | None:
    return None if value is None else _text(value, name)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ProtocolError(f"Reading '{name}' as Array failed.")
    return value


def _number(value: Any, name: str) -> int:
    if not _is_int(value):
        raise ProtocolError(f"Reading '{name}' as Int64 failed.")
    number: int = value
    return number


def _streams(body: Sequence[Any]) -> tuple[str, ...]:
    # The JavaScript client leaves the sixth item out when there are no streams.
    return tuple(str(each) for each in _list(body[5], "streamIds")) if len(body) > 5 else ()


def _invocation(body: Sequence[Any], record: bytes) -> Invocation:
    return Invocation(
        _text(body[3], "target"),
        _list(body[4], "arguments"),
        _optional_text(body[2], "invocationId") or None,
        _streams(body),
        b"" if body[1] else record,
    )


def _stream_invocation(body: Sequence[Any], record: bytes) -> StreamInvocation:
    return StreamInvocation(
        _text(body[3], "target"),
        _list(body[4], "arguments"),
        _text(body[2], "invocationId"),
        _streams(body),
        b"" if body[1] else record,
    )


def _completion(body: Sequence[Any], _record: bytes) -> Completion:
    call, outcome = _text(body[2], "invocationId"), body[3]
    if outcome == _ERROR:
        return Completion(call, error=_text(body[4], "error"))
    if outcome == _VOID:
        return Completion(call)
    if outcome == _VALUE:
        return Completion(call, body[4], has_result=True)
    raise ProtocolError("Invalid invocation result kind.")


def _close(body: Sequence[Any], _record: bytes) -> Close:
    return Close(_optional_text(body[1], "error"), len(body) > 2 and body[2] is True)


_READERS: Mapping[int, Callable[[Sequence[Any], bytes], HubMessage]] = {
    Kind.INVOCATION: _invocation,
    Kind.STREAM_ITEM: lambda body, _: StreamItem(_text(body[2], "invocationId"), body[3]),
    Kind.COMPLETION: _completion,
    Kind.STREAM_INVOCATION: _stream_invocation,
    Kind.CANCEL_INVOCATION: lambda body, _: CancelInvocation(_text(body[2], "invocationId")),
    Kind.PING: lambda body, _: Ping(),
    Kind.CLOSE: _close,
    Kind.ACK: lambda body, _: Ack(_number(body[1], "sequenceId")),
    Kind.SEQUENCE: lambda body, _: SequenceStart(_number(body[1], "sequenceId")),
}


# Writing. Invocations always have six items: signalrcore reads the sixth without looking.


def _completion_array(message: Completion) -> list[Any]:
    head = [3, {}, message.invocation_id]
    if message.error is not None:
        return [*head, _ERROR, message.error or "Unknown error."]
    return [*head, _VALUE, message.result] if message.has_result else [*head, _VOID]


def _call_array(kind: Kind, m: Invocation | StreamInvocation) -> list[Any]:
    return [int(kind), {}, m.invocation_id, m.target, list(m.arguments), list(m.stream_ids)]


_ARRAYS: Mapping[type[Any], Callable[[Any], list[Any]]] = {
    Invocation: lambda m: _call_array(Kind.INVOCATION, m),
    StreamItem: lambda m: [2, {}, m.invocation_id, m.item],
    Completion: _completion_array,
    StreamInvocation: lambda m: _call_array(Kind.STREAM_INVOCATION, m),
    CancelInvocation: lambda m: [5, {}, m.invocation_id],
    Ping: lambda m: [6],
    Close: lambda m: [7, m.error, m.allow_reconnect],
    Ack: lambda m: [8, m.sequence_id],
    SequenceStart: lambda m: [9, m.sequence_id],
}
