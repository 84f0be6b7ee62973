"""The service's upstream requests: from headers and body to an event, and from an outcome to the
answer.

Pure. The order of the checks and the status of each answer are the real extension's. One request is
answered as `route_key` (415, 500, 400), the host's own look-up (404), `read_event` (500, 401), the
function, `answer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from funcjson.bindings.signalr_trigger import CONNECTIONS, SignalREvent, claims_of, query_of
from funcjson.errors import FuncJsonError, HandlerError, Problem
from funcjson.model import TypedData
from funcjson.signalr.credentials import verify_signature
from funcjson.signalr.errors import SignalRError
from funcjson.signalr.messages import STREAM_HEADER, Completion
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.protocols.msgpack import unpack

UNAUTHORIZED = "The request is unauthorized, please check the Signature."
NOT_PARSED = "Parsing message failed"
FALLBACK_ERROR = "Method execution failed."
KEY_HEADERS = ("X-ASRS-Hub", "X-ASRS-Category", "X-ASRS-Event")
_PROTOCOLS: Mapping[str, Literal["json", "messagepack"]] = {
    "application/json": "json",
    "application/x-msgpack": "messagepack",
}
_INVOCATION, _STREAM_INVOCATION, _CLOSE_CONNECTION = 1, 4, 11
# What .NET counts as headers of the content, which handlers do not see.
_CONTENT_HEADERS = ("allow", "content-", "expires", "last-modified")

Headers = Iterable[tuple[str, str]]


class WebhookRefused(Exception):
    """A request that is answered without the function; `reason` is the reason phrase."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def route_key(headers: Headers) -> tuple[str, str, str]:
    """Hub, category and event as sent. Raises WebhookRefused."""
    found = _by_name(headers)
    _protocol(found)
    names: list[str] = []
    for name in KEY_HEADERS:
        if name.lower() not in found:
            raise WebhookRefused(500, f"the header {name} is missing")
        names.append(found[name.lower()])
    for name, text in zip(KEY_HEADERS, names, strict=True):
        if not text:
            raise WebhookRefused(400, f"the header {name} is empty")
    return names[0], names[1], names[2]


def read_event(headers: Headers, body: bytes, keys: Sequence[str] | None) -> SignalREvent:
    """The event of a request whose key was found. `keys` None: signatures are not checked. Raises
    WebhookRefused.
    """
    pairs = tuple(headers)
    found = _by_name(pairs)
    hub, category, event = (found.get(name.lower(), "") for name in KEY_HEADERS)
    protocol = _protocol(found)
    connection_id = found.get("x-asrs-connection-id", "")
    if not connection_id:
        raise WebhookRefused(500, "the header X-ASRS-Connection-Id is missing or empty")
    arguments: list[Any] | None = None
    invocation_id = error = None
    is_stream = STREAM_HEADER.lower() in found
    if category.lower() != CONNECTIONS:
        kind = _STREAM_INVOCATION if is_stream else _INVOCATION
        invocation_id, target, arguments = _read_invocation(body, protocol, kind)
        if target.lower() != event.lower():
            raise WebhookRefused(500, f"the message calls '{target}', the header names '{event}'")
    elif event.lower() == "disconnected":
        error = _read_close(body)
    if keys is not None and not verify_signature(
        keys, connection_id, found.get("x-asrs-signature")
    ):
        raise WebhookRefused(401, UNAUTHORIZED)
    return SignalREvent(
        hub,
        category,
        event,
        connection_id,
        user_id=found.get("x-asrs-user-id"),
        arguments=arguments,
        error=error,
        headers=_shown_headers(pairs),
        query=query_of(found.get("x-asrs-client-query", "")),
        claims=claims_of(found.get("x-asrs-user-claims", "")),
        invocation_id=invocation_id,
        protocol=protocol,
        is_stream=is_stream,
    )


def local_event(  # noqa: PLR0913 - the parts of an event
    hub: str,
    category: str,
    event: str,
    connection_id: str,
    *,
    user_id: str | None = None,
    claims: Iterable[tuple[str, str]] = (),
    query: str = "",
    arguments: Sequence[Any] | None = None,
    error: str | None = None,
    invocation_id: str | None = None,
    is_stream: bool = False,
    signature: str = "",
) -> SignalREvent:
    """An event of a service in this process, the same that its request would have made."""
    claims_text = ", ".join(f"{name}: {text}" for name, text in claims)
    headers = {
        "X-ASRS-Connection-Id": connection_id,
        "X-ASRS-Hub": hub,
        "X-ASRS-Category": category,
        "X-ASRS-Event": event,
        "X-ASRS-User-Id": user_id or "",
        "X-ASRS-User-Claims": claims_text,
        "X-ASRS-Client-Query": query,
        "X-ASRS-Signature": signature,
        STREAM_HEADER: (invocation_id or "") if is_stream else "",
    }
    return SignalREvent(
        hub,
        category,
        event,
        connection_id,
        user_id=user_id,
        arguments=arguments,
        error=error,
        headers={name: text for name, text in headers.items() if text},
        query=query_of(query),
        claims=claims_of(claims_text),
        invocation_id=invocation_id,
        is_stream=is_stream,
    )


