"""Access tokens and signatures: made with the key of a connection string, and checked with it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import jwt

from funcjson.signalr.connection_string import (
    ConnectionStringError,
    EndpointType,
    Identity,
    ServiceEndpoint,
    parse_connection_string,
)
from funcjson.signalr.errors import SignalRError

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
    "TokenRefused",
    "TokenTooLongError",
    "audience_rule",
    "challenge",
    "claims_from_id_token",
    "client_audience",
    "client_url",
    "mint_client_token",
    "mint_server_token",
    "parse_connection_string",
    "sign_connection",
    "user_claims",
    "user_id_of",
    "verify_client_token",
    "verify_server_token",
    "verify_signature",
]

MAX_TOKEN_CHARS = 4096
LIFETIME_S = 3600

Claim = tuple[str, Any]  # type and JSON value; a type may come several times

_ALGORITHMS = ("HS256", "HS512")
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
    """The audience of a client token: based on Endpoint even with a ClientEndpoint, and without the
    port.
    """
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
            f" identity-based"
            " connections need Azure: use a connection string with AccessKey here"
        )
    issued = int(now)
    payload = _merge(claims)
    payload.update({"nbf": issued, "exp": issued + lifetime_s, "iat": issued, "aud": audience})
    token = jwt.PyJWS(algorithms=["HS256"]).encode(
        _sound_utf8(json.dumps(payload, separators=(",", ":"), ensure_ascii=False)),
        _hmac_key(key),
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


def _hmac_key(key: str) -> bytes:
    """The same HMAC key, long enough for PyJWT not to warn: HMAC itself pads with zero bytes."""
    return key.encode().ljust(64, b"\0")


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


# Verifying


class TokenFault(StrEnum):
    """Why a token was refused; each check has its own word."""

    MISSING = "missing"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    NO_EXPIRY = "no expiry"
    EXPIRED = "expired"
    NO_AUDIENCE = "no audience"
    AUDIENCE_HOST = "audience host"
    AUDIENCE_PATH = "audience path"
    AUDIENCE_HUB = "audience hub"


class TokenRefused(SignalRError):
    """A token that is not good for this request.

    `hint` says what was found and what is needed, without the token.
    """

    def __init__(self, fault: TokenFault, hint: str) -> None:
        super().__init__(f"{fault}: {hint}")
        self.fault = fault
        self.hint = hint


@dataclass(frozen=True, slots=True)
class AudienceRule:
    """Which audiences are this service. The port never matters.

    local: the host is one of `hosts`, any scheme. strict: scheme://host is one of `origins`. off:
    not checked at all.
    """

    mode: Literal["strict", "local", "off"] = "local"
    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    origins: frozenset[str] = frozenset()

    @property
    def leeway_s(self) -> int:
        """How long past its expiry a token is still taken; .NET's default is five minutes."""
        return 300 if self.mode == "strict" else 30


def audience_rule(mode: Literal["strict", "local", "off"], *urls: str) -> AudienceRule:
    """The rule of a service that is known by these URLs, beside the names of this machine."""
    known = [parts for parts in map(urlsplit, urls) if parts.hostname]
    own = AudienceRule()
    return AudienceRule(
        mode,
        hosts=own.hosts | {parts.hostname or "" for parts in known},
        origins=frozenset(f"{parts.scheme}://{parts.hostname}" for parts in known),
    )


def verify_client_token(
    token: str | None,
    keys: Sequence[str],
    hub: str,
    *,
    now: float,
    rule: AudienceRule,
    request_host: str = "",
) -> dict[str, Any]:
    """The claims of a token that lets a client into `hub`. Raises TokenRefused."""
    claims = _verified(token, keys, now, rule)

    def fault_of(audience: str) -> tuple[TokenFault, str] | None:
        parts = urlsplit(audience)
        if parts.path.strip("/").lower() != "client":
            return TokenFault.AUDIENCE_PATH, (
                f"the token is for {_shown(audience)}, a client needs one for"
                f" /client/?hub={hub.lower()}"
            )
        found = parse_qs(parts.query).get("hub", [""])[0]
        if found.lower() != hub.lower():
            return TokenFault.AUDIENCE_HUB, (
                f"the token is for hub '{found}', the request for hub '{hub}'"
            )
        return None

    _check_audience(claims, rule, request_host, fault_of)
    return claims


def verify_server_token(
    token: str | None,
    keys: Sequence[str],
    path: str,
    *,
    now: float,
    rule: AudienceRule,
    request_host: str = "",
) -> dict[str, Any]:
    """The claims of a token that allows a REST request to `path` (as sent, escaped, without query).

    A query, a trailing "/" and the port in the audience do not matter, nor does the letter case of
    the hub, nor
    whether ids are escaped: SDKs of different years differ in all of these. Raises TokenRefused.
    """
    claims = _verified(token, keys, now, rule)
    wanted = _comparable(path)

    def fault_of(audience: str) -> tuple[TokenFault, str] | None:
        found = _comparable(urlsplit(audience).path)
        if found == wanted:
            return None
        extra = "; a client's access token does not work for REST" if found == "/client" else ""
        return TokenFault.AUDIENCE_PATH, (
            f"the token is for {_shown(audience)}, the request for {path}{extra}"
        )

    _check_audience(claims, rule, request_host, fault_of)
    return claims


