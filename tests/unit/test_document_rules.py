"""document_rules: names beside bindings, and retry policies."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.document_rules import retry_policy, seconds, top_level_problems
from funcjson.errors import Location, Severity
from funcjson.model import RetryPolicy


class Places:
    def locate(self, pointer: str) -> Location:
        return Location("f", 1, 1, pointer)

    locate_key = locate


def _top(**members: Any) -> list[tuple[str, str, str]]:
    found = top_level_problems(members, "f", Places())
    return [(problem.code, problem.what, problem.fix) for problem in found]


def test_names_that_are_read_or_ignored_by_design_are_silent() -> None:
    silent = {"bindings": [], "scriptFile": "x", "entryPoint": "x", "retry": {}}
    ignored = {"$schema": "x", "generatedBy": "x", "language": "x", "_note": 1, "disabled": False}

    assert _top(**silent, **ignored, configurationSource="config") == []


@pytest.mark.parametrize(
    ("name", "code", "fix"),
    [
        ("ScriptFile", "FJ0218", 'rename it to "scriptFile"'),
        ("entrypoint", "FJ0218", 'rename it to "entryPoint"'),
        ("name", "FJ0218", "the folder's name is the function's name: rename the folder"),
        ("excluded", "FJ0218", "it was for version 1.x of the host: remove it"),
        ("logging", "FJ0218", "it belongs in host.json"),
        ("whatever", "FJ0218", "remove it"),
        ("disabled", "FJ0219", 'to disable it, add "AzureWebJobs.f.Disabled": "true"'),
    ],
)
def test_names_without_effect_are_warned_about(name: str, code: str, fix: str) -> None:
    ((found, what, advice),) = _top(**{name: True})

    assert found == code
    assert what.startswith(f"'{name}' does nothing")
    assert advice.startswith(fix)


def test_compiled_functions_are_an_error_with_a_reason() -> None:
    (problem,) = top_level_problems({"configurationSource": "attributes"}, "f", Places())
    assert (problem.code, problem.severity) == ("FJ0224", Severity.ERROR)

    (problem,) = top_level_problems({"configurationSource": "x"}, "f", Places())
    assert problem.azure == "Illegal value 'x' for 'configurationSource' property in f'."


def test_both_strategies_are_read() -> None:
    fixed = {"strategy": "FixedDelay", "maxRetryCount": 4, "delayInterval": "00:00:10"}
    growing = {"maxRetryCount": -1, "minimumInterval": "00:00:01", "maximumInterval": "00:01:00"}

    assert retry_policy(None, Places()) == (None, [])
    assert retry_policy(fixed, Places()) == (RetryPolicy("fixedDelay", 4, 10.0), [])
    assert retry_policy(growing, Places()) == (
        RetryPolicy("exponentialBackoff", -1, 0.0, 1.0, 60.0),
        [],
    )


@pytest.mark.parametrize(
    ("retry", "whats"),
    [
        ([], ["'retry' must be an object"]),
        ({"strategy": "linear"}, ["'linear' is not a retry strategy"]),
        (
            {"maxRetryCount": 1, "minimumInterval": "00:01", "maximumInterval": "00:00:59"},
            ["'minimumInterval' is longer than maximumInterval"],
        ),
        (
            {"strategy": "fixedDelay"},
            ["retry needs 'maxRetryCount'", "retry needs 'delayInterval'"],
        ),
        (
            {"strategy": "fixedDelay", "maxRetryCount": "3", "delayInterval": "10 s"},
            ["'maxRetryCount' is '3'", "'delayInterval' is '10 s'"],
        ),
        (
            {"maxRetryCount": -2, "minimumInterval": "00:00:01", "maximumInterval": 5},
            ["'maxRetryCount' is -2", "'maximumInterval' is 5"],
        ),
    ],
)
def test_each_thing_wrong_with_a_policy_is_named(retry: Any, whats: list[str]) -> None:
    policy, problems = retry_policy(retry, Places())

    assert policy is None
    assert [problem.what for problem in problems] == whats


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00:00:05", 5.0),
        ("1.02:00:00", 93600.0),
        ("00:00:00.5000000", 0.5),
        ("01:30", 5400.0),
        ("5", None),
        (5, None),
        ("", None),
    ],
)
def test_time_spans(text: Any, value: float | None) -> None:
    assert seconds(text) == value
