"""Binding expressions, by their vectors: character for character as the real platform."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from funcjson.binding_data import BindingData, Entry, System
from funcjson.bindings.signalr_trigger import BINDING, SignalREvent
from funcjson.errors import ExpressionError
from funcjson.expressions import parse_template
from funcjson.http_binding_data import http_binding_data
from funcjson.model import Binding, Direction, Function, HttpRequest, Language, TriggerEvent

FILE = Path(__file__).parent / "vectors" / "templates.json"
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))
VECTORS = [pytest.param(row, id=row["title"]) for row in DOCUMENT["vectors"]]
NOW = datetime.fromisoformat(DOCUMENT["frozen"]["utcnow"]).timestamp()
GUID = uuid.UUID(DOCUMENT["frozen"]["guid"])


def binding_data(context: dict[str, Any], azure: bool) -> BindingData:
    if context["trigger"] == "httpTrigger":
        request = HttpRequest(
            context["method"],
            "http://localhost:7071/api/x",
            tuple((name, text) for name, text in context["headers"]),
            context["query"],
            context["route"],
            (context["body"] or "").encode(),
        )
        return http_binding_data(request, context["triggerName"], context["functionName"], azure)
    if context["mode"] == "old":
        named = zip(context["parameterNames"], context["arguments"], strict=True)
        entries = [Entry(name, value, "argument") for name, value in named]
        return BindingData([*entries, Entry("sys", System(context["functionName"]), "sys")])
    told = context["context"]
    event = SignalREvent(
        told["Hub"],
        told["Category"],
        told["Event"],
        told["ConnectionId"],
        user_id=told["UserId"],
        arguments=told["Arguments"],
        headers=told["Headers"],
        query=told["Query"],
        claims=told["Claims"],
    )
    properties = {"parameterNames": context["parameterNames"]}
    trigger = Binding("invocation", "signalRTrigger", Direction.IN, properties, "/bindings/0")
    function = Function(context["functionName"], Path(), (trigger,), Language.PYTHON)
    return BINDING.binding_data(TriggerEvent("signalRTrigger", payload=event), function, azure)


def resolve(vector: dict[str, Any], azure: bool) -> dict[str, Any]:
    data = binding_data(DOCUMENT["contexts"][vector["given"]["context"]], azure)
    template = parse_template(vector["given"]["template"], azure=azure, new_guid=lambda: GUID)
    try:
        return {"expect": template.evaluate(data, DOCUMENT["settings"].get, lambda: NOW)}
    except ExpressionError as error:
        return {"error": {"kind": error.kind, "message": error.problems[0].azure}}


@pytest.mark.parametrize("vector", VECTORS)
def test_as_on_azure(vector: dict[str, Any]) -> None:
    wanted = {name: vector[name] for name in ("expect", "error") if name in vector}

    assert resolve(vector, azure=True) == wanted


@pytest.mark.parametrize("vector", VECTORS)
def test_by_default(vector: dict[str, Any]) -> None:
    told = vector.get("here", vector)
    wanted = {name: told[name] for name in ("expect", "error") if name in told}

    assert resolve(vector, azure=False) == wanted


@pytest.mark.parametrize("vector", VECTORS)
def test_settings_known_at_load_give_the_same(vector: dict[str, Any]) -> None:
    data = binding_data(DOCUMENT["contexts"][vector["given"]["context"]], True)
    template = parse_template(
        vector["given"]["template"],
        lookup=DOCUMENT["settings"].get,
        azure=True,
        new_guid=lambda: GUID,
    )
    try:
        found = template.evaluate(data, None, lambda: NOW)
    except ExpressionError as error:
        assert error.problems[0].azure == vector["error"]["message"]
    else:
        assert found == vector["expect"]


def test_there_are_120_vectors() -> None:
    assert len(VECTORS) == 120