def challenge(refused: TokenRefused) -> str:
    """The WWW-Authenticate header that the real service answers."""
    text = {
        TokenFault.MISSING: "",
        TokenFault.EXPIRED: "The token is expired",
        TokenFault.NO_EXPIRY: "The token has no expiration",
        TokenFault.SIGNATURE: "The signature is invalid",
        TokenFault.MALFORMED: "The token is malformed",
        TokenFault.ALGORITHM: "The signature algorithm is not supported",
    }.get(refused.fault, "The audience is invalid")
    return f'Bearer error="invalid_token", error_description="{text}"' if text else "Bearer"


def _verified(
    token: str | None, keys: Sequence[str], now: float, rule: AudienceRule
) -> dict[str, Any]:
    if not token:
        raise TokenRefused(TokenFault.MISSING, "send 'Authorization: Bearer <token>'")
    claims = _signed_claims(token, keys)
    expiry = claims.get("exp")
    if not isinstance(expiry, int | float) or isinstance(expiry, bool):
        raise TokenRefused(TokenFault.NO_EXPIRY, "the token needs an 'exp' claim, in seconds")
    late = now - expiry
    if late > rule.leeway_s:
        raise TokenRefused(
            TokenFault.EXPIRED, f"the token expired {int(late)} seconds ago; get a new one"
        )
    return claims


def _signed_claims(token: str, keys: Sequence[str]) -> dict[str, Any]:
    """The payload if any of the keys signed it."""
    for key in keys:
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                _hmac_key(key),
                algorithms=_ALGORITHMS,
                # Expiry and audience are checked by our own rules; the service ignores the others.
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_iss": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidAlgorithmError, NotImplementedError) as error:
            raise TokenRefused(
                TokenFault.ALGORITHM,
                "the token must be signed with HS256 or HS512 and the access key; tokens of"
                " Microsoft Entra"
                " cannot be checked off Azure",
            ) from error
        except jwt.InvalidTokenError as error:
            raise TokenRefused(TokenFault.MALFORMED, "the text is not a JSON Web Token") from error
        return found
    raise TokenRefused(
        TokenFault.SIGNATURE,
        "the token was signed with another key: the connection string of whoever made it must"
        " hold this"
        " service's AccessKey",
    )


_AudienceCheck = Callable[[str], tuple[TokenFault, str] | None]


def _check_audience(
    claims: dict[str, Any], rule: AudienceRule, request_host: str, fault_of: _AudienceCheck
) -> None:
    """One good audience is enough; of several bad ones the first is reported."""
    if rule.mode == "off":
        return
    given = claims.get("aud")
    audiences = [
        one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)
    ]
    faults: list[tuple[TokenFault, str]] = []
    for audience in audiences:
        try:
            fault = fault_of(audience) or _host_fault(audience, rule, request_host)
        except ValueError:  # urlsplit: not a URL at all
            fault = TokenFault.AUDIENCE_PATH, "the token's audience is not a URL"
        if fault is None:
            return
        faults.append(fault)
    if not faults:
        raise TokenRefused(
            TokenFault.NO_AUDIENCE, "the token needs an 'aud' claim, a URL of this service"
        )
    raise TokenRefused(*faults[0])


def _host_fault(
    audience: str, rule: AudienceRule, request_host: str
) -> tuple[TokenFault, str] | None:
    parts = urlsplit(audience)
    host = parts.hostname or ""
    if rule.mode == "strict":
        origin = f"{parts.scheme}://{host}"
        good = origin in rule.origins
    else:
        good = host in rule.hosts or (host != "" and host == _host_name(request_host))
    if good:
        return None
    return TokenFault.AUDIENCE_HOST, (
        f"the token is for {_shown(audience)}, whose host is not a name of this service;"
        " set ClientEndpoint or the service's public endpoint to that name"
    )


def _host_name(host_header: str) -> str:
    """The name in a Host header, without its port, which clients often leave out or get wrong."""
    try:
        return urlsplit(f"//{host_header}").hostname or ""
    except ValueError:
        return ""


def _comparable(path: str) -> str:
    segments = unquote(path).split("/")
    if segments and segments[-1] == "":
        segments.pop()
    for index, segment in enumerate(segments[:-1]):
        if segment in ("hubs", "hub"):
            segments[index + 1] = segments[index + 1].lower()
            break
    return "/".join(segments)


def _shown(audience: str) -> str:
    """An audience for a person: long ones cut, no control characters (the text may become a
    header).
    """
    text = "".join(char if char.isprintable() else "?" for char in audience)
    return text if len(text) <= 200 else text[:200] + "..."


# Claims, as the service reads them


def user_id_of(claims: dict[str, Any]) -> str | None:
    """The user of a client token: asrs.s.uid, else the first of nameid, sub and its long name; ""
    is nobody.
    """
    found = claims.get("asrs.s.uid")
    if found is None:
        found = next((value for name, value in claims.items() if name in _USER_ID_CLAIMS), None)
    if isinstance(found, list):
        found = found[0] if found else None
    if found is None or isinstance(found, dict):
        return None
    return _as_text(found) or None


def user_claims(claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The claims that an app may see, as text: the service's own are left out, renamed ones get
    their name back.
    """
    for name, value in claims.items():
        if name.startswith(SYSTEM_PREFIX):
            continue
        for one in value if isinstance(value, list) else [value]:
            yield name.removeprefix(USER_PREFIX), _as_text("" if one is None else one)


# Signatures of upstream requests


def sign_connection(keys: Iterable[str], connection_id: str) -> str:
    """The X-ASRS-Signature header: one entry per key, joined without a space since receivers do not
    trim.
    """
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
