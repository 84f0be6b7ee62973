"""What `funcjson start` prints of the functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from funcjson import banner
from funcjson.errors import AppLoadError, Problem, Severity
from funcjson.model import Binding, Direction, Function, Language
from funcjson.plan import Plan, make_plan
from funcjson.registry import open_registry
from funcjson.settings import load_settings


def plan(name: str, kind: str = "httpTrigger", disabled: bool = False, **properties: Any) -> Plan:
    trigger = Binding("t", kind, Direction.IN, properties, "/bindings/0")
    function = Function(
        name, Path(), (trigger,), Language.PYTHON, f"{name}/__init__.py", disabled=disabled
    )
    return make_plan(function, open_registry([]), load_settings(Path("/nonexistent"), {}))


def test_http_functions_come_first_with_verbs_and_url() -> None:
    plans = [
        plan("tick", "timerTrigger", schedule="0 * * * * *"),
        plan("Send", methods=["post", "put"], route="rooms/{room}/send"),
        plan("any"),
    ]

    text = banner.listing(plans, "http://localhost:7071", "api", {})

    assert [line.split() for line in text.splitlines()] == [
        ["any", "[ALL]", "http://localhost:7071/api/any"],
        ["Send", "[POST,PUT]", "http://localhost:7071/api/rooms/{room}/send"],
        ["tick", "timerTrigger", "(schedule", "0", "*", "*", "*", "*", "*)"],
    ]


def test_a_function_whose_handler_failed_stays_listed_with_its_reason() -> None:
    broken = {"f": AppLoadError(Problem("FJ0503", "f.py has a syntax error"))}

    assert "ERROR f.py has a syntax error" in banner.listing([plan("f")], "http://h", "api", broken)


def test_a_function_that_did_not_load_is_listed_with_its_first_error() -> None:
    problems = [
        Problem("FJ0203", "careful", severity=Severity.WARNING, function="gone"),
        Problem("FJ0101", "not valid JSON", function="gone"),
        Problem("FJ0202", "another error", function="gone"),
        Problem("FJ0202", "of one that is there", function="f"),
    ]

    text = banner.listing([plan("f")], "http://h", "api", {}, problems)

    assert text.splitlines()[1:] == ["  gone  ERROR not valid JSON"]


def test_a_disabled_function_says_so() -> None:
    assert banner.listing([plan("f", disabled=True)], "http://h", "api", {}).endswith("disabled")


def test_an_empty_prefix_gives_urls_without_one() -> None:
    assert "http://h/f" in banner.listing([plan("f")], "http://h", "", {})


def test_pages_are_get_functions_that_are_named_like_one() -> None:
    plans = [plan("index", methods=["get"]), plan("negotiate"), plan("home", methods=["post"])]

    assert banner.pages(plans, "http://h", "api") == ["http://h/api/index"]


def test_errors_stand_last() -> None:
    problems = [
        Problem("FJ0201", "bad"),
        Problem("FJ0202", "careful", severity=Severity.WARNING),
        Problem("FJ0203", "by the way", severity=Severity.NOTE),
    ]

    text = banner.problems_text(problems)

    assert text.index("by the way") < text.index("careful") < text.index("bad")