def answer(
    event: SignalREvent, *, result: Any = None, error: str | None = None
) -> tuple[int, bytes]:
    """Status and body for an outcome; `error` tells that the function failed, and why."""
    if event.is_stream and error is None:
        return 200, b""  # it stays open: its items and its end come by REST
    if event.invocation_id is not None:
        return 200, PROTOCOLS[event.protocol].encode(completion(event, result=result, error=error))
    refused = error is not None and event.key[1:] == (CONNECTIONS, "connected")
    return (403 if refused else 200), b""


def completion(event: SignalREvent, *, result: Any = None, error: str | None = None) -> Completion:
    """The answer to a client that waits."""
    assert event.invocation_id is not None
    if error is not None:
        return Completion(event.invocation_id, error=error or FALLBACK_ERROR)
    return Completion(event.invocation_id, result=result, has_result=True)


def result_of(returned: TypedData) -> Any:
    """A handler's return value as the client gets it."""
    if "json" in returned:
        return json.loads(returned["json"])
    if "bytes" in returned:
        return returned["bytes"].decode("utf-8", "replace")
    return next(iter(returned.values()), None)


def error_text(error: FuncJsonError, trigger_name: str) -> str:
    """What a client that waits is told of a failed function, in the platform's words."""
    if isinstance(error, HandlerError):
        return f"Result: Failure\nException: {error.message}\nStack: {error.stack}"
    return problem_text(error.problems[0], trigger_name)


def problem_text(problem: Problem, trigger_name: str) -> str:
    """The platform's words for one problem."""
    if problem.code == "FJ0325":
        return f"Exception binding parameter '{trigger_name}'"
    return problem.azure or problem.what


def _by_name(headers: Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in headers:
        folded = name.lower()
        found[folded] = f"{found[folded]},{text}" if folded in found else text
    return found


def _protocol(found: Mapping[str, str]) -> Literal["json", "messagepack"]:
    if "content-type" not in found:
        raise WebhookRefused(500, "the header Content-Type is missing")
    media_type = found["content-type"].partition(";")[0].strip()
    if media_type not in _PROTOCOLS:
        raise WebhookRefused(415, "Unsupported Media Type")
    return _PROTOCOLS[media_type]


def _shown_headers(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    spelled: dict[str, str] = {}
    shown: dict[str, str] = {}
    for name, text in pairs:
        if name.lower().startswith(_CONTENT_HEADERS):
            continue
        first = spelled.setdefault(name.lower(), name)
        shown[first] = f"{shown[first]},{text}" if first in shown else text
    return shown


def _read_json(body: bytes) -> dict[str, Any]:
    """The first JSON value of a body, names in lower case; what follows it (a 0x1E) is not looked
    at.
    """
    try:
        text = body.decode("utf-8-sig").lstrip()
        parsed, _end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise WebhookRefused(500, NOT_PARSED) from error
    if not isinstance(parsed, dict):
        raise WebhookRefused(500, NOT_PARSED)
    return {name.lower(): member for name, member in parsed.items()}


def _read_invocation(body: bytes, protocol: str, wanted: int) -> tuple[str | None, str, list[Any]]:
    """Invocation id, target and arguments."""
    if protocol == "json":
        members = _read_json(body)
        parts = [members.get(name) for name in ("type", "invocationid", "target", "arguments")]
    else:
        try:
            record = unpack(body)
        except SignalRError as error:
            raise WebhookRefused(500, NOT_PARSED) from error
        if not isinstance(record, list) or len(record) < 5:
            raise WebhookRefused(500, NOT_PARSED)
        parts = [record[0], *record[2:5]]
    kind, invocation_id, target, arguments = parts
    if kind != wanted or not isinstance(target, str) or not isinstance(arguments, list):
        raise WebhookRefused(500, NOT_PARSED)
    return (str(invocation_id) if invocation_id else None), target, arguments


def _read_close(body: bytes) -> str | None:
    members = _read_json(body)
    if members.get("type") != _CLOSE_CONNECTION:
        raise WebhookRefused(500, NOT_PARSED)
    error = members.get("error")
    return None if error is None else str(error)
