"""Which access tokens are good for which request, and the distinct reason why another is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import jwt

from funcjson.signalr.errors import SignalRError

_ALGORITHMS = ("HS256", "HS512")
_ENTRA_ALGORITHMS = frozenset(("RS256", "RS384", "RS512", "PS256", "ES256"))
ENTRA_AUDIENCE = "https://signalr.azure.com"


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


class TokenReader:
    """Reads signed tokens with the keys of one service, and remembers the last good ones.

    Long polling clients and senders show the same token again and again. Only the signature is
    remembered: expiry and
    audience are checked each time. The claims it gives are shared, not to be changed.
    """

    def __init__(self, keys: Sequence[str], limit: int = 2048) -> None:
        self._keys = tuple(keys)
        self._limit = limit
        self._known: dict[str, dict[str, Any]] = {}

    def read(self, token: str) -> dict[str, Any]:
        """The claims, if any of the keys signed the token. Raises TokenRefused."""
        claims = self._known.get(token)
        if claims is None:
            claims = _signed_claims(token, self._keys)
            if len(self._known) >= self._limit:
                del self._known[next(iter(self._known))]
            self._known[token] = claims
        return claims


def verify_client_token(
    token: str | None,
    keys: Sequence[str] | TokenReader,
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
    keys: Sequence[str] | TokenReader,
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


def is_entra_token(token: str) -> bool:
    """True for a token that says it is signed with somebody's private key, as those of Microsoft Entra are."""
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
    except jwt.InvalidTokenError:
        return False
    return algorithm in _ENTRA_ALGORITHMS


def read_entra_token(token: str, *, now: float, rule: AudienceRule) -> dict[str, Any]:
    """The claims of a token of Microsoft Entra whose expiry and audience are good. Raises TokenRefused.

    The signature is NOT checked: the keys for that are Microsoft's, and a local service asks nobody.
    """
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise TokenRefused(TokenFault.MALFORMED, "the text is not a JSON Web Token") from error
    _check_expiry(claims, now, rule)
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience.rstrip("/") != ENTRA_AUDIENCE:
        shown = _shown(audience) if isinstance(audience, str) else "nobody"
        raise TokenRefused(
            TokenFault.AUDIENCE_HOST,
            f"the token is for {shown}; ask for the scope {ENTRA_AUDIENCE}/.default",
        )
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
    token: str | None, keys: Sequence[str] | TokenReader, now: float, rule: AudienceRule
) -> dict[str, Any]:
    if not token:
        raise TokenRefused(TokenFault.MISSING, "send 'Authorization: Bearer <token>'")
    claims = keys.read(token) if isinstance(keys, TokenReader) else _signed_claims(token, keys)
    _check_expiry(claims, now, rule)
    return claims


def _check_expiry(claims: dict[str, Any], now: float, rule: AudienceRule) -> None:
    expiry = claims.get("exp")
    if not isinstance(expiry, int | float) or isinstance(expiry, bool):
        raise TokenRefused(TokenFault.NO_EXPIRY, "the token needs an 'exp' claim, in seconds")
    late = now - expiry
    if late > rule.leeway_s:
        raise TokenRefused(
            TokenFault.EXPIRED, f"the token expired {int(late)} seconds ago; get a new one"
        )


def _signed_claims(token: str, keys: Sequence[str]) -> dict[str, Any]:
    """The payload if any of the keys signed it."""
    for key in keys:
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                hmac_key(key),
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
                " cannot be checked off Azure; a service started with --accept-entra takes them"
                " unchecked",
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
    own = next((known for known in sorted(rule.origins) if urlsplit(known).hostname == host), None)
    if rule.mode == "strict" and own is not None:
        scheme = urlsplit(own).scheme
        return TokenFault.AUDIENCE_HOST, (
            f"the token is for {_shown(audience)}, which has another scheme than this service:"
            f" use {scheme}://"
        )
    return TokenFault.AUDIENCE_HOST, (
        f"the token is for {_shown(audience)}, whose host is not a name of this service;"
        " start the service with --client-endpoint and that name, or name it so in the connection string"
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


def hmac_key(key: str) -> bytes:
    """The same HMAC key, long enough for PyJWT not to warn: HMAC itself pads with zero bytes."""
    return key.encode().ljust(64, b"\0")
