"""What if: steps 3 to 5 with other values; masked ones stand for the originals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.inspector.inspected_host import InspectedHost, http, inspected

from funcjson.bindings.signalr_trigger import SignalREvent
from funcjson.bindings.signalr_webhook import local_event
from funcjson.inspector.documents import event_of
from funcjson.inspector.inspected import Refusal
from funcjson.inspector.what_if import what_if
from funcjson.model import HttpRequest, TriggerEvent
from funcjson.trace import InvocationTrace
from funcjson.trace_view import view


async def tried(host: InspectedHost, event: TriggerEvent, **body: Any) -> InvocationTrace:
    original = await host.invoke("negotiate", event)
    return await what_if(host, {"id": original.id, **body})


def request_of(trace: InvocationTrace) -> HttpRequest:
    event = event_of(trace)
    assert event is not None and event.request is not None
    return event.request


async def test_as_a_persona_the_inputs_are_bound_and_the_handler_is_not_called(
    tmp_path: Path,
) -> None:
    async with inspected(tmp_path) as host:
        trace = await tried(host, http("/api/negotiate"), persona="alice")

        assert trace.outcome == "explained"
        assert max(event.step for event in trace.events) == 5
        assert len(host.recorder) == 1


async def test_as_a_persona_no_other_spelling_of_its_headers_is_left(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = http("/api/negotiate", ("X_MS_CLIENT_PRINCIPAL_ID", "bob"))
        shown = [["X_MS_CLIENT_PRINCIPAL_ID", "bob"]]
        request = request_of(await tried(host, event, headers=shown, persona="alice"))

    assert "bob" not in [text for _, text in request.headers]


async def test_without_the_header_it_fails_as_before(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = http("/api/negotiate", ("X-MS-CLIENT-PRINCIPAL-ID", "bob"))
        trace = await tried(host, event, headers=[["Host", "localhost:7071"]])

    assert trace.outcome == "failed"
    assert trace.problems[0].code == "FJ0302"


async def test_a_masked_value_stands_for_the_original(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = http("/api/negotiate?code=secret-code", ("Authorization", "Bearer abcdefgh"))
        shown = [["Authorization", "Bearer ***"]]
        path = "/api/negotiate?code=***"
        request = request_of(await tried(host, event, headers=shown, path=path))

    assert request.headers == (("Authorization", "Bearer abcdefgh"),)
    assert request.query == "code=secret-code"


async def test_a_body_of_null_is_the_original_one(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = http("/api/negotiate", body=b"\xff\x00")

        assert request_of(await tried(host, event, body=None)).body == b"\xff\x00"
        assert request_of(await tried(host, event, body="x")).body == b"x"


async def test_a_path_that_no_function_answers(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = await tried(host, http("/api/negotiate"), path="/api/nope")

    assert trace.problems[0].code == "FJ0247"


async def test_an_event_of_a_client(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        payload = SignalREvent("chat", "messages", "ping", "c1", arguments=["a"])
        original = await host.invoke("ping", TriggerEvent("signalRTrigger", payload=payload))
        text = '{"Arguments": ["b"], "UserId": "alice"}'
        trace = await what_if(host, {"id": original.id, "event": text})
        event = event_of(trace)

    assert trace.outcome == "explained"
    assert event is not None
    assert (event.payload.arguments, event.payload.user_id) == (["b"], "alice")


async def test_an_event_that_was_left_as_it_is_shown_changes_nothing(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        payload = local_event(
            "chat", "messages", "ping", "c1", arguments=["a"], signature="sha256=1"
        )
        original = await host.invoke("ping", TriggerEvent("signalRTrigger", payload=payload))
        text = json.dumps(view(original)["steps"][0]["payload"])
        event = event_of(await what_if(host, {"id": original.id, "event": text}))

    assert "***" in text
    assert event is event_of(original)


async def test_another_event_is_tried_for_the_same_reason(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        payload = SignalREvent("chat", "messages", "ping", "c1", arguments=["a"])
        real = TriggerEvent("signalRTrigger", payload=payload, reason="SignalR messages 'ping'")
        original = await host.invoke("ping", real)
        event = event_of(await what_if(host, {"id": original.id, "event": '{"Arguments": []}'}))

    assert event is not None
    assert event.reason == "SignalR messages 'ping'"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"id": "unknown"}, "no longer kept"),
        ({"path": "x"}, "starts with /"),
        ({"headers": [["a"]]}, "pairs of texts"),
        ({"headers": [["a", "x\r\ny"]]}, "on one line"),
        ({"headers": [["Authorization", "Basic ***"]]}, "masked"),
        ({"method": 1}, "must be text"),
    ],
)
async def test_what_cannot_be_tried_says_why(
    tmp_path: Path, body: dict[str, Any], why: str
) -> None:
    async with inspected(tmp_path) as host:
        with pytest.raises(Refusal, match=why):
            await tried(host, http("/api/negotiate"), **body)
