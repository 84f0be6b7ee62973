"""Upstream: what the log says of a bad answer, and the order of events of real sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.conformance.rest_world import Client

from funcjson.signalr.events import ClientInfo
from funcjson.signalr.messages import Completion, Invocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.service import SignalRService
from funcjson.signalr.upstream import Upstream, without_query
from funcjson.signalr.upstream_sender import UpstreamFailed, UpstreamRequest, UpstreamResponse
from funcjson.signalr.upstream_settings import UpstreamRule, fixed

KEY = "k" * 44
URL = "http://127.0.0.1:7071/runtime/webhooks/signalr?code=secret"
ANN = ClientInfo("c1", "chat", "ann", {}, "", "json", "WebSockets")


class Heard:
    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def record(self, event: str, fields: Mapping[str, Any]) -> None:
        self.events.append((event, fields))


class Answering:
    def __init__(self, answer: UpstreamResponse | UpstreamFailed) -> None:
        self.answer = answer

    async def __call__(self, request: UpstreamRequest) -> UpstreamResponse:
        if isinstance(self.answer, UpstreamFailed):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (UpstreamResponse(401), "another AccessKey, or the URL's code is wrong"),
        (UpstreamResponse(404, b"no such page"), "no function for this hub"),
        (UpstreamResponse(404, b"no such page"), "it said: no such page"),
        (UpstreamFailed("Connection refused"), "Connection refused"),
    ],
)
async def test_a_bad_answer_is_told_with_its_likely_cause(
    answer: UpstreamResponse | UpstreamFailed, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    upstream = Upstream(fixed(UpstreamRule(URL)), [KEY], Answering(answer), heard)
    await upstream.connected(ANN)

    assert says in caplog.text
    assert "secret" not in caplog.text
    assert KEY not in caplog.text
    assert [event for event, _ in heard.events] == ["UpstreamEventFailed"]


DETAILED = ClientInfo("c1", "chat", "ann", {}, "", "json", "WebSockets", "10.0.0.7", True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            UpstreamFailed("nothing listens there"),
            "Invocation failed, status code 500 (nothing listens there)",
        ),
        (
            UpstreamResponse(404, b"", "nearest: hello: event 'h%C3%A9' is not 'hello'"),
            "Invocation failed, status code 404 (nearest: hello: event 'hé' is not 'hello')",
        ),
        (
            UpstreamResponse(500, b"boom"),
            "Invocation failed, status code 500 (the upstream failed; its own log says why; it said: boom)",
        ),
        (
            UpstreamResponse(200, b'{"type":3,"invocationId":"9"}'),
            "Invocation failed, invalid response. (the response is the completion of call '9', "
            "the client waits for '1')",
        ),
    ],
)
async def test_a_client_with_detailed_errors_hears_why(
    answer: UpstreamResponse | UpstreamFailed, said: str
) -> None:
    upstream = Upstream(fixed(UpstreamRule(URL)), [KEY], Answering(answer))
    detailed = await upstream.message(DETAILED, Invocation("helo", [], "1"))
    plain = await upstream.message(ANN, Invocation("helo", [], "1"))

    assert isinstance(detailed, Completion)
    assert isinstance(plain, Completion)
    assert detailed.error == said
    assert plain.error == said.partition(" (")[0]


async def test_a_call_without_a_name_is_told_as_that(caplog: pytest.LogCaptureFixture) -> None:
    upstream = Upstream(fixed(UpstreamRule(URL)), [KEY], Answering(UpstreamResponse(400)))
    await upstream.message(ANN, Invocation("", []))

    assert "its target is empty" in caplog.text


async def test_the_same_fault_is_logged_once_in_a_while_and_traced_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = Heard()
    failing = Answering(UpstreamFailed("nothing listens there"))
    upstream = Upstream(fixed(UpstreamRule(URL)), [KEY], failing, heard)
    for number in range(5):
        await upstream.message(DETAILED, Invocation(f"m{number}", []))

    assert caplog.text.count("nothing listens there") == 1
    assert [fields["event"] for _, fields in heard.events] == [f"m{n}" for n in range(5)]
    assert {(f["ip"], f["transport"]) for _, f in heard.events} == {("10.0.0.7", "WebSockets")}


async def test_a_good_answer_is_only_traced(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    upstream = Upstream(fixed(UpstreamRule(URL)), [KEY], Answering(UpstreamResponse(200)), heard)
    await upstream.message(ANN, Invocation("m", []))

    assert caplog.text == ""
    assert [event for event, _ in heard.events] == ["UpstreamEventSent"]


async def test_a_user_id_with_a_line_end_makes_no_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upstream = Upstream(fixed(UpstreamRule(URL)), [KEY], Answering(UpstreamResponse(200)))
    await upstream.connected(ClientInfo("c1", "chat", "a\nb", {}, "", "json", "WebSockets"))

    assert "X-ASRS-User-Id would hold a control character" in caplog.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [(URL, "http://127.0.0.1:7071/runtime/webhooks/signalr"), ("http://h/x", "http://h/x")],
)
def test_urls_in_the_log_have_no_query(url: str, shown: str) -> None:
    assert without_query(url) == shown


class Slow:
    """Answers only when told, and keeps the order of what it got."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.running = 0
        self.most = 0
        self.gates: dict[str, asyncio.Event] = {}
        self.changed = asyncio.Event()

    async def __call__(self, request: UpstreamRequest) -> UpstreamResponse:
        name = request.headers["X-ASRS-Event"]
        self.got.append(name)
        self.running += 1
        self.most = max(self.most, self.running)
        self.changed.set()
        gate = self.gates.get(name)
        if gate is not None:
            await gate.wait()
        self.running -= 1
        return UpstreamResponse(200)

    async def until(self, count: int) -> None:
        while len(self.got) < count:
            self.changed.clear()
            await self.changed.wait()


