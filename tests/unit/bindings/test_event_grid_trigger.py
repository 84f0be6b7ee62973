"""eventGridTrigger: handshakes, events, and those of the local service."""

from __future__ import annotations

import json

import pytest
from tests.unit.bindings.signalr_fakes import function_with

from funcjson.bindings.event_grid_trigger import (
    BINDING,
    CONNECTED,
    DISCONNECTED,
    VALIDATION,
    connection_event,
    read_delivery,
)
from funcjson.expressions import parse_template
from funcjson.model import Binding, Direction, Language, TriggerEvent

TRIGGER = Binding("event", "eventGridTrigger", Direction.IN, {}, "/bindings/0")
SENT = {"id": "1", "eventType": "x", "subject": "/a", "data": {"userId": "ann", "n": [1]}}


@pytest.mark.parametrize("headers", [{"aeg-event-type": "SubscriptionValidation"}, {}])
def test_a_subscription_is_validated_without_running_anything(headers: dict[str, str]) -> None:
    event = {"eventType": VALIDATION, "data": {"validationCode": "abc"}}
    delivery = read_delivery("POST", headers, json.dumps([event]).encode())

    assert (delivery.status, delivery.events) == (200, ())
    assert json.loads(delivery.body) == {"validationResponse": "abc"}


def test_cloud_events_are_allowed_by_a_header() -> None:
    delivery = read_delivery("options", {"webhook-request-origin": "grid"}, b"")

    assert ("WebHook-Allowed-Origin", "grid") in delivery.headers


@pytest.mark.parametrize(
    "body", [b"oops", b"[1]", b"5", json.dumps([{"eventType": VALIDATION}]).encode()]
)
def test_other_bodies_are_refused(body: bytes) -> None:
    delivery = read_delivery("POST", {}, body)

    assert (delivery.status, delivery.events) == (400, ())
    assert delivery.body


def test_a_removed_subscription_runs_nothing() -> None:
    headers = {"aeg-event-type": "UnsubscribeDeletion"}

    assert read_delivery("POST", headers, json.dumps([SENT]).encode()).events == ()


@pytest.mark.parametrize("body", [[SENT, SENT], SENT])
def test_each_event_is_one_run(body: object) -> None:
    delivery = read_delivery("POST", {}, json.dumps(body).encode())

    assert delivery.status == 202
    assert len(delivery.events) == (2 if isinstance(body, list) else 1)


def test_expressions_see_the_members_of_the_event() -> None:
    event = TriggerEvent("eventGridTrigger", payload=SENT)
    function = function_with(TRIGGER)
    data = BINDING.binding_data(event, function, False)

    assert parse_template("{data.userId}{subject}-{sys.methodname}").evaluate(data) == "ann/a-f"
    assert BINDING.metadata(event, function, data)["data"] == {"json": '{"userId":"ann","n":[1]}'}
    assert json.loads(BINDING.value(event, Language.NODE)["json"]) == SENT
    assert BINDING.offers(TRIGGER) is None


@pytest.mark.parametrize(
    ("connected", "kind", "error"), [(True, CONNECTED, None), (False, DISCONNECTED, "gone")]
)
def test_the_local_service_tells_who_comes_and_goes(
    connected: bool, kind: str, error: str | None
) -> None:
    event = connection_event(
        "chat", "c1", None, connected=connected, now=1_700_000_000, error=error or ""
    )

    assert (event["eventType"], event["subject"]) == (kind, "/hub/chat")
    assert event["eventTime"] == "2023-11-14T22:13:20Z"
    assert event["data"]["connectionId"] == "c1"
    assert event["data"].get("errorMessage") == error
