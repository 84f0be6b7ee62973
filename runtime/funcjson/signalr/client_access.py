"""Who may connect: the hub, the token, what the token grants. Pure; every refusal has its status and reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt

from funcjson.signalr.credentials import user_id_of
from funcjson.signalr.limits import hub_name_fault
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.session import Caller, Grants
from funcjson.signalr.token_check import (
    AudienceRule,
    TokenReader,
    TokenRefused,
    challenge,
    verify_client_token,
)

TRANSPORTS = ("WebSockets", "ServerSentEvents", "LongPolling")
_MASK = {"WebSockets": 1, "ServerSentEvents": 2, "LongPolling": 4}
# What upstream must not see of a client's query: secrets and ids of the transport.
_PRIVATE = frozenset({"access_token", "id", "_"})


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request below /client. `path` and `query` are escaped; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def last(self, name: str) -> str | None:
        """The last value of a query parameter, its name in any letter case."""
        found = self.parameters.get(name.lower())
        return found[-1] if found else None


def read_request(method: str, raw_path: str, headers: Mapping[str, str]) -> ClientRequest:
    """A request line and headers as a ClientRequest."""
    path, _, query = raw_path.partition("?")
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        parameters.setdefault(name.lower(), []).append(value)
    return ClientRequest(method, path, query, headers, parameters)


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is answered without a connection."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""  # for the log


def caller_of(
    request: ClientRequest, options: ServiceOptions, reader: TokenReader, rule: AudienceRule
) -> Caller | Refused:
    """The caller, when hub and token are good."""
    hubs = request.parameters.get("hub", ())
    if len(hubs) != 1 or not hubs[0]:
        return Refused(400, "Exactly one 'hub' query parameter is required.")
    hub = hubs[0].lower()
    fault = hub_name_fault(hub)
    if fault is not None:
        return Refused(400, fault)
    try:
        claims = verify_client_token(
            token_of(request),
            reader,
            hub,
            now=options.wall(),
            rule=rule,
            request_host=request.headers.get("host", ""),
        )
    except TokenRefused as refused:
        return Refused(401, headers={"WWW-Authenticate": challenge(refused)}, hint=refused.hint)
    # Hubs are one thing in any letter case; upstream sees them in lower case, as SDKs write them.
    user = user_id_of(claims)
    return Caller(hub, user, claims, public_query(request), grants_of(claims, options))


def claimed_user(request: ClientRequest) -> str | None:
    """The user that a token names, good or not; for a person who asks whose client was refused."""
    try:
        claims = jwt.decode(token_of(request) or "", options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    return user_id_of(claims)


def token_of(request: ClientRequest) -> str | None:
    """The header wins; browsers can only use the query for WebSockets and event streams."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.last("access_token")


def public_query(request: ClientRequest) -> str:
    """The connect query as upstream sees it: "?hub=chat&..." without secrets."""
    pairs = [
        (name, value)
        for name, value in parse_qsl(request.query, keep_blank_values=True, errors="replace")
        if name.lower() not in _PRIVATE
    ]
    return f"?{urlencode(pairs)}" if pairs else ""


def grants_of(claims: Mapping[str, Any], options: ServiceOptions) -> Grants:
    """What the service's own claims ask for; nonsense in them is ignored."""
    mask = _number(claims, "asrs.s.htt", 0, 7, 7)
    transports = frozenset(name for name, bit in _MASK.items() if int(mask) & bit)
    closes_at = None
    if str(claims.get("asrs.s.coae", "")).lower() == "true":
        closes_at = _number(claims, "asrs.s.aeo", 0.0, float("inf"), 0.0) or None
    return Grants(
        transports=transports or frozenset(TRANSPORTS),
        handshake_timeout_s=_number(claims, "asrs.s.cht", 1.0, 30.0, options.handshake_timeout_s),
        poll_idle_s=_number(claims, "asrs.s.ttl", 1.0, 300.0, options.poll_idle_s),
        closes_at=closes_at,
        detailed_errors=str(claims.get("asrs.s.derror", "")).lower() == "true",
        diagnostic=str(claims.get("asrs.s.dc", "")).lower() == "true",
    )


def _number(claims: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    try:
        found = float(claims[name])
    except (KeyError, TypeError, ValueError):
        return default
    return found if low <= found <= high else default
