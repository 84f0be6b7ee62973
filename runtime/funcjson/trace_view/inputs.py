"""Step 5 of a trace: what the handler got, with the claims of access tokens beside what they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import jwt

from funcjson.bindings.base import Resolved
from funcjson.masking import Shown
from funcjson.model import TypedData
from funcjson.plan import Plan

_TOKEN_MEMBERS = ("accessToken", "accesstoken")


def input_rows(
    plan: Plan,
    inputs: Sequence[tuple[str, TypedData]],
    resolved: Sequence[Resolved],
    now: float,
    shown: Shown,
) -> list[dict[str, Any]]:
    """A row for each argument of the handler, the trigger's first."""
    by_name = {one.binding.name: one for one in resolved}
    rows = []
    for name, value in inputs:
        binding = by_name.get(name)
        is_trigger = name == plan.function.trigger.name and binding is None
        row: dict[str, Any] = {
            "name": name,
            "type": plan.function.trigger.type
            if is_trigger
            else (binding and binding.binding.type),
            "kind": next(iter(value), "nothing"),
            "value": "see step 1" if is_trigger else typed_value(value, shown),
            "tokens": [],
        }
        if binding is not None:
            row["tokens"] = [
                token_view(token, now, shown, claim_sources(binding)) for token in _tokens(value)
            ]
        rows.append(row)
    return rows


def typed_value(value: TypedData, shown: Shown) -> Any:
    """Typed data as JSON."""
    if not value:
        return None
    kind, content = next(iter(value.items()))
    if kind in ("json", "string") and isinstance(content, str):
        looks_json = kind == "json" or content.strip()[:1] in ("{", "[")
        return shown.json_text(content) if looks_json else shown.text(content)
    if kind == "bytes":
        return f"({len(content)} bytes)"
    return shown.value(content)


def _tokens(value: TypedData) -> Iterator[str]:
    """The access tokens in an input's value."""
    text = value.get("json") or value.get("string")
    if not isinstance(text, str) or "ccess" not in text:
        return
    try:
        yield from _walk(json.loads(text))
    except (ValueError, RecursionError):
        return


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            if name in _TOKEN_MEMBERS and isinstance(member, str):
                yield member
            else:
                yield from _walk(member)
    elif isinstance(value, list):
        for member in value:
            yield from _walk(member)


def token_view(
    token: str, now: float, shown: Shown, sources: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A token without its signature: header, and each claim with what it means and comes from."""
    try:
        header = jwt.get_unverified_header(token)
        payload = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {
            "readable": False,
            "characters": len(token),
            "header": None,
            "claims": [],
            "expiresInS": None,
        }
    known = sources or {}
    return {
        "readable": True,
        "characters": len(token),
        "header": shown.value({key: header[key] for key in ("alg", "typ") if key in header}),
        "claims": [
            {
                "claim": shown.text(name),
                "value": shown.value(value, _own_name(name)),
                "means": meaning(name, value, now),
                "from": known.get(name, known.get("*", "")),
            }
            for name, value in payload.items()
        ],
        "expiresInS": _left(payload.get("exp"), now),
    }


def _own_name(claim: str) -> str:
    # Claims of a token are what a person asked to see; only those that carry other secrets hide.
    return claim if claim.lower() in ("at_hash_token", "refresh_token", "password") else ""


def _left(expiry: Any, now: float) -> int | None:
    return int(expiry - now) if isinstance(expiry, int | float) else None


def meaning(claim: str, value: Any, now: float) -> str:
    """What a claim is for, in a few words; times as dates."""
    text = _MEANINGS.get(claim, "")
    if claim in ("exp", "nbf", "iat") and isinstance(value, int | float):
        when = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        away = int(value - now)
        if claim == "exp":
            text = f"in {away} s" if away >= 0 else f"{-away} s ago"
            return f"expires {when}, {text}"
        return f"{text} {when}"
    return text


_MEANINGS: Mapping[str, str] = {
    "asrs.s.uid": "the user id",
    "nameid": "the user id (older name), or the name of a sender",
    "sub": "the subject; the user id when there is no other",
    "aud": "where the token is good for",
    "nbf": "not before",
    "iat": "issued",
    "asrs.s.aut": "how the caller was authenticated",
}


def claim_sources(resolved: Resolved) -> dict[str, str]:
    """Claim -> the property (with its text and place) that it comes from."""
    written = resolved.binding.properties

    def prop(name: str) -> str:
        place = resolved.where(name)
        text = written.get(name)
        at = f" ({place.file}:{place.line})" if place.line else ""
        return f'"{name}": {json.dumps(text, ensure_ascii=False)}{at}'

    sources = {
        "aud": f"{prop('hubName')} and the service's endpoint",
        "exp": "the clock: one hour after iat",
        "nbf": "the clock",
        "iat": "the clock",
    }
    if written.get("userId") is not None:
        sources["asrs.s.uid"] = prop("userId")
    if written.get("idToken") is not None and written.get("claimTypeList"):
        sources["*"] = f"{prop('idToken')}, named in {prop('claimTypeList')}"
    return sources


def input_rules(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What these inputs teach."""
    rules: list[str] = []
    for row in rows:
        for token in row["tokens"]:
            names = {claim["claim"] for claim in token["claims"]}
            rules += ["token-offline", "token-hour", "token-audience"]
            rules.append("token-user" if "asrs.s.uid" in names else "token-no-user")
            if any("claimTypeList" in claim["from"] for claim in token["claims"]):
                rules.append("token-claims")
    return rules