def service_with(sender: Slow) -> SignalRService:
    upstream = Upstream(fixed(UpstreamRule("http://h/")), [KEY], sender)
    return SignalRService(ServiceOptions(), events=upstream)


def say(client: Client, target: str, call: str | None = None) -> None:
    body: dict[str, Any] = {"type": 1, "target": target, "arguments": []}
    if call is not None:
        body["invocationId"] = call
    client.sessions.received(client.session, json.dumps(body).encode() + b"\x1e")


async def test_messages_wait_for_connected_and_keep_their_order() -> None:
    sender = Slow()
    sender.gates["connected"] = asyncio.Event()
    client = Client(service_with(sender), {})
    for number in range(10):
        say(client, f"m{number}")
    say(client, "last", "1")
    await sender.until(1)
    assert sender.got == ["connected"]
    sender.gates["connected"].set()
    await sender.until(12)

    assert sender.got == ["connected", *(f"m{number}" for number in range(10)), "last"]
    assert sender.most == 1


async def test_a_slow_answer_for_one_connection_does_not_stop_another() -> None:
    sender = Slow()
    sender.gates["slow"] = asyncio.Event()
    service = service_with(sender)
    one, two = Client(service, {}), Client(service, {})
    say(one, "slow", "1")
    say(two, "quick", "2")
    await two.transport.arrived.wait()
    assert two.take() == [["completion", ["2", None]]]
    sender.gates["slow"].set()
    await one.transport.arrived.wait()

    assert one.take() == [["completion", ["1", None]]]


async def test_disconnected_comes_once_after_the_last_message() -> None:
    sender = Slow()
    client = Client(service_with(sender), {})
    say(client, "m")
    client.sessions.lost(client.session, client.transport, "gone")
    client.sessions.lost(client.session, client.transport, "gone")
    await sender.until(3)

    assert sender.got == ["connected", "m", "disconnected"]
