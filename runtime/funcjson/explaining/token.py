"""`funcjson explain token`: what is in an access token, and which of the service's checks it would not pass."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from funcjson.explaining.asking import asking
from funcjson.honesty import labels
from funcjson.masking import Mask, Shown
from funcjson.settings import Settings
from funcjson.signalr.credentials import (
    AudienceRule,
    ConnectionStringError,
    TokenFault,
    TokenReader,
    TokenRefused,
    audience_rule,
    parse_connection_string,
    user_id_of,
    verify_client_token,
    verify_server_token,
)
from funcjson.signalr.options import EMULATOR_KEY
from funcjson.trace_view.inputs import token_view

# A token on its way here: in a URL, a header, a JSON answer.
_TOKEN = re.compile(r"[\w-]{2,}\.[\w-]+\.[\w-]*")
_TOKEN_PATH = "/_lss/token"  # noqa: S105 - a path
_THROWAWAY = "0" * 64  # signs copies of the claims, so that one check can be asked alone

CHECKS = ("form", "algorithm", "signature", "expiry", "audience")
_CHECK_OF: Mapping[TokenFault, str] = {
    TokenFault.MISSING: "form",
    TokenFault.MALFORMED: "form",
    TokenFault.ALGORITHM: "algorithm",
    TokenFault.SIGNATURE: "signature",
    TokenFault.NO_EXPIRY: "expiry",
    TokenFault.EXPIRED: "expiry",
    TokenFault.NO_AUDIENCE: "audience",
    TokenFault.AUDIENCE_HOST: "audience",
    TokenFault.AUDIENCE_PATH: "audience",
    TokenFault.AUDIENCE_HUB: "audience",
}
_WHERE = {
    "client": "the service answers 401 when the client negotiates with it, or opens its WebSocket",
    "server": "the service answers 401 to the REST request",
    "other": "the service would not take it; as an idToken it is read but not checked",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that may have signed, where they come from, and the service's URLs. The repr has no key.

    `signed` is what a running service said of the signature; None: none was asked.
    """

    keys: tuple[str, ...]
    source: str
    urls: tuple[str, ...] = ()
    signed: bool | None = None

    def __repr__(self) -> str:
        return f"Keys({len(self.keys)} from {self.source})"


async def ask_service(service: str, text: str) -> Keys:
    """Let a running local service look at the signature. Raises FuncJsonError when it cannot be asked."""
    async with asking(service) as (session, base):
        head = {"Authorization": f"Bearer {bare_token(text)}"}
        async with session.get(base + _TOKEN_PATH, headers=head) as answer:
            if answer.status != 200:
                raise ValueError(f"{base}{_TOKEN_PATH} answered {answer.status}")
            signed = bool((await answer.json())["signed"])
    return Keys((), f"the service at {base}", (base,), signed)


def keys_of(settings: Settings | None, setting: str) -> Keys:
    """The keys of an app's connection. Raises ConnectionStringError, which never holds a key."""
    texts: list[tuple[str, str]] = []
    if settings is not None:
        texts += [
            (f"endpoint {one.name}", one.connection_string) for one in settings.named_endpoints()
        ]
        own = settings.connection_string(setting)
        if own and own.strip():
            texts.append((f"the setting {setting}", own))
    endpoints = [(name, parse_connection_string(text)) for name, text in texts]
    keys = tuple(one.access_key for _, one in endpoints if one.access_key)
    urls = tuple(url for _, one in endpoints for url in (one.endpoint, one.client_endpoint))
    source = ", ".join(name for name, _ in endpoints)
    if settings is not None and not source:
        source = f"the app has no connection string in {setting}"
    return Keys(keys, source, urls)


def explain_token(
    text: str, keys: Keys, *, hub: str | None = None, path: str | None = None, now: float
) -> dict[str, Any]:
    """`{kind, user, claims, checks, good, where, ...}`. `good` None: nothing is wrong, but the signature was not checked.

    `hub` is the one that the client asks for, `path` that of the REST request; by default those that the token names.
    """
    token = bare_token(text)
    claims = _claims(token)
    kind, own_hub, own_path = _kind(claims)
    shown = Shown(Mask(keys.keys))
    rule = audience_rule("local", *keys.urls)
    rows = _checks(
        token, claims, keys, kind, hub or own_hub, path or own_path, now, rule, bool(hub or path)
    )
    failed = next((row for row in rows if row["state"] == "failed"), None)
    unchecked = any(row["state"] == "not checked" for row in rows)
    rules = ["token-checks", "token-port"]
    if not keys.urls:
        rules.append("token-host-local")
    return {
        "version": 1,
        "kind": kind,
        "user": shown.text(user_id_of(claims) or "") or None,
        "hub": hub or own_hub or None,
        "token": token_view(token, now, shown),
        "checks": [{**row, "says": shown.text(row["says"])} for row in rows],
        "good": False if failed else None if unchecked else True,
        "where": _WHERE[kind] if failed else None,
        "hints": [shown.text(hint) for hint in _hints(text, token, claims, kind)],
        "rules": labels(rules),
    }


def bare_token(text: str) -> str:
    """The token in a pasted text: a header, a URL, a JSON answer, or the token itself."""
    found = _TOKEN.search(text)
    return found[0] if found else text.strip()


