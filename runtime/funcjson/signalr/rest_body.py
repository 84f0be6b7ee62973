"""The body of a REST request as a message: JSON, MessagePack, or frames that the sender encoded
itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from funcjson.signalr.errors import ProtocolError
from funcjson.signalr.limits import MAX_NESTING
from funcjson.signalr.messages import Encoded, Invocation, Sendable
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.protocols.json import load
from funcjson.signalr.protocols.msgpack import unpack
from funcjson.signalr.rest_problem import invalid, unsupported_media_type

_EXAMPLE = 'send {"target": "newMessage", "arguments": ["hello"]}'
_PACKED_EXAMPLE = f"{_EXAMPLE} as MessagePack"
_FRAMES_EXAMPLE = 'pack {"json": ..., "messagepack": ...}, each one framed invocation message'


def message_of(content_type: str, body: bytes) -> Sendable:
    """The message that a send's body holds. Raises RestProblem (400, 415).

    Without a content type it is JSON. Names ignore letter case; `arguments` may be absent.
    """
    return _parser(content_type, _MESSAGES)(body)


def json_of(content_type: str, body: bytes) -> Any:
    """Any JSON or MessagePack value; None for an empty body. Raises RestProblem (400, 415)."""
    return _parser(content_type, _VALUES)(body) if body else None


_T = TypeVar("_T")
_CHARSET = re.compile(r"""(?:^|;)\s*charset\s*=\s*"?([^\s";]+)""")


def _parser(content_type: str, known: Mapping[str, Callable[[bytes], _T]]) -> Callable[[bytes], _T]:
    media_type, _, parameters = content_type.lower().partition(";")
    media_type = media_type.strip()
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1] not in ("utf-8", "utf8", "us-ascii"):
        raise unsupported_media_type(
            f"{media_type}; charset={charset[1]}", tuple(known), "send the body in UTF-8"
        )
    parse = known.get(media_type or "application/json")
    if parse is None:
        raise unsupported_media_type(media_type, tuple(known))
    return parse


def _from_json(body: bytes) -> Sendable:
    return invocation_of(_json(body))


def _from_msgpack(body: bytes) -> Sendable:
    value = _msgpack(body)
    if isinstance(value, list) and len(value) == 2:
        value = {"target": value[0], "arguments": value[1]}
    return invocation_of(value)


def _from_frames(body: bytes) -> Sendable:
    """A map of protocol name to bytes, each a whole framed invocation to forward as it is."""
    value = _msgpack(body, _FRAMES_EXAMPLE)
    if not isinstance(value, dict) or not all(isinstance(each, bytes) for each in value.values()):
        raise invalid(
            "The body must be a MessagePack map from hub protocol names to bytes.",
            _FRAMES_EXAMPLE,
        )
    frames = {name: data for name, data in value.items() if name in PROTOCOLS}
    for name, data in frames.items():
        _check_frame(name, data)
    return Encoded(frames)


def _check_frame(name: str, data: bytes) -> None:
    """Exactly one whole invocation: anything else would break every client that receives it."""
    protocol = PROTOCOLS[name]
    buffer = bytearray(data)
    try:
        records = protocol.split(buffer, len(buffer))
        message = protocol.parse(records[0]) if len(records) == 1 and not buffer else None
    except ProtocolError as error:
        raise invalid(
            f"The {name} value is not a hub message: {error}", _FRAME_FIX[name]
        ) from error
    if not isinstance(message, Invocation):
        raise invalid(f"The {name} value must be one framed invocation message.", _FRAME_FIX[name])


_FRAME_FIX = {
    "json": "end the message with the byte 0x1E, and put only one in",
    "messagepack": "put the length in front of the message, and put only one in",
}


def invocation_of(value: Any) -> Invocation:
    """The message that {"target", "arguments"} is. Raises RestProblem."""
    if not isinstance(value, dict):
        raise invalid("Message in request body is required.", _EXAMPLE)
    members = {str(name).lower(): member for name, member in value.items()}
    target, arguments = members.get("target"), members.get("arguments")
    if not isinstance(target, str) or not target:
        raise invalid("The target of the message must be a non-empty text.", _EXAMPLE, "target")
    if arguments is None:
        arguments = []
    if not isinstance(arguments, list):
        raise invalid("The arguments of the message must be an array.", _EXAMPLE, "arguments")
    return Invocation(target, arguments)


def _json(body: bytes) -> Any:
    if not body.strip():
        raise invalid("Message in request body is required.", _EXAMPLE)
    try:
        value = load(body.removeprefix(b"\xef\xbb\xbf"))
    except ProtocolError as error:
        fix = _EXAMPLE if _is_utf8(body) else "send the body in UTF-8"
        raise invalid(f"The request body cannot be read. {error}", fix) from error
    return _flat(value) if body.count(b"[") + body.count(b"{") > MAX_NESTING else value


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _flat(value: Any) -> Any:
    """The value, if it is not nested too deeply."""
    if _is_deeper(value, MAX_NESTING):
        raise invalid(
            f"The request body is nested deeper than {MAX_NESTING} levels.",
            "send flatter data, or the inner part as text",
        )
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in value)


def _msgpack(body: bytes, fix: str = _PACKED_EXAMPLE) -> Any:
    if not body:
        raise invalid("Message in request body is required.", fix)
    try:
        return _flat(unpack(body))
    except ProtocolError as error:
        raise invalid(f"The request body cannot be read. {error}", fix) from error


_MESSAGES: Mapping[str, Callable[[bytes], Sendable]] = {
    "application/json": _from_json,
    "application/x-msgpack": _from_msgpack,
    "application/octet-stream": _from_frames,
}
_VALUES: Mapping[str, Callable[[bytes], Any]] = {
    "application/json": _json,
    "application/x-msgpack": _msgpack,
}
