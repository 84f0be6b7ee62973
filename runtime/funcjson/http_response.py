"""From what a handler gave back to the HTTP response that the Functions host would send.

Three doors lead here: an `http` message from a worker, a plain value on an `http` output, and the
return value of a function that has no `http` output. Each has its own rules on the real host.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from funcjson import http_json
from funcjson.http_headers import is_framing, is_name, is_value
from funcjson.model import HttpResponse, TypedData

TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"

NO_CONTENT = HttpResponse(204)
_PLAIN = (("Content-Type", TEXT),)

_NO_BODY = frozenset({204, 205, 304})


class ResponseError(ValueError):
    """The value cannot be sent. `what` and `fix` are for the app's author; callers see a 500."""

    def __init__(self, what: str, fix: str = "", azure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.azure = azure


def from_output(value: TypedData, *, accept: str = "") -> HttpResponse:
    """The response for the value of an `http` output. Raises ResponseError."""
    if "http" in value:
        return _from_message(value["http"], accept)
    if "string" in value:
        return _from_text(value["string"])
    if "json" in value:
        return _from_json(value["json"])
    if "bytes" in value:
        return HttpResponse(200, (), bytes(value["bytes"]))
    number = value.get("int", value.get("double"))
    return HttpResponse(200, _PLAIN, http_json.scalar(number).encode())


def from_return(value: TypedData, *, accept: str = "") -> HttpResponse:
    """The response of a function without an `http` output: its return value answers the caller.

    Nothing is 204; text is text/plain and the rest compact JSON, unless `accept` says otherwise.
    """
    if "http" in value:
        return _from_message(value["http"], accept)
    if "string" in value:
        return _negotiated(value["string"], accept)
    if "json" in value:
        try:
            return _negotiated(http_json.read(value["json"]), accept)
        except http_json.NotJson:
            return _negotiated(value["json"], accept)
    if "bytes" in value:
        # The host's JSON formatter writes a byte array as base64 text.
        text = f'"{base64.b64encode(value["bytes"]).decode()}"'
        return HttpResponse(200, (("Content-Type", JSON),), text.encode())
    if "int" in value or "double" in value:
        return _negotiated(value.get("int", value.get("double")), accept)
    return NO_CONTENT


def _from_message(message: Mapping[str, Any], accept: str) -> HttpResponse:
    """What a worker's http message becomes; its body is never parsed again."""
    if "header_list" in message:
        # A custom handler's own answer, which the host hands on as it is.
        return HttpResponse(
            message["status"], tuple(message["header_list"]), message["body"]["bytes"]
        )
    status = message.get("status")
    if status.__class__ is not int or not 200 <= status <= 999:
        status = _status(status)
    given = message.get("headers")
    headers = _headers(given) if given else []
    body: TypedData = message.get("body") or {}
    if message.get("enableContentNegotiation") and "bytes" not in body:
        answer = _negotiated(_body_value(body), accept)
        typed = _typed(headers, answer.headers[0][1] if answer.headers else None)
        return _finish(status, typed, message.get("cookies"), answer.body)
    if "bytes" in body:
        return _finish(status, _typed(headers, None), message.get("cookies"), bytes(body["bytes"]))
    text = body["string"] if "string" in body else http_json.text_of(_body_value(body))
    content = text.encode("utf-8", "replace")
    if not headers and not message.get("cookies") and status not in _NO_BODY:
        return HttpResponse(status, _PLAIN, content)
    return _finish(status, _typed(headers, TEXT), message.get("cookies"), content)


def _from_text(text: str) -> HttpResponse:
    """A string on an `http` output: the host reads it as JSON when it can."""
    try:
        value = http_json.read(text)
    except http_json.NotJson:
        return HttpResponse(200, _PLAIN, text.encode("utf-8", "replace"))
    if isinstance(value, dict) and (described := _from_description(value)) is not None:
        return described
    return HttpResponse(200, _PLAIN, http_json.text_of(value).encode("utf-8", "replace"))


def _from_json(text: str) -> HttpResponse:
    try:
        value = http_json.read(text)
    except http_json.NotJson:
        value = text
    if value is None:
        # As with an output that was never set.
        return NO_CONTENT
    if isinstance(value, dict) and (described := _from_description(value)) is not None:
        return described
    return HttpResponse(200, _PLAIN, http_json.text_of(value).encode("utf-8", "replace"))


def _from_description(value: Mapping[str, Any]) -> HttpResponse | None:
    """An object with a `body` member describes a response; without one it is the body."""
    members = {name.lower(): member for name, member in value.items()}
    if "body" not in members:
        return None
    status = _status(members.get("statuscode", members.get("status")))
    given = members.get("headers")
    headers = _headers(given if isinstance(given, dict) else {})
    body = members["body"]
    # The host writes an object without blanks here; an array it would show as a type name.
    text = http_json.compact(body) if isinstance(body, dict | list) else http_json.scalar(body)
    cookies = members.get("cookies")
    return _finish(status, _typed(headers, TEXT), cookies, text.encode("utf-8", "replace"))


def _body_value(body: TypedData) -> Any:
    if "json" in body:
        try:
            return http_json.read(body["json"])
        except http_json.NotJson:
            return body["json"]
    return next(iter(body.values()), None)


def _negotiated(value: Any, accept: str) -> HttpResponse:
    """MVC's choice of formatter: text for text, else JSON; `accept` counts without `*/*`."""
    if value is None:
        return NO_CONTENT
    if isinstance(value, str) and not _wants_json(accept):
        return HttpResponse(200, _PLAIN, value.encode("utf-8", "replace"))
    text = http_json.compact(value)
    return HttpResponse(200, (("Content-Type", JSON),), text.encode("utf-8", "replace"))


def _wants_json(accept: str) -> bool:
    """Whether a text would be sent as JSON: it is preferred to text, and `*/*` is not there."""
    if not accept or "*/*" in accept:
        return False
    wishes: list[tuple[float, int, str]] = []
    for at, wish in enumerate(accept.lower().split(",")):
        kind, *parameters = (part.strip() for part in wish.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            wishes.append((-float(quality), at, kind))
        except ValueError:
            continue
    for _, _, kind in sorted(wishes):
        if kind in ("application/json", "text/json", "application/*") or kind.endswith("+json"):
            return True
        if kind in ("text/plain", "text/*"):
            return False
    return False


def _status(given: Any) -> int:
    """A number or numeric text; anything else counts as 200, as on the real host."""
    if isinstance(given, bool) or given is None:
        return 200
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, str) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", given, re.ASCII):
        given = int(given)
    if not isinstance(given, int):
        return 200
    if not 200 <= given <= 999:
        raise ResponseError(
            f"{given} is not a status that can end a response",
            "use a status from 200 to 599",
            "a status outside 100-999 ends in 500; one below 200 would leave the caller waiting",
        )
    return given


def _headers(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values that can be sent; of two spellings of one name the first counts."""
    headers: list[tuple[str, str]] = []
    seen: set[str] = set()
    for name, value in given.items():
        folded = name.lower()
        if folded in seen or is_framing(folded):
            continue
        seen.add(folded)
        if value is None and folded == "content-type":
            raise ResponseError(
                "the handler's content-type header is null",
                "give it a value or leave it out",
                "content-type header cannot be null",
            )
        text = value if isinstance(value, str) else http_json.text_of(value)
        if not is_name(name):
            raise ResponseError(f"'{name}' is not a name for an HTTP header", "use letters and -")
        if not is_value(text):
            raise _not_a_value(name, text)
        headers.append((name, text.strip()))
    return headers


# How a file's name is written is RFC 6266's; for other headers there is no rule.
_ENCODE = "encode it, for example with encodeURIComponent or urllib.parse.quote"
_ENCODE_FILE = (
    "write the file's name as filename*=UTF-8''NAME, where NAME is encoded with encodeURIComponent or "
    "urllib.parse.quote"
)


def _not_a_value(name: str, text: str) -> ResponseError:
    # Kestrel takes ASCII only, unless its program asks for more, which the Functions host does not.
    sign = next(sign for sign in text if not is_value(sign))
    return ResponseError(
        f"the value of the header '{name}' has {sign!r} (U+{ord(sign):04X}), which HTTP headers cannot carry",
        _ENCODE_FILE if name.lower() == "content-disposition" else _ENCODE,
        f"Invalid non-ASCII or control character in header: 0x{ord(sign):04X}",
    )


def _typed(headers: list[tuple[str, str]], default: str | None) -> list[tuple[str, str]]:
    """Headers with a content type. `default` None: the body is bytes, the type stays as it is."""
    if default is None:
        return headers
    for at, (name, value) in enumerate(headers):
        if name.lower() == "content-type":
            if value and "charset" not in value.lower():
                headers[at] = (name, f"{value}; charset=utf-8")
            return headers
    headers.append(("Content-Type", default))
    return headers


def _finish(status: int, headers: list[tuple[str, str]], cookies: Any, body: bytes) -> HttpResponse:
    if isinstance(cookies, Sequence) and not isinstance(cookies, str):
        headers += [("Set-Cookie", _cookie(one)) for one in cookies if isinstance(one, Mapping)]
    return HttpResponse(status, tuple(headers), b"" if status in _NO_BODY else body)


def _cookie(cookie: Mapping[str, Any]) -> str:
    """A Set-Cookie value, its attributes in ASP.NET's order and spelling."""
    name, value = str(cookie.get("name", "")), cookie.get("value")
    if not is_name(name):
        raise ResponseError(f"'{name}' is not a name for a cookie", "use letters, digits, - and _")
    parts = [f"{name}={quote(str(value if value is not None else ''), safe='')}"]
    if expires := _expires(name, cookie.get("expires")):
        parts.append(f"expires={expires}")
    if (max_age := cookie.get("maxAge")) is not None:
        parts.append(f"max-age={_seconds(name, max_age)}")
    if (domain := cookie.get("domain")) is not None:
        parts.append(f"domain={domain}")
    # Python's worker sends "" for what the handler left out, and the host writes it as it is.
    path = cookie.get("path")
    parts.append(f"path={'/' if path is None else path}")
    if cookie.get("secure"):
        parts.append("secure")
    if same_site := cookie.get("sameSite"):
        parts.append(f"samesite={str(same_site).lower()}")
    if cookie.get("httpOnly"):
        parts.append("httponly")
    text = "; ".join(parts)
    if not is_value(text):
        raise ResponseError(f"the cookie '{name}' has a sign that HTTP headers cannot carry")
    return text


# What .NET's TimeSpan holds, in which the real host keeps it.
_MOST_SECONDS = 922_337_203_685


def _seconds(cookie: str, value: Any) -> int:
    with suppress(TypeError, ValueError, OverflowError):
        seconds = int(value)
        if abs(seconds) <= _MOST_SECONDS:
            return seconds
    raise ResponseError(
        f"the maxAge of the cookie '{cookie}' is {value!r}",
        f"give a number of seconds, at most {_MOST_SECONDS}",
    )


def _expires(cookie: str, value: Any) -> str | None:
    """ISO text, or seconds since the epoch, as an HTTP date."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        try:
            return format_datetime(datetime.fromtimestamp(value, UTC), usegmt=True)
        except (ValueError, OverflowError, OSError):
            raise ResponseError(
                f"the time in expires of the cookie '{cookie}' is {value!r}",
                "give a time before the end of the year 9999",
            ) from None
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        # The worker may have an HTTP date already.
        return str(value)
    return format_datetime(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC), usegmt=True)
