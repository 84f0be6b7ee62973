"""Who the caller is: a persona as the four headers, cookie and answers that Azure would give it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jwt

# How App Service and Static Web Apps name and shape things differently.
Shape = Literal["app-service", "static-web-apps"]

COOKIE = "AppServiceAuthSession"
SESSION_S = 8 * 3600.0
PROVIDERS = ("aad", "github", "google", "facebook", "twitter", "apple")

_SOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
NAME_ID = f"{_SOAP}/nameidentifier"
NAME = f"{_SOAP}/name"
EMAIL = f"{_SOAP}/emailaddress"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
_BETWEEN = re.compile("[^a-z0-9]")
_BUILT_IN_ROLES = ("anonymous", "authenticated")


@dataclass(frozen=True, slots=True)
class Persona:
    """A user to sign in as. `claims` are (type, value) beside those that follow from the rest."""

    id: str
    name: str
    provider: str = "aad"
    roles: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A persona of the app's file, by its name there. `provider` counts when it has none of its own."""

    name: str
    provider: str = "aad"


class NotAPersona(ValueError):
    """The JSON does not describe a persona; the text says why."""


# What a persona is described with, in lower case.
MEMBERS = frozenset(
    ("id", "userid", "user_id", "name", "userdetails", "provider", "identityprovider")
) | {"provider_name", "roles", "userroles", "claims"}


def persona_from(value: Any, name: str = "", provider: str = "aad") -> Persona:
    """A persona from JSON: `{"id", "name", "provider", "roles", "claims"}`, or Static Web Apps' names.

    Every member is optional but one of id and name. Raises NotAPersona.
    """
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict):
        raise NotAPersona('a persona is an object such as {"name": "alice"}')
    members = {key.lower(): member for key, member in value.items()}
    known = _first(members, "name", "userdetails")
    user_id = _first(members, "id", "userid", "user_id")
    label = known or name or user_id
    if not label:
        raise NotAPersona('a persona needs a "name" or an "id"')
    return checked(
        Persona(
            id=user_id or label,
            name=label,
            provider=_first(members, "provider", "identityprovider", "provider_name") or provider,
            roles=tuple(
                role
                for role in _texts(members.get("roles", members.get("userroles")))
                if role.lower() not in _BUILT_IN_ROLES
            ),
            claims=tuple(_claims(members.get("claims"))),
        )
    )


def checked(persona: Persona) -> Persona:
    """The persona, if its texts can be the values of headers. Raises NotAPersona."""
    for text in (persona.id, persona.name, persona.provider):
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
            raise NotAPersona(
                "an id, a name and a provider have no line ends or control characters"
            )
    pairs = (text for pair in persona.claims for text in pair)
    for text in (persona.id, persona.name, persona.provider, *persona.roles, *pairs):
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise NotAPersona("a text has half a character (a surrogate such as \\ud800)")
    return persona


def is_principal_header(name: str) -> bool:
    """Whether any framework may take a header of this name for one that says who the caller is.

    WSGI, CGI and PHP know `-`, `_` and `.` as one sign, so only letters and digits count.
    """
    return _BETWEEN.sub("", name.lower()).startswith("xmsclientprincipal")


def principal_headers(
    persona: Persona, shape: Shape = "app-service"
) -> tuple[tuple[str, str], ...]:
    """The four headers that reach the function."""
    principal = static_web_apps(persona) if shape == "static-web-apps" else app_service(persona)
    text = json.dumps(principal, ensure_ascii=False, separators=(",", ":"))
    return (
        ("X-MS-CLIENT-PRINCIPAL", base64.b64encode(text.encode()).decode()),
        ("X-MS-CLIENT-PRINCIPAL-ID", persona.id),
        ("X-MS-CLIENT-PRINCIPAL-NAME", persona.name),
        ("X-MS-CLIENT-PRINCIPAL-IDP", persona.provider),
    )


def app_service(persona: Persona) -> dict[str, Any]:
    """The object inside App Service's header."""
    return {
        "auth_typ": persona.provider,
        "claims": claims_of(persona),
        "name_typ": EMAIL if persona.provider == "aad" else NAME,
        "role_typ": ROLE,
    }


def static_web_apps(persona: Persona) -> dict[str, Any]:
    """The client principal of Static Web Apps."""
    return {
        "identityProvider": persona.provider,
        "userId": persona.id,
        "userDetails": persona.name,
        "userRoles": [*_BUILT_IN_ROLES, *persona.roles],
    }