def _claims(token: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return found


def _kind(claims: Mapping[str, Any]) -> tuple[str, str, str]:
    """client, server or other; the hub of the audience; its path."""
    audience = claims.get("aud")
    if isinstance(audience, list):
        audience = next((one for one in audience if isinstance(one, str)), None)
    if not isinstance(audience, str):
        return "other", "", ""
    found = re.match(r"https?://[^/?#]*(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?", audience)
    if found is None:
        return "other", "", ""
    path = found["path"]
    if path.strip("/").lower() == "client":
        hub = re.search(r"(?:^|&)hub=([^&]*)", found["query"] or "")
        return "client", hub[1] if hub else "", path
    if path.lower().startswith("/api/"):
        return "server", "", path
    return "other", "", path


def _checks(  # noqa: PLR0913 - what the checks look at
    token: str,
    claims: dict[str, Any],
    keys: Keys,
    kind: str,
    hub: str,
    path: str,
    now: float,
    rule: AudienceRule,
    compared: bool,
) -> list[dict[str, str]]:
    """Each check by the service's own code, the later ones too when an earlier one failed."""
    rows: dict[str, dict[str, str]] = {}
    known = keys.keys or (EMULATOR_KEY,)
    try:
        TokenReader(known).read(token)
    except TokenRefused as refused:
        failed = _CHECK_OF[refused.fault]
        for name in CHECKS[: CHECKS.index(failed)]:
            rows[name] = _row(name, "passed", _PASSED[name])
        if failed == "signature" and not keys.keys:
            rows["signature"] = _row(
                "signature", "not checked", _NO_KEY.format(keys.source or _NOWHERE)
            )
        else:
            rows[failed] = _row(failed, "failed", refused.hint)
        if failed == "form":
            return [*rows.values(), *(_row(n, "not reached", "") for n in CHECKS[1:])]
    else:
        source = keys.source if keys.keys else "the official emulator, which everybody knows"
        rows |= {name: _row(name, "passed", _PASSED[name]) for name in ("form", "algorithm")}
        rows["signature"] = _row("signature", "passed", f"made with the key of {source}")
    if keys.signed is not None and "algorithm" in rows and rows["algorithm"]["state"] == "passed":
        rows["signature"] = (
            _row("signature", "passed", f"made with the key of {keys.source}")
            if keys.signed
            else _row("signature", "failed", f"not made with the key of {keys.source}")
        )
    rows.setdefault("signature", _row("signature", "not reached", ""))
    off = AudienceRule("off")
    rows["expiry"] = _ask("expiry", claims, kind, hub, path, now, off)
    fresh = {**claims, "exp": now + 3600}
    rows["audience"] = _ask("audience", fresh, kind, hub, path, now, rule)
    if not compared and rows["audience"]["state"] == "passed":
        rows["audience"]["says"] = _NOT_COMPARED[kind]
    return [rows[name] for name in CHECKS]


_NOT_COMPARED = {
    "client": "it is for this service; --hub NAME compares its hub with the one that is meant",
    "server": "it is for this service; --path PATH compares its path with that of the request",
    "other": "it is for this service",
}
_PASSED = {
    "form": "three parts of base64url, the first two JSON",
    "algorithm": "HS256 or HS512, as the service wants",
    "signature": "made with the service's key",
    "expiry": "it has not expired",
    "audience": "it is for this service and for what is asked",
}
_NO_KEY = (
    "{} to check it with; the local service makes a key for each run, which only that run knows: "
    "--service http://localhost:8888 asks it"
)
_NOWHERE = "no connection string (--app DIR, --key-setting NAME)"


def _ask(  # noqa: PLR0913 - what one check looks at
    check: str,
    claims: dict[str, Any],
    kind: str,
    hub: str,
    path: str,
    now: float,
    rule: AudienceRule,
) -> dict[str, str]:
    """One check on a copy of the claims that is signed with a key known here."""
    copy = jwt.PyJWS().encode(json.dumps(claims).encode(), _THROWAWAY, algorithm="HS256")
    try:
        if kind == "server":
            verify_server_token(copy, (_THROWAWAY,), path, now=now, rule=rule)
        else:
            verify_client_token(copy, (_THROWAWAY,), hub, now=now, rule=rule)
    except TokenRefused as refused:
        return _row(check, "failed", refused.hint)
    return _row(check, "passed", _PASSED[check])


def _row(check: str, state: str, says: str) -> dict[str, str]:
    return {"check": check, "state": state, "says": says}


def _hints(text: str, token: str, claims: Mapping[str, Any], kind: str) -> Sequence[str]:
    hints: list[str] = []
    if text.strip()[:7].lower() == "bearer ":
        hints.append(
            "the text began with 'Bearer ': as an idToken give the bare token, in a header of its own"
        )
    elif text.strip() != token and _TOKEN.search(text):
        hints.append("the token was taken out of the text around it")
    if not claims:
        hints.append(
            "a token is what negotiate answers as accessToken: eyJ..., with two dots in it"
        )
    elif kind == "other" and ("iss" in claims or "tid" in claims):
        hints.append(
            "it looks like an identity token: it says who a user is, and belongs into idToken; "
            "clients connect with the accessToken that negotiate gives"
        )
    elif kind == "client" and not user_id_of(dict(claims)):
        hints.append("it names no user: a message to a user never reaches this client")
    return hints


def refused_connection_string(setting: str, error: ConnectionStringError) -> str:
    """One line for a connection string that cannot be read, without its key."""
    return f"the connection string in '{setting}' cannot be read: {error.hint}"
