"""What the host tells of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from funcjson import http_admin
from funcjson.bindings.http_trigger import BINDING as HTTP
from funcjson.errors import FuncJsonError, HandlerLoadError, Problem, Severity
from funcjson.model import Binding, Direction, Function, HttpResponse, Language, LeftOut
from funcjson.plan import Plan
from funcjson.settings import Settings, load_settings

URL = "http://localhost:7071"


def plan(name: str, kind: str = "httpTrigger", **properties: Any) -> Plan:
    disabled = bool(properties.pop("disabled", False))
    trigger = Binding("req", kind, Direction.IN, properties, "/bindings/0")
    function = Function(name, Path(), (trigger,), Language.PYTHON, disabled=disabled)
    return Plan(function, HTTP, (), ())


@dataclass
class App:
    plans: dict[str, Plan]
    settings: Settings = field(default_factory=lambda: load_settings(Path("/nonexistent"), {}))
    broken: dict[str, FuncJsonError] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    streams: frozenset[str] = frozenset()
    left_out: tuple[LeftOut, ...] = ()


def app(*plans: Plan) -> App:
    return App({one.function.name.lower(): one for one in plans})


def read(answer: HttpResponse) -> Any:
    assert answer.status == 200
    return json.loads(answer.body)


def test_the_status_has_the_real_hosts_members() -> None:
    found = read(http_admin.host_status(app(), "i", 1.5))

    assert {"id", "state", "version", "versionDetails", "instanceId", "computerName"} <= set(found)
    assert (found["state"], found["processUptime"]) == ("Running", 1500)


def test_a_host_without_an_app_is_starting() -> None:
    assert read(http_admin.host_status(None, "i", 0))["state"] == "Starting"
    assert read(http_admin.host_status(None, "i", 0, is_offline=True))["state"] == "Offline"


def test_errors_of_the_app_are_in_the_status() -> None:
    loaded = app()
    loaded.problems = (
        Problem("FJ0111", "host.json is wrong"),
        Problem("FJ0201", "a function is wrong", function="f"),
        Problem("FJ0112", "a warning", severity=Severity.WARNING),
    )

    assert read(http_admin.host_status(loaded, "i", 0))["errors"] == ["host.json is wrong"]


def test_functions_are_listed_in_order() -> None:
    loaded = app(plan("b"), plan("A", route="x/{id}"), plan("tick", "timerTrigger"))

    found = read(http_admin.function_list(loaded, URL))

    assert [one["name"] for one in found] == ["A", "b", "tick"]
    assert [one["invoke_url_template"] for one in found] == [
        f"{URL}/api/x/{{id}}",
        f"{URL}/api/b",
        None,
    ]
    assert set(found[0]) == {
        *("name", "script_root_path_href", "script_href", "config_href", "test_data_href"),
        *("href", "invoke_url_template", "language", "config", "files", "test_data"),
        *("isDisabled", "isDirect", "isProxy"),
    }


def test_one_function_in_any_letter_case() -> None:
    loaded = app(plan("Hello"))

    assert read(http_admin.one_function(loaded, "hello", URL))["name"] == "Hello"
    assert http_admin.one_function(loaded, "other", URL).status == 404


def test_the_status_of_a_function() -> None:
    loaded = app(plan("good"), plan("Broken"))
    loaded.broken = {"Broken": HandlerLoadError(Problem("FJ0503", "no module named x"))}
    loaded.problems = (Problem("FJ0201", "is wrong", function="Bad"),)

    assert read(http_admin.function_status(loaded, "good")) == {}
    assert read(http_admin.function_status(loaded, "broken")) == {
        "errors": ["no module named x (FJ0503)"]
    }
    assert read(http_admin.function_status(loaded, "bad")) == {"errors": ["is wrong (FJ0201)"]}
    assert http_admin.function_status(loaded, "other").status == 404


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"input": "x"}', "x"),
        (b'{"input": null}', ""),
        (b"{}", ""),
        (b'{"input": {"a": 1}}', '{"a": 1}'),
        (b"", None),
        (b"null", None),
        (b"[]", None),
        (b"{", None),
    ],
)
def test_the_input_of_a_function_fired_by_hand(body: bytes, text: str | None) -> None:
    assert http_admin.input_text(body) == text


def test_the_home_page_lists_functions_and_runs_nothing_of_their_names() -> None:
    loaded = app(
        plan("page", methods=["get"]),
        plan("send", methods=["post"]),
        plan("item", route="<b>/{id}"),
        plan("tick", "timerTrigger"),
        plan("off", disabled=True),
    )
    loaded.broken = {"page": HandlerLoadError(Problem("FJ0503", "x"))}

    text = http_admin.home_page(loaded, "<i>zoe").body.decode()

    assert '<a href="/api/page">' in text
    assert '<a href="/api/send">' not in text
    assert "<b>" not in text
    assert "&lt;i&gt;zoe" in text
    assert "(in error)" in text
    assert "(disabled)" in text


def test_an_empty_home_page_says_so() -> None:
    assert b"No function was loaded" in http_admin.home_page(app(), None).body
