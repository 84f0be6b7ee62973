"""Which SignalR endpoint a connection setting leads to."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from funcjson.errors import ConnectionStringInvalid, Location, SettingNotFound
from funcjson.local_service import EmbeddedService, Need, find_need
from funcjson.services import HostServices
from funcjson.settings import Settings, load_settings
from funcjson.signalr.connection_string import Identity
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import HttpTransport, RestError, RestResponse
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.service import ServiceOptions

NAME = "AzureSignalRConnectionString"
WHERE = Location("negotiate/function.json", 9, 5, "/bindings/1/connectionStringSetting")
AZURE = "Endpoint=https://x.service.signalr.net;AccessKey=KEYKEYKEY;Version=1.0;"


def settings(**values: str) -> Settings:
    return load_settings(Path("/nonexistent"), values)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def embedded(need: Need) -> EmbeddedService:
    return EmbeddedService(
        SignalRServer(ServiceOptions(port=0, keys=("LOCALKEY",))), need, "LOCALKEY"
    )


def services(values: dict[str, str], service: EmbeddedService | None = None) -> HostServices:
    return HostServices(settings(**values), service, HttpTransport())


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "   ",
        "<connection-string>",
        "<SIGNALR_CONNECTION_STRING>",
        "your-connection-string-here",
    ],
)
def test_without_a_connection_string_the_local_service_is_needed(value: str | None) -> None:
    values = {} if value is None else {NAME: value}

    assert find_need(settings(**values), [NAME], False).default


def test_whatever_name_the_setting_has() -> None:
    assert find_need(settings(**{NAME: AZURE}), [NAME, "MyOwnSetting"], False).default


def test_with_a_connection_string_that_service_is_used() -> None:
    assert not find_need(settings(**{NAME: AZURE}), [NAME], False)
    (found,) = services({NAME: AZURE}).endpoints(NAME, WHERE)
    assert found.endpoint == "https://x.service.signalr.net"


def test_a_loopback_endpoint_where_nothing_listens_is_served_there_with_its_key() -> None:
    port = free_port()
    text = f"Endpoint=http://localhost;Port={port};AccessKey=EMULATORKEY;Version=1.0;"

    need = find_need(settings(**{NAME: text}), [NAME], False)

    assert (need.default, need.port, need.keys) == (False, port, ("EMULATORKEY",))


def test_https_on_this_machine_is_served_as_http_with_a_word() -> None:
    port = free_port()
    secure = f"Endpoint=https://localhost;Port={port};AccessKey=EMULATORKEY;Version=1.0;"

    (note,) = find_need(settings(**{NAME: secure}), [NAME], False).notes
    assert (note.code, str(note.where)) == ("FJ0129", f"environment variable {NAME}")
    assert f"Endpoint=http://localhost;Port={port};" in note.fix
    assert "EMULATORKEY" not in str(note)
    assert find_need(settings(**{NAME: secure.replace("https", "http")}), [NAME], False).notes == ()


def test_a_loopback_endpoint_where_something_listens_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        text = f"Endpoint=http://127.0.0.1:{other.getsockname()[1]};AccessKey=K;Version=1.0;"

        assert not find_need(settings(**{NAME: text}), [NAME], False)


def test_an_absent_setting_leads_to_the_local_service() -> None:
    service = embedded(Need(default=True))

    assert services({}, service).endpoints("AnyName", WHERE) == (service.endpoint,)


def test_a_replaced_endpoint_leads_to_the_local_service() -> None:
    service = embedded(Need(endpoints=("http://localhost:1234",)))
    text = "Endpoint=http://localhost:1234;AccessKey=K;"

    assert services({NAME: text}, service).endpoints(NAME, WHERE) == (service.endpoint,)


def test_a_missing_setting_names_it_and_the_place() -> None:
    with pytest.raises(SettingNotFound) as caught:
        services({}).endpoints("Nowhere", WHERE)

    problem = caught.value.problems[0]
    assert "'Nowhere'" in problem.what
    assert problem.where == WHERE


def test_a_malformed_connection_string_is_explained_without_its_key() -> None:
    with pytest.raises(ConnectionStringInvalid) as caught:
        services({NAME: "Endpoint=nothttp;AccessKey=TOPSECRETKEY;"}).endpoints(NAME, WHERE)

    assert "TOPSECRETKEY" not in str(caught.value)
    assert NAME in caught.value.problems[0].what


def test_a_blank_setting_name_is_refused() -> None:
    with pytest.raises(SettingNotFound):
        services({NAME: AZURE}).endpoints("  ", WHERE)


def test_the_endpoint_of_the_local_service_is_what_its_connection_string_says() -> None:
    service = embedded(Need(default=True))

    assert isinstance(service.endpoint, ServiceEndpoint)
    assert service.endpoint.access_key == "LOCALKEY"


EAST = {"Azure__SignalR__Endpoints__east__serviceUri": "https://east.service.signalr.net/"}


def test_a_named_identity_counts_as_an_endpoint_and_has_no_key() -> None:
    east, own = services({NAME: AZURE, **EAST}).endpoints(NAME, WHERE)

    assert (east.name, east.endpoint) == ("east", "https://east.service.signalr.net")
    assert (east.access_key, east.identity) == (None, Identity("azure"))
    assert own.endpoint == "https://x.service.signalr.net"


def test_with_a_named_identity_the_local_service_is_not_needed() -> None:
    assert not find_need(settings(**EAST), [NAME], False)


async def answers_until_the_third(values: dict[str, str]) -> int:
    """How many requests a message takes when the service is busy for two of them; 0 if it fails."""
    calls: list[str] = []

    class Busy(HttpTransport):
        async def request(
            self, method: str, url: str, headers: Mapping[str, str], body: bytes
        ) -> RestResponse:
            calls.append(url)
            return RestResponse(503 if len(calls) < 3 else 202)

    found = HostServices(settings(**{NAME: AZURE, **values}), None, Busy())
    client = found.rest(found.endpoints(NAME, WHERE)[0])
    try:
        await client.send_to_all("chat", "news", [])
    except RestError:
        return 0
    return len(calls)


@pytest.mark.parametrize(("retries", "requests"), [("3", 3), ("2", 3), ("1", 0), ("0", 0)])
async def test_the_settings_of_retries_count(retries: str, requests: int) -> None:
    values = {"AzureSignalRRetry__MaxRetries": retries, "AzureSignalRRetry__Delay": "00:00:00"}

    assert await answers_until_the_third(values) == requests


class Limits(HttpTransport):
    """Keeps the time limit of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float | None] = []

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float | None = None,
    ) -> RestResponse:
        self.seen.append(timeout_s or self.timeout_s)
        return RestResponse(202)


