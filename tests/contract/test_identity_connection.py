"""An identity-based connection over real HTTP: bearer tokens for REST, a fetched key for clients."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from tests.conformance.rest_world import entra_token

from funcjson.bindings import signalr, signalr_connection_info, signalr_negotiation
from funcjson.bindings.base import Resolved
from funcjson.errors import ConnectionStringInvalid, FuncJsonError, Location, Problem
from funcjson.model import Binding, Direction
from funcjson.services import HostServices
from funcjson.settings import load_settings
from funcjson.signalr.credentials import Identity
from funcjson.signalr.entra import SCOPE
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.rest_client import HttpTransport
from funcjson.signalr.server import serve

NAME = "AzureSignalRConnectionString"
KEY = "fetched-key-" + "k" * 30


@dataclass
class Token:
    token: str = "entra-token"
    expires_on: int = 1 << 40


class Credential:
    """What a user's login would be."""

    def __init__(self) -> None:
        self.identities: list[Identity] = []
        self.scopes: list[str] = []

    def __call__(self, identity: Identity) -> Credential:
        self.identities.append(identity)
        return self

    def get_token(self, *scopes: str) -> Token:
        self.scopes += scopes
        return Token()


class Service:
    """A service that knows no access key of ours, only the bearer of one token."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 0
        self.requests: list[tuple[str, str, Any]] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.method, request.path, json.loads(body) if body else None))
        if request.headers.get("Authorization") != "Bearer entra-token":
            return web.Response(status=401)
        if self.status:
            return web.Response(status=self.status)
        if request.path == "/api/v1/auth/accessKey":
            return web.json_response({"AccessKey": KEY, "KeyId": "kid-of-service"})
        return web.Response(status=202)


class World:
    def __init__(self, service: Service, transport: HttpTransport) -> None:
        self.service = service
        self.credential = Credential()
        self._transport = transport

    def services(self, **settings: str) -> HostServices:
        given = {f"{NAME}__serviceUri": self.service.url, **settings}
        found = load_settings(Path("/nonexistent"), given)
        return HostServices(found, None, self._transport, self.credential)

    async def negotiate(self, **settings: str) -> dict[str, str]:
        value = await signalr_connection_info.bind(
            resolved("signalRConnectionInfo", userId="ann"), self.services(**settings)
        )
        found: dict[str, str] = json.loads(value["string"])
        return found

    async def send(self, **settings: str) -> None:
        output = resolved("signalR")
        items = signalr.collect({"json": '{"target": "news", "arguments": [1]}'}, output)
        await signalr.flush(items, output, self.services(**settings), lambda _delivery: None)


def resolved(kind: str, **properties: Any) -> Resolved:
    direction = Direction.OUT if kind == "signalR" else Direction.IN
    values = {"hubName": "Chat", **properties}
    binding = Binding("b", kind, direction, values, "/bindings/1")
    return Resolved(binding, values, lambda pointer: Location("f", 1, 1, pointer))


def first(error: FuncJsonError) -> Problem:
    return error.problems[0]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    service, transport = Service(), HttpTransport()
    runner = web.ServerRunner(web.Server(service))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    service.url = f"http://{host}:{port}"
    yield World(service, transport)
    await transport.close()
    await runner.cleanup()


async def test_client_tokens_are_signed_with_the_key_of_the_service(world: World) -> None:
    info = await world.negotiate()

    assert info["url"] == f"{world.service.url}/client/?hub=chat"
    assert jwt.get_unverified_header(info["accessToken"])["kid"] == "kid-of-service"
    claims = jwt.decode(
        info["accessToken"], KEY, ["HS256"], audience="http://127.0.0.1/client/?hub=chat"
    )
    assert claims["asrs.s.uid"] == "ann"
    assert world.service.requests == [("GET", "/api/v1/auth/accessKey", None)]
    assert world.credential.scopes == [SCOPE]


async def test_messages_carry_the_token(world: World) -> None:
    await world.send()

    sent = ("POST", "/api/hubs/chat/:send", {"Target": "news", "Arguments": [1]})
    assert world.service.requests == [sent]


async def test_the_settings_beside_service_uri_count(world: World) -> None:
    info = await world.negotiate(
        AzureSignalRConnectionString__clientEndpoint="https://gateway/signalr",
        AzureSignalRConnectionString__clientId="client",
        AzureSignalRConnectionString__tenantId="tenant",
        AzureSignalRConnectionString__clientSecret="TOPSECRET",
    )

    assert info["url"] == "https://gateway/signalr/client/?hub=chat"
    assert world.credential.identities == [Identity("azure", "client", "tenant", "TOPSECRET")]


async def test_named_identities_negotiate_beside_the_unnamed_one(world: World) -> None:
    services = world.services(
        Azure__SignalR__Endpoints__east__serviceUri=world.service.url,
        AzureSignalRServiceTransportType="Persistent",
    )

    value = await signalr_negotiation.bind(resolved("signalRNegotiation"), services)

    endpoints = json.loads(value["json"])["endpoints"]
    assert [one["name"] for one in endpoints] == ["east", ""]
    assert all(one["connectionInfo"]["accessToken"] for one in endpoints)


async def test_a_connection_string_of_identity_kind_works_too(world: World) -> None:
    text = f"Endpoint={world.service.url};AuthType=azure.msi;clientId=me;"

    assert (await world.negotiate(**{NAME: text}))["accessToken"]
    assert world.credential.identities == [Identity("azure.msi", "me")]


class SignedIn(Credential):
    """A credential whose tokens have Microsoft's form."""

    def get_token(self, *scopes: str) -> Token:
        assert scopes == (SCOPE,)
        return Token(entra_token("https://signalr.azure.com", time.time() + 3600))


async def test_a_local_service_that_accepts_identities(world: World) -> None:
    options = ServiceOptions(port=0, keys=("k" * 44,), accept_entra=True)
    async with serve(options) as server, aiohttp.ClientSession() as http:
        world.service.url, world.credential = server.url, SignedIn()

        info = await world.negotiate()
        await world.send()
        async with http.post(
            info["url"].replace("/client/", "/client/negotiate"),
            headers={"Authorization": f"Bearer {info['accessToken']}"},
        ) as answer:
            assert answer.status == 200


async def test_a_local_service_that_does_not_says_how(world: World) -> None:
    async with serve(ServiceOptions(port=0, keys=("k" * 44,))) as server:
        world.service.url, world.credential = server.url, SignedIn()
        with pytest.raises(FuncJsonError) as refused:
            await world.negotiate()

    assert "--accept-entra" in first(refused.value).fix


async def test_a_missing_role_is_told(world: World) -> None:
    world.service.status = 403

    with pytest.raises(FuncJsonError) as negotiated:
        await world.negotiate()
    with pytest.raises(FuncJsonError) as sent:
        await world.send()

    assert first(negotiated.value).code == "FJ0307"
    assert first(sent.value).code == "FJ0411"
    for error in (negotiated.value, sent.value):
        assert "SignalR Service Owner" in first(error).fix


@pytest.mark.parametrize("uri", ["x.service.signalr.net", "ftp://x", "https://"])
async def test_a_service_uri_that_is_no_url_is_told(world: World, uri: str) -> None:
    services = world.services(AzureSignalRConnectionString__serviceUri=uri)

    with pytest.raises(ConnectionStringInvalid) as caught:
        services.endpoints(NAME, Location("f"))

    assert "serviceUri must" in first(caught.value).why
    assert f"{NAME}__serviceUri" in first(caught.value).fix
