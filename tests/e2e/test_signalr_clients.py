"""Real SignalR clients and the service as a process: the official one in Node and in a browser, two for Python.

Each negotiates at a function, as in a real app; upstream requests are checked as the SignalR extension checks them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.e2e.conftest import need
from tests.e2e.processes import SECRET
from tests.e2e.signalr_world import (
    Driver,
    Functions,
    Proxy,
    Service,
    client_token,
    free_port,
    start_service,
)
from tests.e2e.test_browser import FLAGS

NODE = ("node", "signalr_client.mjs")
PYSIGNALR = (sys.executable, "signalr_pysignalr.py")
SIGNALRCORE = (sys.executable, "signalr_signalrcore.py")
# The pairs that the official client can do.
CELLS = [
    ("WebSockets", "json"),
    ("WebSockets", "messagepack"),
    ("ServerSentEvents", "json"),
    ("LongPolling", "json"),
    ("LongPolling", "messagepack"),
]
STREAM_REFUSED = "Invocation failed, streaming is not supported in serverless mode."


@pytest.fixture(scope="module")
def functions(npm_packages: Path) -> Iterator[Functions]:
    made = Functions(npm_packages)
    yield made
    made.close()
    assert made.faults == [], "the SignalR extension would have refused these"


@pytest.fixture(scope="module")
def service(functions: Functions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = functions.settings(tmp_path_factory.mktemp("service"))
    started = start_service(settings, "--keep-alive", "1", "--trace", "-")
    functions.service_url = started.url
    yield started
    assert started.stop() == 0, started.output.text()
    leaked = SECRET.search(started.output.text())
    assert leaked is None, f"a secret was printed: {leaked and leaked.group()[:20]}"


def connected(driver: Driver, service: Service) -> str:
    driver.do("start")
    connection: str = driver.expect("connected")["id"]
    path = f"/api/hubs/chat/connections/{connection}?api-version=2022-06-01"
    assert service.rest(f"HEAD {path}").status == 200
    return connection


# The official client in Node


@pytest.fixture(params=CELLS, ids=lambda cell: "-".join(cell))
def cell(
    request: pytest.FixtureRequest, functions: Functions, service: Service, node: str
) -> Iterator[tuple[Driver, str]]:
    """A connected client of each kind, and its connection id."""
    transport, protocol = request.param
    user = f"{transport}-{protocol}"
    with Driver(
        NODE,
        url=f"{functions.url}/api/{user}",
        transport=transport,
        protocol=protocol,
        serverTimeout=2500,
    ) as driver:
        connection = connected(driver, service)
        event = functions.event("connected", connection)
        assert (event.user, event.category, event.body) == (user, "connections", {"type": 10})
        yield driver, connection


def test_node_gets_what_rest_sends(cell: tuple[Driver, str], service: Service) -> None:
    driver, connection = cell
    user = next(
        each["userId"]
        for each in service.state()["chat"]["connections"]
        if each["id"] == connection
    )
    group = f"/api/hubs/chat/groups/g/connections/{connection}?api-version=2022-06-01"
    assert service.rest(f"PUT {group}").status == 200

    service.send("", "to all", {"é": [1.5, None, True]})
    service.send(f"/users/{user}", "to its user")
    service.send("/groups/g", "to its group")
    service.send(f"/connections/{connection}", "to itself")
    service.send("", target="unknownTarget")
    service.send("", "x" * 100_000)
    service.send("")

    assert driver.messages(4) == [
        ["to all", {"é": [1.5, None, True]}],
        ["to its user"],
        ["to its group"],
        ["to itself"],
    ]
    assert driver.messages(2) == [["x" * 100_000], []]


def test_node_calls_functions(cell: tuple[Driver, str], functions: Functions) -> None:
    driver, connection = cell

    assert driver.call("echo", "a", 1, {"b": [2.5, None]}) == {
        "event": "result",
        "value": ["a", 1, {"b": [2.5, None]}],
    }
    assert driver.call("void") == {"event": "result", "value": "nothing"}
    failed = driver.call("fail")["error"]
    assert "it failed" in failed
    assert "Invocation failed, status code 404" in driver.call("missing")["error"]
    driver.do("send", target="note", arguments=["n"])
    assert functions.event("note", connection).category == "messages"
    driver.do("stream", target="items")
    assert STREAM_REFUSED in driver.expect("failure")["error"]
    assert driver.call("echo") == {"event": "result", "value": []}


def test_node_answers_calls(cell: tuple[Driver, str], service: Service) -> None:
    _, connection = cell

    answer = service.invoke(connection, "ask", 21)
    assert (answer.status, answer.json()) == (200, {"result": 42})
    missing = service.invoke(connection, "noHandler")
    assert (missing.status, missing.json()["message"]) == (400, "Client didn't provide a result.")
    assert "return a value" in missing.json()["fix"]
    broken = service.invoke(connection, "broken")
    assert broken.status == 400
    assert "the handler failed" in broken.json()["message"]
    assert "handler of 'broken' failed" in broken.json()["fix"]


def test_node_stays_connected_while_nothing_happens(cell: tuple[Driver, str]) -> None:
    driver, _ = cell

    driver.do("idle", milliseconds=4000)  # longer than the client's patience without a ping

    assert driver.next() == {"event": "idle", "state": "Connected"}
    assert driver.call("echo", 1)["value"] == [1]


def test_node_hears_why_it_was_closed(
    cell: tuple[Driver, str], service: Service, functions: Functions
) -> None:
    driver, connection = cell

    service.close(connection, "bye")

    closed = driver.expect("closed")["error"]
    assert closed == "Server returned an error on close: bye"
    assert functions.event("disconnected", connection).body == {"type": 11, "error": "bye"}
    path = f"/api/hubs/chat/connections/{connection}?api-version=2022-06-01"
    assert service.rest(f"HEAD {path}").status == 404


def test_node_closed_without_a_reason_has_no_error(
    cell: tuple[Driver, str], service: Service
) -> None:
    driver, connection = cell

    service.close(connection)

    assert driver.expect("closed") == {"event": "closed", "error": None}


def test_node_stops_cleanly(
    cell: tuple[Driver, str], service: Service, functions: Functions
) -> None:
    driver, connection = cell

    driver.do("stop")

    assert driver.expect("closed") == {"event": "closed", "error": None}
    assert functions.event("disconnected", connection).body == {"type": 11}
    connections = service.state().get("chat", {}).get("connections", [])
    assert connection not in [each["id"] for each in connections]


def test_node_cannot_have_messagepack_over_server_sent_events(service: Service, node: str) -> None:
    proxy = Proxy(service.port)
    try:
        with Driver(
            NODE,
            url=f"{proxy.url}/client/?hub=chat",
            token=client_token("x"),
            transport="ServerSentEvents",
            protocol="messagepack",
        ) as driver:
            driver.do("start")
            assert "does not support Binary" in driver.expect("refused")["error"]
        assert len(proxy.requests) == 1, "one negotiate and nothing else"
    finally:
        proxy.close()


@pytest.mark.parametrize(
    ("protocol", "transport"), [("json", "ServerSentEvents"), ("messagepack", "LongPolling")]
)
def test_node_falls_back_when_upgrades_are_blocked(
    service: Service, node: str, protocol: str, transport: str
) -> None:
    proxy = Proxy(service.port, blocks_upgrades=True)
    try:
        with Driver(
            NODE, url=f"{proxy.url}/client/?hub=chat", token=client_token("x"), protocol=protocol
        ) as driver:
            connection = connected(driver, service)
            found = {each["id"]: each for each in service.state()["chat"]["connections"]}
            assert found[connection]["transport"] == transport
            assert driver.call("echo", 1)["value"] == [1]
    finally:
        proxy.close()


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
def test_node_without_negotiate(
    service: Service, functions: Functions, node: str, protocol: str
) -> None:
    with Driver(
        NODE,
        url=f"{service.url}/client/?hub=chat",
        token=client_token(f"direct-{protocol}"),
        transport="WebSockets",
        protocol=protocol,
        skipsNegotiation=True,
    ) as driver:
        driver.do("start")
        assert driver.expect("connected") == {"event": "connected", "id": None}
        event = functions.event("connected", user=f"direct-{protocol}")
        service.send(f"/connections/{event.connection}", "hello")
        assert driver.messages(1) == [["hello"]]


def test_node_as_samples_of_2018_connect(service: Service, node: str) -> None:
    """Their functions gave endpoint and accessKey, which the page handed to withUrl itself."""
    with Driver(NODE, url=f"{service.url}/client/?hub=chat", token=client_token("old")) as driver:
        connected(driver, service)
        service.send("/users/old", "hello")
        assert driver.messages(1) == [["hello"]]


def test_node_is_told_why_a_token_does_not_let_it_in(service: Service, node: str) -> None:
    token = client_token("x", aud="http://localhost/client/?hub=other")
    with Driver(NODE, url=f"{service.url}/client/?hub=chat", token=token) as driver:
        driver.do("start")
        assert "Status code '401'" in driver.expect("refused")["error"]
    assert "the token is for hub 'other', the request for hub 'chat'" in service.output.text()


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
def test_node_loses_nothing_when_its_socket_breaks(
    service: Service, functions: Functions, node: str, protocol: str
) -> None:
    proxy = Proxy(service.port)
    try:
        with Driver(
            NODE,
            url=f"{proxy.url}/client/?hub=chat",
            token=client_token("stateful"),
            transport="WebSockets",
            protocol=protocol,
            stateful=True,
        ) as driver:
            connection = connected(driver, service)
            functions.event("connected", connection)
            for number in range(1, 4):
                service.send(f"/connections/{connection}", number)
            assert driver.messages(1) == [[1]]
            proxy.cut()
            for number in range(4, 8):
                service.send(f"/connections/{connection}", number)
            driver.do("invoke", target="echo", arguments=["still there"])

            found = [driver.next() for _ in range(7)]
            assert [each["arguments"] for each in found if each["event"] == "message"] == [
                [number] for number in range(2, 8)
            ]
            (result,) = (each for each in found if each["event"] != "message")
            assert result == {"event": "result", "value": ["still there"]}
            assert functions.names(connection) == ["echo"], "upstream noticed nothing"
            driver.do("stop")
            assert driver.expect("closed") == {"event": "closed", "error": None}
            assert functions.event("disconnected", connection).body == {"type": 11}
    finally:
        proxy.close()


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_node_reconnects_to_a_service_that_comes_back(
    functions: Functions, node: str, ending: str
) -> None:
    port = free_port()
    first = start_service(None, port=port)
    second = None
    try:
        with Driver(
            NODE,
            url=f"{first.url}/client/?hub=chat",
            token=client_token("x"),
            transport="WebSockets",
            reconnects=True,
        ) as driver:
            before = connected(driver, first)
            getattr(first, ending)()
            error = driver.expect("reconnecting")["error"]
            assert (error is None) is (ending == "stop"), error
            second = start_service(None, port=port)
            after = driver.expect("reconnected")["id"]
            assert after != before
            second.send("", "welcome back")
            assert driver.messages(1) == [["welcome back"]]
            driver.do("stop")
            driver.expect("closed")
        assert second.stop() == 0
    finally:
        for each in (first, second):
            if each is not None:
                each.kill()


# The official client in a browser, on a page of another origin


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=need("chromium"), args=list(FLAGS))
        yield launched
        launched.close()


def note(errors: list[str], kind: str, text: str) -> None:
    expected = ("404 (Not Found)", "WebSocket connection to", "Connection disconnected with error")
    if kind == "error" and not any(each in text for each in expected):
        errors.append(text)


@pytest.fixture
def page(browser: Browser, functions: Functions, service: Service) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(15_000)
    context.add_cookies([{"name": "session", "value": "1", "url": functions.url}])
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    # A message that is still on its way when the client stops may find no connection any more.
    opened.on("console", lambda said: note(errors, said.type, said.text))
    opened.goto(f"{functions.url}/page")
    yield opened
    context.close()
    assert errors == []


@pytest.mark.parametrize(("transport", "protocol"), CELLS)
def test_browser(
    page: Page, service: Service, functions: Functions, transport: str, protocol: str
) -> None:
    user = f"browser-{transport}-{protocol}"
    connection = page.evaluate("([t, p, u]) => open_(t, p, u)", [transport, protocol, user])
    event = functions.event("connected", connection)
    found = {each["id"]: each for each in service.state()["chat"]["connections"]}

    assert event.user == user
    assert (found[connection]["transport"], found[connection]["protocol"]) == (transport, protocol)
    service.send(f"/users/{user}", "hello", 1)
    page.wait_for_function("happened.length === 1")
    assert page.evaluate("happened") == [["hello", 1]]
    assert page.evaluate("call('echo', 'a', 2)") == {"value": ["a", 2]}
    assert "it failed" in page.evaluate("call('fail')")["error"]
    assert service.invoke(connection, "ask", 21).json() == {"result": 42}
    page.evaluate("connection.stop()")
    assert functions.event("disconnected", connection).body == {"type": 11}


def test_browser_sends_its_cookies_and_is_allowed_to(page: Page, functions: Functions) -> None:
    seen: list[Any] = []
    page.on("response", lambda response: seen.append(response))
    page.evaluate("open_('WebSockets', 'json', 'cookies')")

    (negotiated,) = [
        each
        for each in seen
        if "/client/negotiate" in each.url and each.ok and each.request.method == "POST"
    ]
    headers = negotiated.all_headers()
    assert headers["access-control-allow-origin"] == functions.url
    assert headers["access-control-allow-credentials"] == "true"
    page.evaluate("connection.stop()")


def test_browser_loses_nothing_when_its_socket_breaks(
    page: Page, service: Service, functions: Functions
) -> None:
    proxy = Proxy(service.port)
    address, functions.service_url = functions.service_url, proxy.url
    try:
        page.evaluate("open_('WebSockets', 'json', 'stateful-page', true)")
        event = functions.event("connected", user="stateful-page")
        service.send("/users/stateful-page", 1)
        proxy.cut()
        service.send("/users/stateful-page", 2)
        assert page.evaluate("call('echo', 'still there')") == {"value": ["still there"]}
        page.wait_for_function("happened.length === 2")
        assert page.evaluate("happened") == [[1], [2]]
        assert functions.names(event.connection) == ["echo"], "upstream noticed nothing"
        page.evaluate("connection.stop()")
        functions.event("disconnected", event.connection)
    finally:
        functions.service_url = address
        proxy.close()


# Clients for Python


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
def test_pysignalr(functions: Functions, service: Service, protocol: str) -> None:
    user = f"pysignalr-{protocol}"
    with Driver(PYSIGNALR, url=f"{functions.url}/api/{user}", protocol=protocol, ping=1) as driver:
        driver.expect("connected")
        connection = functions.event("connected", user=user).connection
        service.send(f"/users/{user}", "hello", 1)
        assert driver.messages(1) == [["hello", 1]]
        assert driver.call("echo", "a", 2) == {"event": "result", "value": ["a", 2]}
        assert driver.call("fail")["error"] == "it failed"
        answer = service.invoke(connection, "ask", 21)
        assert (answer.status, answer.json()) == (200, {"result": 42})
        driver.do("idle", milliseconds=3000)
        driver.expect("idle")
        assert driver.call("echo")["value"] == []
        service.close(connection, "bye")

        # A reason ends it; without a Close message it would reconnect in a tight loop.
        assert driver.next() == {"event": "ended", "error": "bye"}
    assert functions.event("disconnected", connection).body == {"type": 11, "error": "bye"}


def test_pysignalr_comes_back_after_the_service_did(functions: Functions) -> None:
    port = free_port()
    first = start_service(None, port=port)
    address, functions.service_url = functions.service_url, first.url
    second = None
    try:
        with Driver(PYSIGNALR, url=f"{functions.url}/api/back", protocol="json") as driver:
            driver.expect("connected")
            assert first.stop() == 0
            driver.expect("closed")
            second = start_service(None, port=port)
            while driver.next()["event"] != "connected":
                pass
            second.send("/users/back", "welcome back")
            assert driver.messages(1) == [["welcome back"]]
    finally:
        functions.service_url = address
        for each in (first, second):
            if each is not None:
                each.kill()


@pytest.mark.parametrize("protocol", ["json", "messagepack", None])
def test_signalrcore(functions: Functions, service: Service, protocol: str | None) -> None:
    user = f"signalrcore-{protocol}"
    options = {"protocol": protocol} if protocol else {}
    with Driver(SIGNALRCORE, url=f"{functions.url}/api/{user}", keep_alive=1, **options) as driver:
        driver.expect("connected")
        connection = functions.event("connected", user=user).connection
        found = {each["id"]: each for each in service.state()["chat"]["connections"]}
        assert found[connection]["protocol"] == (protocol or "messagepack")
        service.send(f"/users/{user}", "hello", 1)
        assert driver.messages(1) == [["hello", 1]]
        assert driver.call("echo", "a", 2) == {"event": "result", "value": ["a", 2]}
        driver.do("idle", milliseconds=3000)
        driver.expect("idle")
        assert driver.call("echo")["value"] == []
        assert driver.end() == 0
    functions.event("disconnected", connection)


@pytest.mark.parametrize(
    ("transport", "answer"),
    [
        ("ServerSentEvents", "GET /client/ answered 400"),
        ("LongPolling", "POST /client/ answered 400|GET /client/ answered 401"),
    ],
)
def test_signalrcore_cannot_do_other_transports_and_the_service_does_not_mind(
    functions: Functions, service: Service, transport: str, answer: str
) -> None:
    """After a redirect it does not negotiate and so has no id; on Azure it fails alike."""
    with Driver(
        SIGNALRCORE, url=f"{functions.url}/api/other", transport=transport, protocol="json"
    ):
        service.output.wait_for(answer)
        service.send("", "others are served")
    assert service.rest("HEAD /api/health?api-version=2022-06-01").status == 200
