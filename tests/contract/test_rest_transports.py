"""The REST client says and hears the same whether the service is behind a socket or in this
process.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.conformance.rest_world import KEY, World

from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import (
    HttpTransport,
    LocalTransport,
    RestClient,
    Retry,
    Transport,
)
from funcjson.signalr.rest_errors import (
    RestInvalidArgumentError,
    RestUnauthorizedError,
    RestUnreachableError,
)
from funcjson.signalr.rest_message import RestRequest

ONCE = Retry(max_retries=0)


class Service:
    """The world's REST surface on a real port, and the client under test."""

    def __init__(self, world: World, transport: Transport, port: int) -> None:
        self.world = world
        self.transport = transport
        self.endpoint = ServiceEndpoint(f"http://127.0.0.1:{port}", access_key=KEY)

    def client(self, key: str = KEY) -> RestClient:
        endpoint = ServiceEndpoint(self.endpoint.endpoint, access_key=key)
        return RestClient(endpoint, self.transport, retry=ONCE, now=self.world.clock)


@pytest.fixture(params=["http", "local"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    world = World({"clients": {"A": {"user": "a/b ü"}, "B": {}}})

    async def handle(asked: web.BaseRequest) -> web.StreamResponse:
        path, _, query = asked.raw_path.partition("?")
        headers = {name.lower(): value for name, value in asked.headers.items()}
        found = await world.api.handle(
            RestRequest(asked.method, path, query, headers, await asked.read())
        )
        return web.Response(status=found.status, headers=found.headers, body=found.body)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    http = HttpTransport()
    local = LocalTransport(world.api.handle)
    yield Service(world, http if request.param == "http" else local, port)
    await http.close()
    await runner.cleanup()


async def test_a_send_reaches_its_user_and_tells_how_many(service: Service) -> None:
    delivery = await service.client().send_to_user("Chat", "a/b ü", "m", [1, "é"])

    assert (delivery.status, delivery.delivered, delivery.why) == (202, 1, "")
    assert json.loads(delivery.body) == {"Target": "m", "Arguments": [1, "é"]}
    await service.world.clients["A"].transport.arrived.wait()
    assert service.world.clients["A"].take() == [["m", [1, "é"]]]


async def test_frames_reach_clients_of_both_protocols(service: Service) -> None:
    service.world.connect({"M": {"protocol": "messagepack"}})
    rest = RestClient(
        service.endpoint, service.transport, retry=ONCE, now=service.world.clock, as_frames=True
    )
    delivery = await rest.send_to_all("chat", "m", [{"n": 1.5}, None])

    assert (delivery.status, delivery.delivered, delivery.why) == (202, 3, "")
    for client in service.world.clients.values():
        await client.transport.arrived.wait()
        assert client.take() == [["m", [{"n": 1.5}, None]]]


async def test_a_send_to_nobody_is_accepted_and_says_why(service: Service) -> None:
    delivery = await service.client().send_to_group("chat", "größe", "m", None)

    assert (delivery.status, delivery.delivered) == (202, 0)
    assert "no group 'größe'" in delivery.why


async def test_group_actions(service: Service) -> None:
    client = service.client()
    connection = service.world.clients["B"].session.id
    joined = await client.add_connection_to_group("chat", connection, "g")
    assert joined.status == 200
    assert await client.group_exists("chat", "g") is True
    assert (await client.remove_connection_from_group("chat", connection, "g")).status == 200

    assert await client.group_exists("chat", "g") is False
    assert (await client.add_user_to_group("chat", "u", "g")).status == 200
    assert await client.user_in_group("chat", "u", "g") is True
    assert (await client.remove_user_from_group("chat", "u", "g")).status == 204
    assert (await client.remove_user_from_all_groups("chat", "u")).status == 204


async def test_joining_an_absent_connection_is_no_failure(service: Service) -> None:
    delivery = await service.client().add_connection_to_group("chat", "gone", "g")

    assert (delivery.status, delivery.why) == (404, "no such connection")


async def test_a_wrong_key_is_unauthorized_and_says_so(service: Service) -> None:
    with pytest.raises(RestUnauthorizedError) as caught:
        await service.client("z" * 44).send_to_all("chat", "m", [])

    assert "signed" in caught.value.hint


async def test_a_wrong_hub_name_shows_the_services_reason(service: Service) -> None:
    with pytest.raises(RestInvalidArgumentError, match="Invalid hub name"):
        await service.client().send_to_all("my-hub", "m", [])


async def test_presence_of_a_connection(service: Service) -> None:
    client = service.client()

    assert await client.connection_exists("chat", service.world.clients["A"].session.id) is True
    assert await client.connection_exists("chat", "gone") is False


async def test_nothing_listening_is_told_as_the_sdk_does() -> None:
    runner = web.ServerRunner(web.Server(lambda _request: None))  # type: ignore[arg-type, return-value]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    await runner.cleanup()  # the port is free again
    transport = HttpTransport()
    client = RestClient(ServiceEndpoint(f"http://127.0.0.1:{port}", access_key=KEY), transport)
    with pytest.raises(RestUnreachableError) as caught:
        await client.send_to_all("chat", "m", [])
    await transport.close()

    assert str(caught.value).startswith(
        f"An error happened when making request to http://127.0.0.1:{port}/"
    )
    assert caught.value.timed_out is False


async def test_a_service_that_never_answers_is_a_time_out(service: Service) -> None:
    transport = HttpTransport(timeout_s=0.000001)
    client = RestClient(service.endpoint, transport, retry=ONCE)
    with pytest.raises(RestUnreachableError) as caught:
        await client.send_to_all("chat", "m", [])
    await transport.close()

    assert caught.value.timed_out is True
