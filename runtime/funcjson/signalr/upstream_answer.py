"""What an upstream answered: a completion, or why it is none."""

from __future__ import annotations

from collections.abc import Mapping

from funcjson.signalr.errors import ProtocolError
from funcjson.signalr.messages import Completion, HubMessage, Kind
from funcjson.signalr.protocols import PROTOCOLS, HubProtocol
from funcjson.signalr.protocols.json import load

CONTENT_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "messagepack": "application/x-msgpack",
}
_SHOWN: Mapping[str, str] = {"json": "JSON", "messagepack": "MessagePack"}
_HINTS: Mapping[int, str] = {
    400: "a header of the service is missing or empty at the upstream",
    401: "the upstream has another AccessKey, or the URL's code is wrong",
    403: "the function that listens to 'connected' failed",
    404: "the upstream has no function for this hub, category and event, or the URL is wrong",
    415: "the upstream does not read this hub protocol",
    500: "the upstream failed; its own log says why",
}


def status_hint(status: int, event: str) -> str:
    """What a status usually means, or ""."""
    if status == 400 and not event:
        return "the client's call names no method: its target is empty"
    if status in range(300, 400):
        return "redirects are not followed: put the address that it leads to into UrlTemplate"
    return _HINTS.get(status, "")


def completion_bytes(protocol: HubProtocol, call: str, body: bytes) -> bytes | None:
    """The body as the one framed completion of this call, framed if need be; None if it is none."""
    records = _records(protocol, body)
    if len(records) == 1 and _completes(protocol, records[0], call):
        return protocol.frame(records[0])
    if _completes(protocol, body, call):  # hand-written upstreams forget the framing
        return protocol.frame(body)
    return None


def why_unusable(protocol: HubProtocol, call: str, body: bytes) -> str:
    """What is wrong with a body that is not the completion of this call."""
    for other in PROTOCOLS.values():
        if other is not protocol and _is_completion(other, body):
            return (
                f"the response is a {_SHOWN[other.name]} completion, but this client speaks {protocol.name}: "
                f"answer as the request's Content-Type says ({CONTENT_TYPES[protocol.name]})"
            )
    records = _records(protocol, body)
    if len(records) > 1:
        return f"the response holds {len(records)} messages, it must be one completion"
    record = records[0] if records else body
    try:
        message = protocol.parse(record)
    except ProtocolError as error:
        if not records and not _is_json(body):
            return "the response is neither a completion message nor JSON"
        return f"the response is no hub message: {error}"
    if isinstance(message, Completion):
        return f"the response is the completion of call '{message.invocation_id}', the client waits for '{call}'"
    return f"the response is a message of {_type_of(message, record)}, not 3 (Completion)"


def _type_of(message: HubMessage | None, record: bytes) -> str:
    if message is None:  # only JSON says it in a way worth reading back
        return f"type {load(record).get('type')}" if _is_json(record) else "an unknown type"
    words = type(message).__name__
    number = next((k.value for k in Kind if k.name.replace("_", "") == words.upper()), None)
    return words if number is None else f"type {number} ({words})"


def _records(protocol: HubProtocol, body: bytes) -> list[bytes]:
    """The framed records, if the body holds nothing else."""
    buffer = bytearray(body)
    try:
        records = protocol.split(buffer, len(buffer))
    except ProtocolError:
        return []
    return [] if buffer.strip() else records


def _completes(protocol: HubProtocol, record: bytes, call: str) -> bool:
    try:
        message = protocol.parse(record)
    except ProtocolError:
        return False
    return isinstance(message, Completion) and message.invocation_id == call


def _is_completion(protocol: HubProtocol, body: bytes) -> bool:
    records = _records(protocol, body)
    try:
        return isinstance(protocol.parse(records[0] if records else body), Completion)
    except ProtocolError:
        return False


def _is_json(body: bytes) -> bool:
    try:
        load(body)
    except ProtocolError:
        return False
    return True
