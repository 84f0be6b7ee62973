"""Step 1 of a trace: what set the function off, and which of it is secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import parse_qsl

from funcjson.identity import is_principal_header
from funcjson.masking import Shown, is_secret_name
from funcjson.model import HttpRequest, Passing, TriggerEvent

_MOST_SEARCHED = 256_000  # bytes of a body that are searched for secret members
_MOST_EXACT = 1_000_000  # bytes of a body that are kept beside what is shown of it


def arrived(event: TriggerEvent | None, shown: Shown) -> dict[str, Any]:
    """The request as it came, or the payload of another trigger."""
    if event is None:
        return {"kind": None}
    content: dict[str, Any] = {"kind": event.type, "reason": shown.text(event.reason)}
    if event.request_so_far is not None:
        content["request"] = request_row(event.request_so_far, shown)
        if event.source is not None:
            passed = event.source.passed
            content["request"]["bodyBytes"] = passed.size
            content["request"]["streamed"] = passed_row(passed)
            if passed.state != "whole" or passed.size != len(event.request_so_far.body):
                why = {
                    "bodyBase64": None,
                    "bodyLeftOut": "it came in pieces, which are not all kept",
                }
                content["request"].update(why)
    else:
        content["payload"] = _payload(event.payload, shown)
    return content


def request_row(request: HttpRequest, shown: Shown) -> dict[str, Any]:
    """A request with its headers in the order sent."""
    return {
        "method": request.method,
        "url": shown.cut(shown.mask.url(request.url)),
        "headers": [
            {"name": name, "value": shown.header(name, value)}
            for name, value in request.headers[: shown.items]
        ],
        "query": shown.cut(shown.mask.query(request.query)),
        "body": body_text(request.body, shown),
        "bodyBytes": len(request.body),
        "streamed": None,
        **exact_body(request.body, shown),
    }


def exact_body(body: bytes, shown: Shown) -> dict[str, str | None]:
    """`bodyBase64`: the body as it came, so that it can be sent again; None with the reason in `bodyLeftOut`."""
    why = ""
    if len(body) > _MOST_EXACT:
        why = f"it has more than {_MOST_EXACT} bytes"
    elif _is_masked(body, shown):
        why = "parts of it are masked"
    return {
        "bodyBase64": None if why else base64.b64encode(body).decode(),
        "bodyLeftOut": why or None,
    }


def _is_masked(body: bytes, shown: Shown) -> bool:
    """Whether something in a body is not to be shown."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    if shown.mask.text(text) != text:
        return True
    try:
        return any(True for _ in _secrets_below(json.loads(text)))
    except (ValueError, RecursionError):
        return False


def _secrets_below(value: Any) -> Iterator[str]:
    """Members whose values `Shown` masks whole."""
    if isinstance(value, dict):
        for name, member in value.items():
            if is_secret_name(name) and not (member in (None, "") or isinstance(member, bool)):
                yield name
            yield from _secrets_below(member)
    elif isinstance(value, list):
        for member in value:
            yield from _secrets_below(member)


def passed_row(passed: Passing) -> dict[str, Any]:
    """How much of a body that passes in pieces came so far; its first bytes only are kept."""
    return {"bytes": passed.size, "state": passed.state}


def body_text(body: bytes, shown: Shown) -> Any:
    """JSON as JSON, other text as text, and of anything else its size."""
    if not body:
        return None
    piece = body[: 64 * shown.text_chars]
    try:
        text = piece.decode("utf-8-sig")
    except UnicodeDecodeError:
        return f"({len(body)} bytes that are no text)"
    return shown.json_text(text)


def request_secrets(event: TriggerEvent | None) -> set[str]:
    """What is secret in a request, so that it is masked wherever else it turns up."""
    request = event.request_so_far if event is not None else None
    if request is None:
        return set()
    found: set[str] = set()
    for name, value in request.headers:
        if not is_secret_name(name):
            continue
        if name.lower() == "cookie":
            found.update(part.partition("=")[2].strip() for part in value.split(";"))
        else:
            found.update((value, value.partition(" ")[2]))
    for name, value in parse_qsl(request.query):
        if is_secret_name(name) or name.lower() in ("code", "sig"):
            found.add(value)
    if 0 < len(request.body) <= _MOST_SEARCHED:
        with suppress(ValueError, RecursionError):  # no JSON has no members
            found.update(_secret_members(json.loads(request.body)))
    return {one for one in found if len(one) >= 6}


def _secret_members(value: Any, name: str = "") -> Iterator[str]:
    """Texts below members whose name says that they are secret."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _secret_members(member, key if is_secret_name(key) else name)
    elif isinstance(value, list):
        for member in value:
            yield from _secret_members(member, name)
    elif isinstance(value, str) and name:
        yield value


def request_rules(event: TriggerEvent | None) -> list[str]:
    """What a request teaches."""
    if event is None or event.request is None:
        return []
    known = any(is_principal_header(name) for name, _ in event.request.headers)
    return ["login-sets-headers"] if known else []


def _payload(payload: Any, shown: Shown) -> Any:
    context = getattr(payload, "context", None)
    if callable(context):
        return shown.value(context())
    if is_dataclass(payload) and not isinstance(payload, type):
        return shown.value({one.name: getattr(payload, one.name) for one in fields(payload)})
    if payload is None or isinstance(payload, str | int | float | list | Mapping):
        return shown.value(payload)
    return shown.text(str(payload))
