"""Functions that a person sets off by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.bindings.signalr_trigger import SignalREvent
from funcjson.fired_events import fired_event
from funcjson.model import Binding, Direction, Function, Language


def function(kind: str, **properties: Any) -> Function:
    trigger = Binding("t", kind, Direction.IN, properties, "/bindings/0")
    return Function("f", Path(), (trigger,), Language.PYTHON)


def test_an_http_function_gets_the_text_as_a_body() -> None:
    event = fired_event(function("httpTrigger"), '{"a": 1}', "http://h")

    assert event.request is not None
    assert (event.request.method, event.request.body) == ("POST", b'{"a": 1}')
    assert event.request.headers == (("Content-Type", "application/json"),)


def test_text_that_is_no_json_has_no_type() -> None:
    event = fired_event(function("httpTrigger"), "hi", "http://h")

    assert event.request is not None
    assert event.request.headers == ()


def test_a_timer_has_no_use_for_the_text() -> None:
    assert fired_event(function("timerTrigger"), "x", "").payload is None


def test_a_signalr_function_gets_an_event_of_its_own_kind() -> None:
    trigger = function("signalRTrigger", hubName="Chat", category="messages", event="send")

    payload = fired_event(trigger, '{"ConnectionId": "c1", "Arguments": [1]}', "").payload

    assert (payload.hub, payload.event, payload.connection_id) == ("Chat", "send", "c1")
    assert payload.arguments == [1]


def test_a_timer_takes_the_whole_state_of_a_trace() -> None:
    text = '{"Schedule": {}, "ScheduleStatus": null, "IsPastDue": true}'

    assert fired_event(function("timerTrigger"), text, "").payload["IsPastDue"] is True
    assert fired_event(function("timerTrigger"), '{"IsPastDue": true}', "").payload is None


def test_a_signalr_event_that_a_trace_shows_is_made_again() -> None:
    trigger = function("signalRTrigger", hubName="Chat", category="connections", event="connected")
    real = SignalREvent("chat", "connections", "connected", "c1", "ann", headers={"A": "b"})

    again = fired_event(trigger, json.dumps(real.context()), "").payload

    assert again == real


def test_members_that_are_no_objects_are_not_taken() -> None:
    trigger = function("signalRTrigger", hubName="Chat", category="messages", event="send")

    payload = fired_event(trigger, '{"Query": "x", "Claims": 1}', "").payload

    assert (payload.query, payload.claims) == ({}, {})


def test_a_signalr_function_can_be_fired_without_input() -> None:
    connected = function("signalRTrigger", hubName="h", category="connections", event="connected")
    message = function("signalRTrigger", hubName="h", category="messages", event="send")

    assert fired_event(connected, "", "").payload.arguments is None
    assert fired_event(message, "", "").payload.arguments == []


def test_an_event_grid_function_gets_the_event() -> None:
    assert fired_event(function("eventGridTrigger"), '{"id": "1"}', "").payload == {"id": "1"}
    assert fired_event(function("eventGridTrigger"), "", "").payload == {}


def test_other_triggers_get_the_text() -> None:
    assert fired_event(function("manualTrigger"), "hi", "").payload == "hi"


@pytest.mark.parametrize(("text", "events"), [('["a", "b"]', ["a", "b"]), ("a", ["a"])])
def test_a_trigger_of_several_events_gets_a_list(text: str, events: list[str]) -> None:
    many = function("eventHubTrigger", cardinality="many")

    assert fired_event(many, text, "").payload == events
