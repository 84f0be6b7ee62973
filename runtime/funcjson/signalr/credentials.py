"""Access tokens and signatures: made with the key of a connection string, and checked with it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import jwt

from funcjson.signalr.connection_string import (
    ConnectionStringError,
    EndpointType,
    Identity,
    ServiceEndpoint,
    parse_connection_string,
)
from funcjson.signalr.errors import SignalRError
from funcjson.signalr.token_check import (
    AudienceRule,
    TokenFault,
    TokenReader,
    TokenRefused,
    audience_rule,
    challenge,
    hmac_key,
    is_entra_token,
    read_entra_token,
    verify_client_token,
    verify_server_token,
)

__all__ = [
    "MAX_TOKEN_CHARS",
    "AudienceRule",
    "Claim",
    "ConnectionStringError",
    "EndpointType",
    "IdTokenError",
    "Identity",
    "KeyMissingError",
    "ServiceEndpoint",
    "TokenFault",
    "TokenReader",
    "TokenRefused",
    "TokenTooLongError",
    "audience_rule",
    "challenge",
    "claims_from_id_token",
    "client_audience",
    "client_url",
    "is_entra_token",
    "mint_client_token",
    "mint_server_token",
    "parse_connection_string",
    "read_entra_token",
    "sign_connection",
    "user_claims",
    "user_id_of",
    "verify_client_token",
    "verify_server_token",
    "verify_signature",
]

MAX_TOKEN_CHARS = 4096
LIFETIME_S = 3600

_SIGNER = jwt.PyJWS(algorithms=["HS256"])  # making one costs a fifth of making a token

Claim = tuple[str, Any]  # type and JSON value; a type may come several times

_NAME_IDENTIFIER = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
_USER_ID_CLAIMS = ("nameid", "sub", _NAME_IDENTIFIER)
SYSTEM_PREFIX = "asrs.s."
USER_PREFIX = "asrs.u."

# Claims that would collide with the token's own; the first four by the extension, the others by the
# SDK beneath it.
_RESERVED = frozenset(
    ("aud", "exp", "iat", "nbf", "iss", "actort", "acr", "azp", "c_hash", "jti", "nonce")
)
_SHORT_NAMES = {  # long .NET claim types that the SDK shortens on output
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "role",
    _NAME_IDENTIFIER: "nameid",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": "email",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "unique_name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname": "given_name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname": "family_name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "upn",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/groupsid": "groupsid",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarysid": "primarysid",
}


class TokenTooLongError(SignalRError):
    """A finished token longer than the service takes."""


class IdTokenError(SignalRError):
    """The text given as idToken is not a JSON Web Token that can be read. It is never shown."""


class KeyMissingError(SignalRError):
    """An identity-based connection has no key to sign with; only Azure can issue one."""


# URLs and audiences


def client_url(endpoint: ServiceEndpoint, hub: str) -> str:
    """Where a client of the hub connects.

    The hub is lower-cased and not escaped, as the SDK does.
    """
    return f"{endpoint.client_endpoint}client/?hub={hub.lower()}"


def client_audience(endpoint: ServiceEndpoint, hub: str) -> str:
    """The audience of a client token: from Endpoint, also with a ClientEndpoint; never a port."""
    return f"{endpoint.audience_base}client/?hub={hub.lower()}"


# Minting


def mint_client_token(  # noqa: PLR0913 -- each is a member of the token
    endpoint: ServiceEndpoint,
    hub: str,
    *,
    now: float,
    user_id: str | None = None,
    claims: Iterable[Claim] = (),
    lifetime_s: int = LIFETIME_S,
    kid: str | None = None,
) -> str:
    """An access token for one client of one hub.

    `user_id` "" makes an empty claim, None makes none.

    `claims` follow the user id in their order; `asrs.s.aut` and the like are claims as any other
    here.
    Raises TokenTooLongError and KeyMissingError.
    """
    first = [] if user_id is None else [("asrs.s.uid", user_id)]
    return _mint(endpoint, [*first, *claims], client_audience(endpoint, hub), now, lifetime_s, kid)


def mint_server_token(
    endpoint: ServiceEndpoint,
    path: str,
    *,
    now: float,
    name: str = "",
    lifetime_s: int = LIFETIME_S,
    kid: str | None = None,
) -> str:
    """A token for one REST request.

    `path` is the request's path with its query, without the leading "/".
    """
    claims = [("nameid", name)] if name else []
    return _mint(endpoint, claims, endpoint.audience_base + path, now, lifetime_s, kid)


def _mint(
    endpoint: ServiceEndpoint,
    claims: Iterable[Claim],
    audience: str,
    now: float,
    lifetime_s: int,
    kid: str | None,
) -> str:
    key = endpoint.access_key
    if key is None:
        raise KeyMissingError(
            f"the connection to {endpoint.endpoint} is identity-based and has no access key;"
            " such connections need Azure: use a connection string with AccessKey here"
        )
    issued = int(now)
    payload = _merge(claims)
    payload.update({"nbf": issued, "exp": issued + lifetime_s, "iat": issued, "aud": audience})
    token = _SIGNER.encode(
        _sound_utf8(json.dumps(payload, separators=(",", ":"), ensure_ascii=False)),
        hmac_key(key),
        algorithm="HS256",
        headers={"kid": kid or endpoint.key_id or _key_id(key)},
        json_encoder=_HeaderEncoder,
        sort_headers=False,
    )
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenTooLongError("AccessToken must not be longer than 4K.")
    return token


class _HeaderEncoder(json.JSONEncoder):
    """The SDK's order of header members, which PyJWT has otherwise."""

    def encode(self, o: Any) -> str:
        return super().encode({name: o[name] for name in ("alg", "typ", "kid") if name in o})


