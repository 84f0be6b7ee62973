"""What the host and a custom handler say to each other: the documented JSON, and requests passed on.

Everything here computes; `custom_handler_link.py` sends and receives. Rules marked (host) are those of the
Functions host's own code, oddities included, so that a handler meets here what it meets on Azure.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from funcjson import http_json
from funcjson.model import Binding, Call, CallResult, Function, TypedData

# The major version is what handlers may look at.
HOST_VERSION = "4.0.0-funcjson"
INVOCATION_ID = "X-Azure-Functions-InvocationId"

_NAME_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
_ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
# Each side frames its own messages.
_HOP_BY_HOP = frozenset(
    (
        *("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    )
)
_JSON_TYPES = frozenset(("application/json", "text/json"))


class AnswerError(ValueError):
    """A handler's answer is not what the contract asks for.

    The text says in what; `azure` is the real host's own words.
    """

    def __init__(self, what: str, azure: str = "") -> None:
        super().__init__(what)
        self.azure = azure


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A request as it goes to a handler that wants the original. `target` is path and query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answered: the result, its log lines, and what its author should know."""

    result: CallResult
    logs: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


def is_http_only(function: Function) -> bool:
    """Whether a function has an HTTP trigger, an HTTP output and nothing else: it may be passed on."""
    types = [binding.type.lower() for binding in function.bindings]
    return sorted(types) == ["http", "httptrigger"]


def call_headers(call: Call, user_agent: str = "") -> dict[str, str]:
    """The headers that every request to a handler has."""
    ours = f"Azure-Functions-Host/{HOST_VERSION}"
    headers = {
        "X-Azure-Functions-HostVersion": HOST_VERSION,
        INVOCATION_ID: call.invocation_id,
        "User-Agent": f"{user_agent} {ours}" if user_agent else ours,
    }
    if call.trace_parent:
        headers["traceparent"] = call.trace_parent
    return headers


# -- to the handler ----------------------------------------------------------------------------------


def invocation(call: Call) -> dict[str, Any]:
    """The body of `POST /{function}`: `Data` has the inputs, `Metadata` the trigger's metadata."""
    metadata = {
        name: _shown(value)
        for name, value in call.trigger_metadata.items()
        # (host) The value of the trigger is among the data.
        if value and not name.lower().endswith("trigger")
    }
    if call.retry is not None:
        metadata["RetryContext"] = {
            "RetryCount": call.retry.retry_count,
            "MaxRetryCount": call.retry.max_retry_count,
            "Exception": call.retry.exception or None,
        }
    data = {
        name: _request(value["http"]) if "http" in value else _shown(value)
        for name, value in call.inputs
    }
    return {"Data": data, "Metadata": metadata}


def passed_on(call: Call, path: str | None = None) -> PassedOn:
    """The request of an HTTP trigger as it came, at another path when one is given."""
    message = next(value["http"] for _, value in call.inputs if "http" in value)
    url = urlsplit(message["url"])
    agent = str(message["headers"].get("user-agent") or "")
    ours = call_headers(call, agent)
    replaced = {name.lower() for name in ours} | _HOP_BY_HOP
    kept = [(name, text) for name, text in _header_list(message) if name.lower() not in replaced]
    return PassedOn(
        message["method"],
        (path or url.path or "/") + (f"?{url.query}" if url.query else ""),
        (*kept, *ours.items()),
        _body_bytes(message.get("body") or {}),
    )


def _shown(value: TypedData) -> Any:
    """An input as JSON: objects as they are, all else as JSON text inside a string (host)."""
    if "json" in value:
        parsed = json.loads(value["json"])
        return parsed if isinstance(parsed, dict) else value["json"]
    if "bytes" in value:
        return base64.b64encode(value["bytes"]).decode()
    return json.dumps(next(iter(value.values()), None), ensure_ascii=False)


def _request(message: Mapping[str, Any]) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, text in _header_list(message):
        headers.setdefault(name, []).append(text)
    shown: dict[str, Any] = {
        "Url": message["url"],
        "Method": message["method"],
        "Query": dict(message.get("query") or {}),
        "Headers": headers,
        "Params": dict(message.get("params") or {}),
        "Identities": _identities(message["headers"].get("x-ms-client-principal")),
    }
    if body := _body_bytes(message.get("body") or {}):
        kind = str(message["headers"].get("content-type") or "").lower()
        binary = kind.startswith("multipart/") or "octet-stream" in kind
        shown["Body"] = (
            base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")
        )
    return shown


