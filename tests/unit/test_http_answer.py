"""Which value answers an HTTP caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import OutputShapeError
from funcjson.http_answer import answer
from funcjson.model import Binding, Direction, Function, HttpRequest, Language
from funcjson.pipeline import Outcome
from funcjson.plan import Plan, make_plan
from funcjson.registry import open_registry
from funcjson.settings import load_settings

REQUEST = HttpRequest("GET", "http://h/api/f")


def plan(*outputs: tuple[str, str]) -> Plan:
    trigger = Binding("req", "httpTrigger", Direction.IN, {}, "/bindings/0")
    bindings = [
        Binding(name, kind, Direction.OUT, {"hubName": "chat"}, f"/bindings/{number}")
        for number, (name, kind) in enumerate(outputs, 1)
    ]
    function = Function("f", Path(), (trigger, *bindings), Language.NODE)
    return make_plan(function, open_registry([]), load_settings(Path("/nonexistent"), {}))


def response(status: int, text: str) -> dict[str, Any]:
    return {"http": {"status": status, "headers": {}, "body": {"string": text}}}


def test_the_http_output_answers() -> None:
    outcome = Outcome({"res": response(201, "made")}, {"string": "returned"})

    found = answer(plan(("res", "http")), outcome, REQUEST)

    assert (found.status, found.body) == (201, b"made")


@pytest.mark.parametrize(
    ("method", "length", "sent"),
    [
        ("HEAD", "12345", "12345"),
        ("HEAD", "many", None),
        ("HEAD", "-1", None),
        ("GET", "12345", None),
        ("get", "12345", None),
    ],
)
@pytest.mark.parametrize("name", ["Content-Length", "content-length"])
def test_the_handlers_own_length_answers_head_alone(
    method: str, length: str, sent: str | None, name: str
) -> None:
    value = {"http": {"status": 200, "headers": {name: length}, "body": {}}}

    for outcome in (Outcome({"res": value}), Outcome({}, value)):
        outputs = [("res", "http")] if outcome.outputs else []
        found = answer(plan(*outputs), outcome, HttpRequest(method, "http://h/api/f"))

        assert {key.lower(): text for key, text in found.headers}.get("content-length") == sent


def test_without_an_http_output_the_return_value_answers() -> None:
    found = answer(plan(("$return", "signalR")), Outcome({}, {"string": "hi"}), REQUEST)

    assert (found.status, found.body) == (200, b"hi")


def test_nothing_returned_is_no_content() -> None:
    assert answer(plan(), Outcome({}), REQUEST).status == 204


def test_an_http_return_binding_without_a_value_is_no_content() -> None:
    assert answer(plan(("$return", "http")), Outcome({"$return": {}}), REQUEST).status == 204


def test_a_bad_status_names_the_binding() -> None:
    outcome = Outcome({"res": {"http": {"status": 99999, "headers": {}, "body": {}}}})

    with pytest.raises(OutputShapeError) as caught:
        answer(plan(("res", "http")), outcome, REQUEST)

    where = caught.value.problems[0].where
    assert where is not None
    assert where.pointer == "/bindings/1"