def _merge(claims: Iterable[Claim]) -> dict[str, Any]:
    """Claims as payload members: a type that comes several times becomes an array."""
    values: dict[str, list[Any]] = {}
    for name, value in claims:
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _sound_utf8(text: str) -> bytes:
    """UTF-8 in which a lone surrogate is U+FFFD, as .NET's encoder makes it."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _key_id(key: str) -> str:
    """A stable name for the key that tells nothing of it.

    The SDK's own is another number in each process.
    """
    return str(int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big"))


# Claims of an idToken


def claims_from_id_token(
    id_token: str | None, claim_type_list: Collection[str] | None
) -> list[Claim]:
    """The claims of an identity token whose types are in the list, in token order, renamed as the
    SDK does.

    The token is read, not validated. Without a token or a list it is not even parsed. Raises
    IdTokenError.
    """
    if id_token is None or not claim_type_list:
        return []
    try:
        payload = jwt.decode(id_token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise IdTokenError(_unreadable(id_token)) from error
    wanted = frozenset(claim_type_list)
    return list(_renamed((name, value) for name, value in _flat(payload) if name in wanted))


def _flat(payload: dict[str, Any]) -> Iterator[Claim]:
    for name, value in payload.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, "" if one is None else one


def _renamed(claims: Iterable[Claim]) -> Iterator[Claim]:
    sub_seen = False
    for name, value in claims:
        if name in _RESERVED or (name == "sub" and sub_seen):
            yield USER_PREFIX + name, _as_text(value)
        else:
            sub_seen = sub_seen or name == "sub"
            yield _SHORT_NAMES.get(name, name), value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _unreadable(id_token: str) -> str:
    if id_token[:7].lower() == "bearer ":
        return (
            "idToken starts with 'Bearer ': give the bare token, in a header of its own;"
            " {headers.authorization} never works here"
        )
    if not id_token:
        return "idToken is empty: leave the property out, or send a token"
    return "idToken is not a JSON Web Token: it must be three base64url parts joined by dots"


# Claims, as the service reads them


def user_id_of(claims: dict[str, Any]) -> str | None:
    """The user: asrs.s.uid, else the first of nameid, sub and its long name. "" is nobody."""
    found = claims.get("asrs.s.uid")
    if found is None:
        found = next((value for name, value in claims.items() if name in _USER_ID_CLAIMS), None)
    if isinstance(found, list):
        found = found[0] if found else None
    if found is None or isinstance(found, dict):
        return None
    return _as_text(found) or None


def user_claims(claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The claims an app may see, as text: without the service's own, renamed ones named back."""
    for name, value in claims.items():
        if name.startswith(SYSTEM_PREFIX):
            continue
        for one in value if isinstance(value, list) else [value]:
            yield name.removeprefix(USER_PREFIX), _as_text("" if one is None else one)


# Signatures of upstream requests


def sign_connection(keys: Iterable[str], connection_id: str) -> str:
    """The X-ASRS-Signature header: an entry per key. No space between: receivers do not trim."""
    return ",".join(_signature(key, connection_id) for key in keys)


def verify_signature(keys: Iterable[str], connection_id: str, header: str | None) -> bool:
    """True if any entry was made with any of the keys.

    Entries are not trimmed; letter case does not matter.
    """
    if not header:
        return False
    entries = [entry.lower().encode() for entry in header.split(",")]
    expected = [_signature(key, connection_id).encode() for key in keys]
    return any(hmac.compare_digest(entry, one) for one in expected for entry in entries)


def _signature(key: str, connection_id: str) -> str:
    digest = hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()
    return f"sha256={digest}"
