"""Identity-based connections: tokens of Microsoft Entra ID for REST, a fetched key for client tokens."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from funcjson.signalr.connection_string import Identity, ServiceEndpoint
from funcjson.signalr.errors import SignalRError
from funcjson.signalr.rest_errors import RestUnreachableError
from funcjson.signalr.rest_message import HINT_HEADER, RestResponse, text_of_header

SCOPE = "https://signalr.azure.com/.default"
KEY_PATH = "api/v1/auth/accessKey"

_TOKEN_MARGIN_S = 300.0
_KEY_REUSE_S = 3300.0  # as long as the SDK keeps one
_MAX_REASON_CHARS = 300


class EntraError(SignalRError):
    """No token or no key could be had.

    `str()` says what failed, `hint` why, `fix` what to do, `azure` is the SDK's text where it has one.
    """

    def __init__(self, text: str, *, hint: str, fix: str, azure: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint
        self.fix = fix
        self.azure = azure


class AccessToken(Protocol):
    """What a credential gives: the token, and the second of the epoch at which it expires."""

    @property
    def token(self) -> str: ...

    @property
    def expires_on(self) -> int: ...


class TokenCredential(Protocol):
    """What every credential of azure-identity can do. It may block."""

    def get_token(self, *scopes: str) -> AccessToken: ...


CredentialSource = Callable[[Identity], TokenCredential]
Request = Callable[[str, str, Mapping[str, str], bytes], Awaitable[RestResponse]]


def credential_of(identity: Identity) -> TokenCredential:
    """The credential of azure-identity that the settings ask for. Raises EntraError without it."""
    try:
        library: Any = importlib.import_module("azure.identity")
    except ImportError as error:
        raise EntraError(
            "the connection is identity-based, and azure-identity is not installed",
            hint="tokens for it come from Microsoft Entra ID, by way of that library, an optional extra",
            fix="pip install 'funcjson[identity]', or use a connection string with an AccessKey",
        ) from error
    name, arguments = credential_call(identity)
    credential: TokenCredential = getattr(library, name)(**arguments)
    return credential


def credential_call(identity: Identity) -> tuple[str, dict[str, str]]:
    """The class of azure-identity, and its arguments."""
    who = {"tenant_id": identity.tenant_id, "client_id": identity.client_id}
    if identity.kind == "azure.msi":
        return "ManagedIdentityCredential", _given(client_id=identity.client_id)
    if all(who.values()) and identity.client_secret:
        return "ClientSecretCredential", {**who, "client_secret": identity.client_secret}
    if all(who.values()) and identity.client_cert:
        return "CertificateCredential", {**who, "certificate_path": identity.client_cert}
    return "DefaultAzureCredential", _given(managed_identity_client_id=identity.client_id)


def _given(**arguments: str) -> dict[str, str]:
    return {name: value for name, value in arguments.items() if value}


class EntraAccess:
    """The token and the key of one endpoint, each asked for once and kept while it is good."""

    def __init__(
        self,
        endpoint: ServiceEndpoint,
        identity: Identity,
        request: Request,
        now: Callable[[], float],
        source: CredentialSource,
    ) -> None:
        self._endpoint = endpoint
        self._identity = identity
        self._request = request
        self._now = now
        self._source = source
        self._credential: TokenCredential | None = None
        self._token, self._token_until = "", 0.0
        self._keyed, self._key_until = endpoint, 0.0
        self._token_lock, self._key_lock = asyncio.Lock(), asyncio.Lock()

    async def token(self) -> str:
        """A token for REST requests. Raises EntraError."""
        async with self._token_lock:
            if self._now() >= self._token_until:
                # A credential may start a program or call the network, and it waits for either.
                found = await asyncio.to_thread(self._sign_in)
                self._token, self._token_until = found.token, found.expires_on - _TOKEN_MARGIN_S
            return self._token

    async def with_key(self) -> ServiceEndpoint:
        """The endpoint with the key for client tokens, which the service hands out. Raises EntraError."""
        async with self._key_lock:
            if self._now() >= self._key_until:
                self._keyed = await self._fetch_key()
                self._key_until = self._now() + _KEY_REUSE_S
            return self._keyed

    def _sign_in(self) -> AccessToken:
        try:
            if self._credential is None:
                self._credential = self._source(self._identity)
            return self._credential.get_token(SCOPE)
        except EntraError:
            raise
        except Exception as error:
            # The seam to another library, whose credentials raise errors of many kinds.
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise EntraError(
                f"no token for {self._endpoint.endpoint} could be had from Microsoft Entra ID",
                hint=self._without_secrets(lines[0])[:_MAX_REASON_CHARS],
                fix="sign in, for instance with `az login`, or set tenantId, clientId and clientSecret"
                " beside serviceUri",
            ) from error

    def _without_secrets(self, text: str) -> str:
        secret = self._identity.client_secret
        return text.replace(secret, "***") if secret else text

    async def _fetch_key(self) -> ServiceEndpoint:
        url = self._endpoint.server_endpoint + KEY_PATH
        headers = {"Authorization": f"Bearer {await self.token()}"}
        what = "the key for client tokens was not given"
        try:
            answer = await self._request("GET", url, headers, b"")
        except RestUnreachableError as error:
            raise EntraError(
                what, hint=f"{url}: {error.hint}", fix="check serviceUri, and that the service runs"
            ) from error
        told = text_of_header(answer.headers.get(HINT_HEADER, ""))
        if answer.status in (401, 403) and told:
            raise EntraError(
                what,
                hint=f"{url} answered {answer.status}: {told}",
                fix="start the local service with --accept-entra, or use its connection string",
            )
        if answer.status in (401, 403):
            raise EntraError(
                what,
                hint=f"{url} answered {answer.status}: the identity may not have keys of this service",
                fix="give the identity the role 'SignalR Service Owner' at the service; it can take"
                " up to 30 minutes to take effect",
                azure="The given AzureAD identity don't have the permission to generate access token.",
            )
        key, key_id = _key_in(answer.body) if 200 <= answer.status < 300 else ("", "")
        if not (key and key_id):
            raise EntraError(
                what,
                hint=f"{url} answered {answer.status} without AccessKey and KeyId",
                fix="check serviceUri: it must be the URL of an Azure SignalR service",
            )
        return replace(self._endpoint, access_key=key, key_id=key_id)


def _key_in(body: bytes) -> tuple[str, str]:
    """AccessKey and KeyId of the answer, in any letter case; empty when they are not there."""
    try:
        found = json.loads(body)
    except ValueError:
        return "", ""
    members = {k.lower(): v for k, v in found.items()} if isinstance(found, dict) else {}
    return str(members.get("accesskey") or ""), str(members.get("keyid") or "")