async def test_the_setting_of_the_time_out_counts_for_the_versions_that_have_it() -> None:
    transport = Limits()
    for value in ("00:00:07", "", "soon", "00:00:03"):
        values = {NAME: AZURE, "AzureSignalRHttpClientTimeout": value}
        version = HostServices(settings(**values), None, transport)
        await version.rest(version.endpoints(NAME, WHERE)[0]).send_to_all("chat", "news", [])

    assert transport.seen == [7, 100, 100, 3]


@pytest.mark.parametrize("name", ["AzureSignalRHttpClientTimeout", "AzureSignalRRetry__Delay"])
def test_a_time_that_cannot_be_read_is_told(name: str, caplog: pytest.LogCaptureFixture) -> None:
    HostServices(settings(**{name: "soon"}), None, HttpTransport())

    assert name.replace("__", ":") in caplog.text
    assert "'soon' is not a time" in caplog.text


FRAMES = "Azure__SignalR__HubProtocol__MessagePack__Enabled"


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        ("True", "application/octet-stream"),
        ("false", "application/json; charset=utf-8"),
        ("", "application/json; charset=utf-8"),
        ("enabled", "application/json; charset=utf-8"),
    ],
)
async def test_messagepack_can_be_enabled(
    value: str, content_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    class Recording(HttpTransport):
        async def request(
            self, method: str, url: str, headers: Mapping[str, str], body: bytes
        ) -> RestResponse:
            seen.append(headers["Content-Type"])
            return RestResponse(202)

    found = HostServices(settings(**{NAME: AZURE, FRAMES: value}), None, Recording())
    (endpoint,) = found.endpoints(NAME, WHERE)
    await found.rest(endpoint).send_to_all("chat", "m", [])

    assert seen == [content_type]
    told = "MessagePack:Enabled: 'enabled' is neither true nor false; the default is used"
    assert (told in caplog.text) == (value == "enabled")