def _header_list(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    given = message.get("header_list") or message["headers"].items()
    return [(_canonical(name), text) for name, text in given]


# (host) Kestrel spells well-known names its own way and leaves the others as they came.
_WELL_KNOWN = frozenset(
    (
        *("accept", "accept-charset", "accept-encoding", "accept-language", "authorization"),
        *("cache-control", "connection", "content-encoding", "content-language", "content-length"),
        *("content-type", "cookie", "date", "expect", "forwarded", "from", "host", "if-match"),
        *("if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "origin"),
        *("pragma", "range", "referer", "transfer-encoding", "upgrade-insecure-requests"),
        *("user-agent", "via"),
    )
)


def _canonical(name: str) -> str:
    return name.title() if name.lower() in _WELL_KNOWN else name


def _body_bytes(body: TypedData) -> bytes:
    if "bytes" in body:
        return bytes(body["bytes"])
    return str(next(iter(body.values()), "")).encode()


def _identities(principal: str | None) -> list[dict[str, Any]]:
    """.NET's identities: the anonymous one, and the one that a login's header describes."""
    found = [_identity(None, [], _NAME_CLAIM, _ROLE_CLAIM)]
    if principal:
        try:
            said = json.loads(base64.b64decode(principal))
        except (ValueError, binascii.Error):
            return found
        if isinstance(said, dict):
            found.append(_signed_in(said))
    return found


def _signed_in(said: Mapping[str, Any]) -> dict[str, Any]:
    provider = said.get("auth_typ") or said.get("identityProvider")
    name_type = str(said.get("name_typ") or _NAME_CLAIM)
    claims = [
        {"Type": claim["typ"], "Value": claim["val"]}
        for claim in said.get("claims") or ()
        if isinstance(claim, dict) and "typ" in claim and "val" in claim
    ]
    if said.get("userDetails") and not claims:
        claims.append({"Type": name_type, "Value": said["userDetails"]})
    return _identity(provider, claims, name_type, str(said.get("role_typ") or _ROLE_CLAIM))


def _identity(
    provider: Any, claims: list[dict[str, Any]], name_type: str, role_type: str
) -> dict[str, Any]:
    names = (claim["Value"] for claim in claims if claim["Type"] == name_type)
    return {
        "AuthenticationType": provider,
        "IsAuthenticated": bool(provider),
        "Actor": None,
        "BootstrapContext": None,
        "Claims": claims,
        "Label": None,
        "Name": next(names, None),
        "NameClaimType": name_type,
        "RoleClaimType": role_type,
    }


# -- from the handler --------------------------------------------------------------------------------


def read_answer(function: Function, content_type: str, body: bytes) -> Answer:
    """The result in a handler's answer to `POST /{function}`. Raises AnswerError."""
    kind = content_type.partition(";")[0].strip().lower()
    if not body.strip():
        raise AnswerError("it has no body")
    if kind not in _JSON_TYPES:
        raise AnswerError(
            f"its Content-Type is {kind or 'missing'}, and the host reads application/json only",
            "Invalid HttpResponseMessage",
        )
    try:
        value = json.loads(body)
    except ValueError as error:
        raise AnswerError(f"it is not JSON: {error}", "Invalid HttpResponseMessage") from error
    if not isinstance(value, dict):
        raise AnswerError("it is no JSON object", "Invalid HttpResponseMessage")
    members = {name.lower(): member for name, member in value.items()}
    given = members.get("outputs")
    logs = members.get("logs")
    if not isinstance(given, dict | None):
        raise AnswerError("'Outputs' is no object", "Invalid HttpResponseMessage")
    if not isinstance(logs, list | None):
        raise AnswerError("'Logs' is no list", "Invalid HttpResponseMessage")
    outputs: dict[str, TypedData] = {}
    hints = list(_unknown_outputs(function, given or {}))
    for binding in function.outputs:
        typed, hint = _output(binding, given)
        if typed:
            outputs[binding.name] = typed
        hints += [hint] if hint else []
    returned = members.get("returnvalue")
    whole = next((b for b in function.outputs if b.name == "$return"), None)
    if whole is not None and (hint := _looks_packed(returned, whole)):
        hints.append(hint)
    return Answer(
        CallResult(outputs, {} if returned is None else _typed(returned, whole)),
        tuple(_log_line(line) for line in logs or () if line is not None),
        tuple(hints),
    )


def kept_headers(headers: Iterable[tuple[str, str]], method: str = "GET") -> list[tuple[str, str]]:
    """Those of an answer that are not of its connection only; to HEAD the length is what was asked for."""
    dropped = _HOP_BY_HOP - {"content-length"} if method == "HEAD" else _HOP_BY_HOP
    return [pair for pair in headers if pair[0].lower() not in dropped]


def read_passed_on(
    function: Function, status: int, headers: list[tuple[str, str]], body: bytes
) -> CallResult:
    """A handler's answer to a request that was passed on, the caller gets it as it is. `headers` are those to keep."""
    message = {
        "status": status,
        "header_list": headers,
        "body": {"bytes": body},
    }
    answer: TypedData = {"http": message}
    name = function.outputs[0].name
    return CallResult({} if name == "$return" else {name: answer}, answer)


def _output(binding: Binding, given: Mapping[str, Any] | None) -> tuple[TypedData, str]:
    """An output's value ({} for none) and perhaps a hint."""
    # (host) Without any "Outputs" nothing is set; with it, a missing http output is an empty object.
    if given is None:
        return {}, ""
    if binding.type.lower() == "http" and binding.name != "$return":
        if binding.name not in given:
            return {"json": "{}"}, f"'Outputs' has no '{binding.name}', so the caller gets {{}}"
        return _http_output(binding.name, given[binding.name])
    value = given.get(binding.name)
    return ({}, "") if value is None else (_typed(value, binding), _looks_packed(value, binding))


def _http_output(name: str, value: Any) -> tuple[TypedData, str]:
    if isinstance(value, str):
        try:
            value = http_json.read(value)
        except http_json.NotJson:
            value = None
    members = {key.lower(): member for key, member in value.items()} if _is_object(value) else None
    if members is None or not isinstance(members.get("headers"), dict | None):
        raise AnswerError(
            f"'{name}' in 'Outputs' does not describe a response",
            "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in "
            "expected format",
        )
    body = members.get("body")
    described = {
        "statusCode": members.get("statuscode"),
        "headers": members.get("headers") or {},
        # (host) An object or array is written with line ends and two blanks per level.
        "body": http_json.indented(body) if isinstance(body, dict | list) else body,
    }
    hint = ""
    if "status" in members and "statuscode" not in members:
        # (host) `statusCode` is looked for first and found as null.
        hint = f"'status' of '{name}' does nothing: the host reads 'statusCode'"
    return {"json": json.dumps(described, ensure_ascii=False)}, hint


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _typed(value: Any, binding: Binding | None) -> TypedData:
    """A JSON value of a handler as typed data."""
    if isinstance(value, str):
        data_type = str(binding.properties.get("dataType") or "") if binding is not None else ""
        # (host) Text that happens to be base64 becomes bytes, but for outputs declared as binary.
        data = _base64(value) if binding is not None and data_type.lower() != "binary" else None
        return {"string": value} if data is None else {"bytes": data}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {"json": json.dumps(value, ensure_ascii=False)}
    return {"int": value} if isinstance(value, int) else {"double": value}


def _looks_packed(value: Any, binding: Binding) -> str:
    """A hint when a word such as "done" is taken as base64: a long text is probably meant so."""
    if not isinstance(value, str) or len(value) > 32 or "bytes" not in _typed(value, binding):
        return ""
    return f"the text '{value}' of '{binding.name}' is valid base64, so it is sent as bytes"


def _base64(text: str) -> bytes | None:
    packed = "".join(text.split())
    try:
        return base64.b64decode(packed, validate=True) if packed else None
    except (binascii.Error, ValueError):
        return None


def _unknown_outputs(function: Function, given: Mapping[str, Any]) -> list[str]:
    declared = {binding.name for binding in function.outputs}
    return [
        f"'{name}' in 'Outputs' is dropped: function.json has no output of that name (letter case "
        f"matters); it has {', '.join(sorted(declared)) or 'none'}"
        for name in given
        if name not in declared
    ]


def _log_line(line: Any) -> str:
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
