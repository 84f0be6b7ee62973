"""The JSON hub protocol: UTF-8 objects, each ended by the record separator 0x1E; and the handshake."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from funcjson.signalr.errors import ProtocolError
from funcjson.signalr.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    HandshakeRequest,
    HubMessage,
    Invocation,
    Kind,
    Ping,
    SequenceStart,
    StreamInvocation,
    StreamItem,
)

_END = b"\x1e"
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class JsonProtocol:
    """Hub messages as JSON text."""

    name = "json"
    is_binary = False

    def encode(self, message: HubMessage) -> bytes:
        return dump(_MEMBERS[type(message)](message)) + _END

    def frame(self, record: bytes) -> bytes:
        return record + _END

    def split(self, buffer: bytearray, fresh: int) -> list[bytes]:
        end = buffer.rfind(_END, max(0, len(buffer) - fresh))
        if end < 0:
            return []
        records = bytes(buffer[:end]).split(_END)
        del buffer[: end + 1]
        return records

    def parse(self, record: bytes) -> HubMessage | None:
        body = load(record)
        if not isinstance(body, dict):
            raise ProtocolError("Invalid data: a hub message is a JSON object.")
        kind = body.get("type")
        if kind is None:
            raise ProtocolError("Missing required property 'type'.")
        if not isinstance(kind, int) or isinstance(kind, bool):
            raise ProtocolError("Expected 'type' to be of type Number.")
        read = _READERS.get(kind)
        return None if read is None else read(body, record)


# Reading


def load(record: bytes) -> Any:
    """JSON from bytes; NaN, infinities and 1e400 are refused, since no client could read them. Raises ProtocolError."""
    try:
        return _DECODE(record.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"Invalid JSON: {error}.") from None


def parse_handshake(record: bytes) -> HandshakeRequest:
    """The first record of a connection. Raises ProtocolError."""
    body = load(record)
    if not isinstance(body, dict):
        raise ProtocolError("Unexpected JSON Token Type. Expected a JSON Object.")
    text = record.decode()[:200]
    for name, wanted in (("protocol", str), ("version", int)):
        if name not in body:
            raise ProtocolError(f"Missing required property '{name}'. Message content: {text}")
        if not isinstance(body[name], wanted) or isinstance(body[name], bool):
            kind = "String" if wanted is str else "Number"
            raise ProtocolError(f"Expected '{name}' to be of type {kind}.")
    return HandshakeRequest(body["protocol"], body["version"])


def handshake_response(error: str | None = None) -> bytes:
    """The answer to a handshake: JSON whatever protocol was agreed on."""
    return dump({} if error is None else {"error": error}) + _END


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    # 1e400 would become an infinity that no client can read back.
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is larger than any number that clients can hold")
    return value


# Made once: making one takes longer than reading a small message.
_DECODE = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"Missing required property '{name}'.")
    return value


def _optional_text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ProtocolError(f"Expected '{name}' to be of type String.")
    return value


def _number(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolError(f"Missing required property '{name}'.")
    return value


def _arguments(body: Mapping[str, Any]) -> list[Any]:
    value = body.get("arguments")
    if not isinstance(value, list):
        raise ProtocolError("Missing required property 'arguments'.")
    return value


def _stream_ids(body: Mapping[str, Any]) -> tuple[str, ...]:
    value = body.get("streamIds")
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _raw(body: Mapping[str, Any], record: bytes) -> bytes:
    return b"" if "headers" in body else record


def _invocation(body: Mapping[str, Any], record: bytes) -> Invocation:
    return Invocation(
        _text(body, "target"),
        _arguments(body),
        # An empty id means that nobody waits, as in ASP.NET.
        _optional_text(body, "invocationId") or None,
        _stream_ids(body),
        _raw(body, record),
    )


def _stream_invocation(body: Mapping[str, Any], record: bytes) -> StreamInvocation:
    return StreamInvocation(
        _text(body, "target"),
        _arguments(body),
        _text(body, "invocationId"),
        _stream_ids(body),
        _raw(body, record),
    )


def _completion(body: Mapping[str, Any], _record: bytes) -> Completion:
    error = _optional_text(body, "error")
    if error is not None and "result" in body:
        raise ProtocolError("The 'error' and 'result' properties are mutually exclusive.")
    return Completion(
        _text(body, "invocationId"), body.get("result"), error, has_result="result" in body
    )


def _close(body: Mapping[str, Any], _record: bytes) -> Close:
    return Close(_optional_text(body, "error"), body.get("allowReconnect") is True)


_READERS: Mapping[int, Callable[[Mapping[str, Any], bytes], HubMessage]] = {
    Kind.INVOCATION: _invocation,
    Kind.STREAM_ITEM: lambda body, _: StreamItem(_text(body, "invocationId"), body.get("item")),
    Kind.COMPLETION: _completion,
    Kind.STREAM_INVOCATION: _stream_invocation,
    Kind.CANCEL_INVOCATION: lambda body, _: CancelInvocation(_text(body, "invocationId")),
    Kind.PING: lambda body, _: Ping(),
    Kind.CLOSE: _close,
    Kind.ACK: lambda body, _: Ack(_number(body, "sequenceId")),
    Kind.SEQUENCE: lambda body, _: SequenceStart(_number(body, "sequenceId")),
}


# Writing. Absent members are left out: `"invocationId": null` makes the JavaScript client close.


def dump(value: Any) -> bytes:
    """Compact UTF-8 JSON; what JSON cannot say is replaced as `plain` describes."""
    try:
        text = _COMPACT(value)
    except (TypeError, ValueError):
        text = _COMPACT(plain(value))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return whole_characters(text).encode()


def plain(value: Any) -> Any:
    """JSON's nearest value: bytes become base64, timestamps ISO 8601, NaN and infinities null."""
    if isinstance(value, Mapping):
        return {_key(key): plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if hasattr(value, "to_datetime"):
        return plain(value.to_datetime())
    return str(value)


def _key(key: Any) -> str:
    nearest = plain(key)
    return nearest if isinstance(nearest, str) else _COMPACT(nearest)


def whole_characters(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD, which every encoding can carry."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _call_members(kind: Kind, message: Invocation | StreamInvocation) -> dict[str, Any]:
    body: dict[str, Any] = {"type": int(kind)}
    if message.invocation_id is not None:
        body["invocationId"] = message.invocation_id
    body["target"] = message.target
    body["arguments"] = list(message.arguments)
    if message.stream_ids:
        body["streamIds"] = list(message.stream_ids)
    return body


def _completion_members(message: Completion) -> dict[str, Any]:
    body: dict[str, Any] = {"type": 3, "invocationId": message.invocation_id}
    if message.error is not None:
        body["error"] = message.error or "Unknown error."  # "" is invalid in the JavaScript client
    elif message.has_result:
        body["result"] = message.result
    return body


def _close_members(message: Close) -> dict[str, Any]:
    body: dict[str, Any] = {"type": 7}
    if message.error is not None:
        body["error"] = message.error
    if message.allow_reconnect:
        body["allowReconnect"] = True
    return body


_MEMBERS: Mapping[type[Any], Callable[[Any], dict[str, Any]]] = {
    Invocation: lambda m: _call_members(Kind.INVOCATION, m),
    StreamItem: lambda m: {"type": 2, "invocationId": m.invocation_id, "item": m.item},
    Completion: _completion_members,
    StreamInvocation: lambda m: _call_members(Kind.STREAM_INVOCATION, m),
    CancelInvocation: lambda m: {"type": 5, "invocationId": m.invocation_id},
    Ping: lambda m: {"type": 6},
    Close: _close_members,
    Ack: lambda m: {"type": 8, "sequenceId": m.sequence_id},
    SequenceStart: lambda m: {"type": 9, "sequenceId": m.sequence_id},
}
