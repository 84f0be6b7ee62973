"""httpTrigger: what the handler gets, what expressions see, what is warned of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funcjson.bindings.http_trigger import BINDING, binding_data, check, entry_of, metadata
from funcjson.errors import Location, Severity
from funcjson.model import (
    Binding,
    Direction,
    Function,
    HttpRequest,
    Language,
    TriggerEvent,
)
from funcjson.settings import load_settings

SETTINGS = load_settings(Path("/nonexistent"), {})


def function(language: Language = Language.NODE, name: str = "f", **properties: Any) -> Function:
    binding = Binding("req", "httpTrigger", Direction.IN, properties, "/bindings/0")
    return Function(
        name,
        Path(),
        (binding,),
        language,
        locate=lambda pointer: Location("f/function.json", 1, 1, pointer),
    )


def codes(**properties: Any) -> list[tuple[str, Severity]]:
    found = function(**properties)
    return [(p.code, p.severity) for p in check(found.trigger, found, SETTINGS)]


REQUEST = HttpRequest(
    "POST",
    "http://h/api/f?q=1",
    (("Host", "h"), ("X-A", "b")),
    "q=1",
    {"id": "7", "rest": None},
    b'{"name": "n", "user": {"id": 1}, "list": [1]}',
)
EVENT = TriggerEvent("httpTrigger", REQUEST)


def test_a_sound_trigger_has_no_problem() -> None:
    assert codes(route="a/{b}", methods=["get"]) == []


@pytest.mark.parametrize(
    ("properties", "code", "severity"),
    [
        ({"route": "a/{b"}, "FJ0242", Severity.ERROR),
        ({"route": "admin"}, "FJ0241", Severity.ERROR),
        ({"route": "/a"}, "FJ0245", Severity.WARNING),
        ({"methods": []}, "FJ0246", Severity.WARNING),
    ],
)
def test_what_the_schema_cannot_say(
    properties: dict[str, Any], code: str, severity: Severity
) -> None:
    assert codes(**properties) == [(code, severity)]


def test_a_route_of_one_slash_is_the_usual_way_to_the_root() -> None:
    assert codes(route="/") == []


def test_without_a_prefix_a_slash_at_the_start_is_as_on_azure() -> None:
    host = replace(SETTINGS.host, route_prefix="")
    found = function(route="/{*route}")

    assert list(check(found.trigger, found, replace(SETTINGS, host=host))) == []


def test_the_route_of_a_middleware_app_is_told_to_need_no_prefix() -> None:
    found = replace(function(Language.PYTHON, route="/{*route}"), code_first=True)
    (problem,) = check(found.trigger, found, SETTINGS)

    assert problem.where == Location("host.json")
    assert '{"http": {"routePrefix": ""}}' in problem.fix


def test_the_row_of_the_route_table_knows_its_place() -> None:
    with_route, without = entry_of(function(route="x")), entry_of(function())

    assert with_route.where is not None
    assert with_route.where.pointer == "/bindings/0/route"
    assert without.where is not None
    assert without.where.pointer == "/bindings/0"
    assert (without.route, without.methods) == (None, None)


def test_expressions_see_the_body_the_query_the_route_and_the_headers() -> None:
    data = binding_data(EVENT, function(), False)

    assert {"name", "user", "q", "id", "Headers", "sys"} <= set(data.names())


def test_node_gets_the_members_that_its_worker_cannot_make() -> None:
    found_function = function()

    found = metadata(EVENT, found_function, binding_data(EVENT, found_function, False))

    assert found["id"] == {"string": "7"}
    assert found["name"] == {"string": "n"}
    assert json.loads(found["user"]["json"]) == {"id": 1}
    assert not {"Query", "Headers", "sys", "rest"} & set(found)


def test_a_custom_handler_gets_everything() -> None:
    found_function = function(Language.CUSTOM)

    found = metadata(EVENT, found_function, binding_data(EVENT, found_function, False))

    assert json.loads(found["Headers"]["json"]) == {"host": "h", "x-a": "b"}
    assert json.loads(found["sys"]["json"])["MethodName"] == "f"


def test_python_gets_no_metadata() -> None:
    found_function = function(Language.PYTHON)

    assert metadata(EVENT, found_function, binding_data(EVENT, found_function, False)) == {}


def test_any_name_may_come_with_a_body() -> None:
    assert BINDING.offers(function().trigger) is None
