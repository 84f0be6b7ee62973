"""schemas/trace.json and the documents that the product makes: explained, run, failed, fired, shown on the page."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.unit.explaining.explained_app import write_app
from tests.unit.inspector.inspected_host import http, inspected, message
from tests.unit.trace_view.traces import as_json, plan_of, signalr, traced

from funcjson.app_facts import facts_of
from funcjson.bindings.signalr_webhook import local_event
from funcjson.explaining.clients import parse_client
from funcjson.explaining.request import Asked, explain_request
from funcjson.inspector.documents import document
from funcjson.model import CallResult, TriggerEvent
from funcjson.schemas import read_schema
from funcjson.signalr.rest_client import RestResponse
from funcjson.trace_view import view

SCHEMA = jsonschema.Draft7Validator(read_schema("trace.json"))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("funcjson"), "disabled", True)


def faults(found: Mapping[str, Any]) -> list[str]:
    """What of a document does not fit, after it has been JSON."""
    whole = json.loads(json.dumps(found))
    return [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(whole)]


@pytest.mark.parametrize(
    "asked",
    [
        Asked("POST", "/api/negotiate", persona="alice"),
        Asked("POST", "/api/negotiate"),
        Asked("POST", "/api/nosuch"),
        Asked("GET", "/api/negotiate", (("Origin", "https://a.test"),)),
        Asked(
            "OPTIONS",
            "/api/negotiate",
            (("Origin", "http://localhost:3"), ("Access-Control-Request-Method", "POST")),
        ),
        Asked("POST", "/admin/functions/tick", body=b"{}"),
        Asked("POST", "/api/send/ann", body=b"hi", run=True, clients=(parse_client("ann@chat"),)),
        Asked("POST", "/api/send/ann", body=b"\xff", run=True),
    ],
    ids=["explained", "failed", "nothing", "origin", "preflight", "timer", "run", "raises"],
)
async def test_what_explain_prints(asked: Asked, tmp_path: Path) -> None:
    assert faults(await explain_request(write_app(tmp_path), asked, {})) == []


async def test_what_the_page_shows(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = http("/api/send", ("Origin", "https://elsewhere.example"), body=b"{}")
        traces = [
            await host.invoke("send", event, message("newMessage")),
            await host.invoke("send", event, CallResult({"message": as_json(1)})),
            await host.invoke("negotiate", http("/api/negotiate")),
        ]
        facts = facts_of(host.version)
        found = [faults(document(host, trace, facts)) for trace in traces]

    assert found == [[], [], []]


async def test_events_items_and_refusals() -> None:
    called = local_event("chat", "messages", "add", "c", arguments=[1], invocation_id="7")
    trigger = {"name": "call", "type": "signalRTrigger", "direction": "in", "hubName": "chat",
               "category": "messages", "event": "add"}  # fmt: skip
    items = [
        {"action": "add", "userId": "u", "groupName": "g"},
        {"action": "removeAll", "connectionId": "c"},
        {"target": "m", "userId": "first"},
        {"target": "m", "userId": "second"},
    ]
    plan = plan_of(signalr(), trigger=trigger)
    trace = await traced(
        plan,
        TriggerEvent("signalRTrigger", payload=called),
        CallResult({"messages": as_json(items)}),
        {"users/first/:send": RestResponse(400)},
    )

    assert faults(view(trace)) == []


async def test_a_document_of_another_shape_is_refused(tmp_path: Path) -> None:
    found = await explain_request(write_app(tmp_path), Asked("POST", "/api/nosuch"), {})
    del found["steps"][7]["answer"]

    assert faults(found) == ["$.steps[7]: 'answer' is a required property"]
