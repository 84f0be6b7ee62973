"""Streams of real clients, from the commands: the upstream gets the call, REST gives the items and the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.processes import Answer, start_host
from tests.e2e.signalr_world import (
    KEY,
    Driver,
    Functions,
    Service,
    client_token,
    free_port,
    start_service,
)
from tests.e2e.test_signalr_clients import CELLS, NODE, connected


@pytest.fixture(scope="module")
def functions(npm_packages: Path) -> Iterator[Functions]:
    made = Functions(npm_packages)
    yield made
    made.close()
    assert made.faults == []


@pytest.fixture(scope="module")
def service(functions: Functions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    started = start_service(
        functions.settings(tmp_path_factory.mktemp("service")), "--forward-streams"
    )
    yield started
    assert started.stop() == 0, started.output.text()


@pytest.fixture(params=CELLS, ids=lambda cell: "-".join(cell))
def cell(
    request: pytest.FixtureRequest, service: Service, node: str
) -> Iterator[tuple[Driver, str]]:
    transport, protocol = request.param
    with Driver(
        NODE,
        url=f"{service.url}/client/?hub=chat",
        token=client_token("s"),
        transport=transport,
        protocol=protocol,
    ) as driver:
        yield driver, connected(driver, service)


def opened(driver: Driver, functions: Functions, connection: str) -> str:
    """The id of a new stream, which upstream was given in the record and in a header."""
    driver.do("stream", target="items", arguments=["a", 2])
    event = functions.event("items", connection)
    is_json = isinstance(event.body, dict)
    names = ("type", "invocationId", "target", "arguments")
    kind, call, target, arguments = (
        [event.body[name] for name in names] if is_json else [event.body[0], *event.body[2:5]]
    )
    assert (kind, target, arguments) == (4, "items", ["a", 2])
    assert event.headers["X-Funcjson-Stream-Id"] == call
    return str(call)


def stream(service: Service, connection: str, what: str, item: object = None) -> Answer:
    mark = "&" if "?" in what else "?"
    path = f"/api/hubs/chat/connections/{connection}/streams/{what}{mark}api-version=2024-12-01"
    return service.rest(f"POST {path}", item)


def test_items_arrive_in_order_until_the_stream_is_completed(
    cell: tuple[Driver, str], service: Service, functions: Functions
) -> None:
    driver, connection = cell
    call = opened(driver, functions, connection)

    for number in range(3):
        assert stream(service, connection, f"{call}/:send", {"n": number}).status == 202
    assert [driver.expect("item")["value"] for _ in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert stream(service, connection, f"{call}/:complete").status == 202
    assert driver.expect("result")["value"] == "nothing"
    assert stream(service, connection, f"{call}/:send", 9).status == 404
    assert driver.call("echo", 1)["value"] == [1]


def test_the_last_item_may_end_it_and_so_may_an_error(
    cell: tuple[Driver, str], service: Service, functions: Functions
) -> None:
    driver, connection = cell
    call = opened(driver, functions, connection)
    assert stream(service, connection, f"{call}/:send?completed=true", ["last"]).status == 202
    assert driver.expect("item")["value"] == ["last"]
    driver.expect("result")

    call = opened(driver, functions, connection)
    assert stream(service, connection, f"{call}/:complete?reason=no%20more").status == 202
    assert driver.expect("failure")["error"] == "no more"


def test_a_client_that_cancels_gets_nothing_more(
    cell: tuple[Driver, str], service: Service, functions: Functions
) -> None:
    driver, connection = cell
    call = opened(driver, functions, connection)
    assert stream(service, connection, f"{call}/:send", 1).status == 202
    assert driver.expect("item")["value"] == 1
    driver.do("cancel")
    assert driver.call("echo", 2)["value"] == [2]  # what the client said before has been read

    gone = stream(service, connection, f"{call}/:send", 3)
    assert gone.status == 404
    assert f"no open stream '{call}'" in gone.json()["message"]


def test_a_stream_that_no_function_takes_ends_with_the_reason(cell: tuple[Driver, str]) -> None:
    driver, _ = cell
    driver.do("stream", target="missing")

    assert "Invocation failed, status code 404" in driver.expect("failure")["error"]


def test_without_the_option_both_refusals_name_it(node: str) -> None:
    service = start_service()
    try:
        with Driver(NODE, url=f"{service.url}/client/?hub=chat", token=client_token("s")) as driver:
            connection = connected(driver, service)
            driver.do("stream", target="items")
            assert "--forward-streams" in driver.expect("failure")["error"]
            assert "--forward-streams" in stream(service, connection, "0/:send", 1).json()["fix"]
        assert "--forward-streams" in service.output.text(), "the log tells it too"
    finally:
        service.kill()


HANDLER = """
module.exports = async function (context, call) {
  context.log("stream " + call.Headers["X-Funcjson-Stream-Id"]);
  context.bindings.messages = {
    connectionId: call.ConnectionId,
    target: "newMessage",
    arguments: [call.Headers["X-Funcjson-Stream-Id"], ...call.Arguments],
  };
};
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A function that tells the client the id of the stream that it was given."""
    trigger = {"hubName": "chat", "category": "messages", "event": "items"}
    files = {
        "host.json": json.dumps({"version": "2.0"}),
        "items/function.json": json.dumps(
            {
                "bindings": [
                    {"type": "signalRTrigger", "direction": "in", "name": "call", **trigger},
                    {"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"},
                ]
            }
        ),
        "items/index.js": HANDLER,
    }
    for name, text in files.items():
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "app"


def test_functions_of_a_host_stream_with_the_embedded_service(
    app: Path, tmp_path: Path, node: str
) -> None:
    port = free_port()
    where = f"Endpoint=http://localhost:{port};AccessKey={KEY};Version=1.0;"
    extra = {"AzureSignalRConnectionString": where}
    host = start_host(app, tmp_path, "--forward-streams", extra=extra, any_service_port=False)
    try:
        service = Service(host.process, host.output, f"http://localhost:{port}")
        stream_from_function(service)
        assert host.stop() == 0
    finally:
        host.kill()


def test_functions_of_a_host_stream_with_a_service_of_its_own(
    app: Path, tmp_path: Path, node: str
) -> None:
    port = free_port()
    template = {"UrlTemplate": f"http://localhost:{port}/runtime/webhooks/signalr"}
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))
    service = start_service(settings, "--forward-streams")
    where = f"Endpoint={service.url};AccessKey={KEY};Version=1.0;"
    extra = {"AzureSignalRConnectionString": where}
    host = start_host(app, tmp_path, "--port", str(port), extra=extra, any_service_port=False)
    try:
        stream_from_function(service)
        assert host.stop() == 0
    finally:
        host.kill()
        service.kill()


def stream_from_function(service: Service) -> None:
    with Driver(NODE, url=f"{service.url}/client/?hub=chat", token=client_token("s")) as driver:
        connection = connected(driver, service)
        driver.do("stream", target="items", arguments=["x"])
        ((call, argument),) = driver.messages(1)
        assert argument == "x"
        assert stream(service, connection, f"{call}/:send", 1).status == 202
        assert driver.expect("item")["value"] == 1
        assert stream(service, connection, f"{call}/:complete").status == 202
        driver.expect("result")
