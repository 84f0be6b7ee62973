"""wrong_documents: the advice fits what was written."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson import wrong_documents as wrong
from funcjson.errors import Location
from funcjson.registry import open_registry

HERE = Location("f/function.json", 3, 5)


class Places:
    def locate(self, _pointer: str) -> Location:
        return HERE

    locate_key = locate


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("my_messages", '"myMessages"'),
        ("my-first-name", '"myFirstName"'),
        ("1st", '"st"'),
        ("$result", '"$return"'),
        ("___", '"signalRMessages"'),
        ("MyOut_", '"MyOut"'),
    ],
)
def test_a_better_binding_name_is_offered(name: str, better: str) -> None:
    problem = wrong.binding_name(name, {"type": "signalR", "name": name}, "/bindings/1", Places())

    assert better in problem.fix


def test_a_missing_binding_name_has_the_hosts_two_spaces() -> None:
    problem = wrong.binding_name(None, {"type": "HTTP"}, "/bindings/1", Places())

    assert problem.fix == 'add "name": "res"'
    assert (problem.azure or "").startswith("The binding name  is invalid.")


@pytest.mark.parametrize(
    ("name", "better"),
    [("1st", "st"), ("my.func", "my-func"), ("host", "hosting"), ("...", "myFunction")],
)
def test_a_better_function_name_is_offered(name: str, better: str) -> None:
    assert wrong.function_name(name, HERE).fix == f"rename the folder, for example to {better}"


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        ("output", 'write "out"'),
        ("inn", 'write "in"'),
        ("", 'write "in" or "out"'),
        (None, 'write "in" or'),
    ],
)
def test_the_near_direction_is_guessed(found: Any, fix: str) -> None:
    problem = wrong.direction(found, HERE)

    assert problem.fix.startswith(fix)
    assert "is not a valid binding direction." in (problem.azure or "")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Endpoint=https://x;AccessKey=VERYSECRET", "it must hold the NAME of a setting"),
        ("endpoint = https://x", "it must hold the NAME of a setting"),
        ("%Signal%", "it is taken as it stands"),
        ("{Signal}", "it is taken as it stands"),
    ],
)
def test_a_value_that_is_no_setting_name_is_told_without_showing_a_key(
    value: str, words: str
) -> None:
    problem = wrong.not_a_setting_name("connectionStringSetting", value, HERE)

    assert problem is not None
    assert words in problem.what
    assert "VERYSECRET" not in str(problem.as_json())


@pytest.mark.parametrize("value", ["AzureSignalRConnectionString", "Section:Key", "A__B", ""])
def test_setting_names_are_fine(value: str) -> None:
    assert wrong.not_a_setting_name("connectionStringSetting", value, HERE) is None


def test_unknown_types_share_the_hosts_one_text() -> None:
    found = [("signalX", HERE), ("queue", HERE), ("htp", HERE)]

    problems = wrong.unknown_types(found, open_registry(installed=()), bundle=False)

    assert [p.code for p in problems] == ["FJ0209", "FJ0210", "FJ0209"]
    assert "'signalX, queue, htp'" in (problems[0].azure or "")
    assert problems[0].fix == 'did you mean "signalR"?'
    assert problems[2].fix == 'did you mean "http"?'
