"""Identity-based connections: which credential, one sign-in, one key, and why none could be had."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from funcjson.signalr.connection_string import Identity, ServiceEndpoint
from funcjson.signalr.entra import (
    SCOPE,
    EntraAccess,
    EntraError,
    credential_call,
    credential_of,
)
from funcjson.signalr.rest_errors import unreachable
from funcjson.signalr.rest_message import RestResponse

ENDPOINT = ServiceEndpoint("https://x.service.signalr.net", identity=Identity("azure"))
URL = "https://x.service.signalr.net/api/v1/auth/accessKey"
KEY = RestResponse(200, {}, json.dumps({"AccessKey": "K" * 40, "KeyId": "17"}).encode())


@dataclass
class Token:
    token: str
    expires_on: int


class Credential:
    def __init__(self, error: Exception | None = None) -> None:
        self.scopes: list[str] = []
        self._error = error

    def get_token(self, *scopes: str) -> Token:
        self.scopes += scopes
        if self._error is not None:
            raise self._error
        return Token(f"token{len(self.scopes)}", 1000 + 3600 * len(self.scopes))


class World:
    """One endpoint, its clock, its credential, and what the service answers."""

    def __init__(
        self,
        answer: RestResponse = KEY,
        credential: Credential | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.now = 1000.0
        self.credential = credential or Credential()
        self.requests: list[tuple[str, str, str]] = []
        self._answer = answer
        self.access = EntraAccess(
            ENDPOINT,
            identity or Identity("azure"),
            self._request,
            lambda: self.now,
            lambda _identity: self.credential,
        )

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], _body: bytes
    ) -> RestResponse:
        self.requests.append((method, url, headers["Authorization"]))
        await asyncio.sleep(0)
        if self._answer.status == 0:
            raise unreachable(url, "refused")
        return self._answer


@pytest.mark.parametrize(
    ("identity", "name", "arguments"),
    [
        (Identity("azure"), "DefaultAzureCredential", {}),
        (Identity("aad", "c"), "DefaultAzureCredential", {"managed_identity_client_id": "c"}),
        (Identity("azure.msi"), "ManagedIdentityCredential", {}),
        (Identity("azure.msi", "c"), "ManagedIdentityCredential", {"client_id": "c"}),
        (
            Identity("azure", "c", "t", "s"),
            "ClientSecretCredential",
            {"tenant_id": "t", "client_id": "c", "client_secret": "s"},
        ),
        (
            Identity("azure.app", "c", "t", "", "/a.pem"),
            "CertificateCredential",
            {"tenant_id": "t", "client_id": "c", "certificate_path": "/a.pem"},
        ),
        (Identity("azure", "", "t", "s"), "DefaultAzureCredential", {}),
    ],
)
def test_the_settings_choose_the_credential(
    identity: Identity, name: str, arguments: dict[str, str]
) -> None:
    assert credential_call(identity) == (name, arguments)


def test_the_credentials_are_those_of_the_official_library() -> None:
    tenant = "00000000-0000-0000-0000-000000000000"

    found = credential_of(Identity("azure", "client", tenant, "secret"))

    assert type(found).__module__.startswith("azure.identity")
    assert type(found).__name__ == "ClientSecretCredential"
    assert callable(credential_of(Identity("azure")).get_token)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)

    with pytest.raises(EntraError) as caught:
        credential_of(Identity("azure"))

    assert "azure-identity is not installed" in str(caught.value)
    assert "funcjson[identity]" in caught.value.fix


async def test_one_token_is_kept_until_shortly_before_it_expires() -> None:
    world = World()

    assert await asyncio.gather(*(world.access.token() for _ in range(5))) == ["token1"] * 5
    world.now += 3299
    assert await world.access.token() == "token1"
    world.now += 1
    assert await world.access.token() == "token2"
    assert world.credential.scopes == [SCOPE, SCOPE]


async def test_one_key_is_kept_for_55_minutes() -> None:
    world = World()

    found = await asyncio.gather(*(world.access.with_key() for _ in range(5)))
    world.now += 3299
    await world.access.with_key()
    assert world.requests == [("GET", URL, "Bearer token1")]
    assert {(one.access_key, one.key_id) for one in found} == {("K" * 40, "17")}
    world.now += 1
    await world.access.with_key()
    assert len(world.requests) == 2


async def test_a_local_service_says_how_it_would_take_the_token() -> None:
    refused = RestResponse(401, {"x-funcjson-hint": "tokens of Microsoft Entra cannot be checked"})
    with pytest.raises(EntraError) as caught:
        await World(refused).access.with_key()

    assert caught.value.hint == f"{URL} answered 401: tokens of Microsoft Entra cannot be checked"
    assert "--accept-entra" in caught.value.fix


@pytest.mark.parametrize("status", [401, 403])
async def test_an_identity_without_the_role(status: int) -> None:
    with pytest.raises(EntraError) as caught:
        await World(RestResponse(status)).access.with_key()

    assert "SignalR Service Owner" in caught.value.fix
    assert caught.value.azure == (
        "The given AzureAD identity don't have the permission to generate access token."
    )


@pytest.mark.parametrize(
    "answer",
    [
        RestResponse(404),
        RestResponse(200, {}, b"<html>"),
        RestResponse(200, {}, b"[]"),
        RestResponse(200, {}, b"\xff"),
        RestResponse(200, {}, b'{"AccessKey": "k"}'),
        RestResponse(500, {}, KEY.body),
        RestResponse(0),
    ],
)
async def test_an_answer_without_a_key(answer: RestResponse) -> None:
    with pytest.raises(EntraError) as caught:
        await World(answer).access.with_key()

    assert URL in caught.value.hint
    assert "serviceUri" in caught.value.fix


async def test_failures_are_not_kept() -> None:
    world = World(RestResponse(403))
    for _ in range(2):
        with pytest.raises(EntraError):
            await world.access.with_key()

    assert len(world.requests) == 2


async def test_a_failed_sign_in_tells_the_first_line_and_no_secret() -> None:
    world = World(
        credential=Credential(RuntimeError("no login with s3cretvalue\nsecond line")),
        identity=Identity("azure", "c", "t", "s3cretvalue"),
    )

    with pytest.raises(EntraError) as caught:
        await world.access.token()

    assert caught.value.hint == "no login with ***"
    assert "az login" in caught.value.fix
    assert "s3cretvalue" not in repr(Identity("azure", "c", "t", "s3cretvalue"))
