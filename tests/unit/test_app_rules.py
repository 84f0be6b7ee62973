"""app_rules: malformed connection strings are told once, and no key is ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funcjson.app_rules import without_conflicts
from funcjson.errors import Problem
from funcjson.frontends.code_first import CodePlaces
from funcjson.model import Binding, Direction, Function, Language
from funcjson.settings import load_settings


def _function(name: str, **properties: str) -> Function:
    trigger = Binding("req", "httpTrigger", Direction.IN, {}, "/bindings/0")
    output = Binding(
        "m", "signalR", Direction.OUT, {"hubName": "chat", **properties}, "/bindings/1"
    )
    where = CodePlaces(f"{name}/function.json", 3).locate
    return Function(name, Path(), (trigger, output), Language.PYTHON, locate=where)


def _problems(settings: dict[str, str], *functions: Function) -> tuple[Problem, ...]:
    return without_conflicts(functions, load_settings(Path("/nowhere"), settings)).problems


def test_a_malformed_string_is_told_once_for_all_functions() -> None:
    bad = {"AzureSignalRConnectionString": "AccessKey=VERYSECRET;Version=1.0;"}

    (problem,) = _problems(bad, _function("a"), _function("b"))

    assert (problem.code, problem.function) == ("FJ0306", "a")
    assert str(problem.where) == "a/function.json:3:1  /bindings/1"
    assert "it comes from environment: " in problem.why
    assert problem.azure == (
        "Connection string missing required properties endpoint. (Parameter 'endpoint')"
    )
    assert "VERYSECRET" not in json.dumps(problem.as_json())


def test_each_setting_is_told_at_its_own_property() -> None:
    bad = {"One": "Endpoint=x;AccessKey=K", "Two": "Endpoint=http://x"}

    found = _problems(
        bad,
        _function("a", connectionStringSetting="One"),
        _function("b", connectionStringSetting="Two"),
    )

    assert [p.where.pointer for p in found if p.where] == [
        "/bindings/1/connectionStringSetting"
    ] * 2


@pytest.mark.parametrize(
    "text",
    ["", "  ", "<your connection string>", "Endpoint=http://localhost;Port=8888;AccessKey=K;"],
)
def test_sound_empty_and_placeholder_strings_are_fine(text: str) -> None:
    assert _problems({"AzureSignalRConnectionString": text}, _function("a")) == ()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "Endpoint=http://x;AccessKey=VERYSECRET;Version=1.0; # prod",
            "text that is not NAME=VALUE",
        ),
        ("Endpoint=http://x;AccessKey=VERYSECRET # VERYSECRET too", "AccessKey has a blank in it"),
    ],
)
def test_text_after_a_connection_string_is_told(text: str, cause: str) -> None:
    (problem,) = _problems({"AzureSignalRConnectionString": text}, _function("a"))

    assert (problem.code, problem.severity.name) == ("FJ0306", "WARNING")
    assert cause in problem.why
    assert "VERYSECRET" not in json.dumps(problem.as_json())