def claims_of(persona: Persona) -> list[dict[str, str]]:
    """All claims; one that the persona has itself replaces the derived one of its type."""
    derived = [(NAME_ID, persona.id), (NAME, persona.name)]
    if persona.provider == "aad":
        derived += [(EMAIL, persona.name), ("preferred_username", persona.name)]
    own = {kind for kind, _ in persona.claims}
    pairs = [pair for pair in derived if pair[0] not in own]
    pairs += [(ROLE, role) for role in persona.roles]
    return [{"typ": kind, "val": text} for kind, text in (*pairs, *persona.claims)]


def me(persona: Persona | None, shape: Shape) -> Any:
    """What /.auth/me answers; App Service has nothing to say to a caller that is not signed in."""
    if shape == "static-web-apps":
        if persona is None:
            return {"clientPrincipal": None}
        return {"clientPrincipal": static_web_apps(persona) | {"claims": claims_of(persona)}}
    if persona is None:
        return []
    return [
        {
            "provider_name": persona.provider,
            "user_claims": claims_of(persona),
            "user_id": persona.name,
        }
    ]


def seal(who: Persona | Named, key: bytes, now: float) -> str:
    """A persona as a signed cookie value: by its name when the app's file has it, else as a whole."""
    end = int(now + SESSION_S)
    if isinstance(who, Named):
        return jwt.encode({"of": who.name, "idp": who.provider, "exp": end}, key, "HS256")
    persona = who
    claims = {
        "sub": persona.id,
        "name": persona.name,
        "idp": persona.provider,
        "roles": persona.roles,
        "claims": persona.claims,
        "exp": end,
    }
    return jwt.encode(claims, key, "HS256")


def unseal(cookie: str, key: bytes, now: float) -> Persona | Named | None:
    """Who a cookie value is of, None when it was not signed with this key or has expired."""
    try:
        # The clock is the caller's, so that expiry can be tested without waiting.
        claims = jwt.decode(
            cookie, key, ["HS256"], options={"verify_exp": False, "require": ["exp"]}
        )
    except jwt.InvalidTokenError:
        return None
    if claims["exp"] <= now:
        return None
    if "of" in claims:
        return Named(claims["of"], claims["idp"])
    return Persona(
        claims["sub"],
        claims["name"],
        claims["idp"],
        tuple(claims["roles"]),
        tuple((kind, text) for kind, text in claims["claims"]),
    )


def cookie_value(header: str, name: str = COOKIE) -> str | None:
    """The value of one cookie of a Cookie header."""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return None


def _first(members: Mapping[str, Any], *names: str) -> str:
    """The first member that says something, as text."""
    for name in names:
        value = members.get(name)
        if value is None or value == "":
            continue
        if not _is_text(value):
            raise NotAPersona(f"'{name}' is a text")
        return str(value).strip()
    return ""


def _texts(value: Any) -> list[str]:
    """A list of texts, or one text with commas or line ends."""
    if isinstance(value, str):
        value = value.replace("\n", ",").split(",")
    items = [] if value is None else value
    if not isinstance(items, list) or not all(_is_text(item) for item in items):
        raise NotAPersona('roles are a list such as ["admin", "editor"], or one text with commas')
    return [text for item in items if (text := str(item).strip())]


def _is_text(value: Any) -> bool:
    """Whether a value is a text, or a number that somebody wrote without quotation marks."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _claims(value: Any) -> Iterable[tuple[str, str]]:
    """`{type: value or values}`, or a list of `{"typ", "val"}`."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "[]")
        except (ValueError, RecursionError) as error:
            raise NotAPersona("claims must be JSON") from error
    if value is None:
        return
    if isinstance(value, dict):
        value = [{"typ": kind, "val": text} for kind, text in value.items()]
    if not isinstance(value, list):
        raise NotAPersona('claims are an object such as {"groups": ["a", "b"]}')
    for claim in value:
        if not (isinstance(claim, dict) and isinstance(claim.get("typ"), str) and "val" in claim):
            raise NotAPersona(_A_CLAIM)
        texts = claim["val"]
        for text in texts if isinstance(texts, list) else [texts]:
            yield claim["typ"], _claim_text(text)


_A_CLAIM = 'a claim is {"typ": "...", "val": "..."}'


def _claim_text(value: Any) -> str:
    """A claim's value as a reader of JSON Web Tokens in .NET gives it: all but text stays JSON, nothing is empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
