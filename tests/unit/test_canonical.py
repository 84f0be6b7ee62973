"""canonical: an entry in its schema's spelling, and what its schema has against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from funcjson.canonical import (
    Entry,
    TypeRules,
    canonical,
    near_property,
    schema_problems,
    type_rules,
)
from funcjson.errors import Location, Problem, Severity
from funcjson.registry import open_registry

REGISTRY = open_registry(installed=())


class Places:
    """Names the pointer, so that a test can see what was asked for."""

    def locate(self, pointer: str) -> Location:
        return Location("f", 1, 1, pointer)

    def locate_key(self, pointer: str) -> Location:
        return Location("f", 1, 1, f"{pointer} (name)")


def _rules(name: str) -> TypeRules:
    return type_rules(REGISTRY.find(name))


def _entry(type_name: str, **members: Any) -> Entry:
    return canonical({"type": type_name, **members}, _rules(type_name), "/bindings/0", Places())


def _problems(type_name: str, **members: Any) -> list[Problem]:
    entry = _entry(type_name, **members)
    return list(schema_problems(entry, _rules(type_name), "/bindings/0", Places()))


def test_names_and_words_take_the_spelling_of_the_schema() -> None:
    found = _entry("SIGNALRTRIGGER", HUBNAME="chat", Category="Messages", event="Send")

    assert found.properties == {
        "type": "signalRTrigger",
        "hubName": "chat",
        "category": "messages",
        "event": "Send",
    }
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (1.5, "1.5"), (True, "True"), (False, "False"), ("x", "x")]
)
def test_scalars_become_text_where_text_is_wanted(value: object, text: str) -> None:
    assert _entry("signalR", hubName=value).properties["hubName"] == text


def test_null_stays_null_and_counts_as_missing() -> None:
    assert _entry("signalR", hubName=None).properties["hubName"] is None
    assert [p.what for p in _problems("signalR", hubName=None)] == ["'hubName' is missing"]


def test_of_two_spellings_the_exact_one_counts() -> None:
    found = _entry("signalR", HUBNAME="a", hubName="b", hubname="c")

    assert found.properties["hubName"] == "b"
    assert [p.code for p in found.problems] == ["FJ0217", "FJ0217"]


def test_a_sound_entry_has_no_problem() -> None:
    assert _problems("signalR", hubName="chat", name="m", direction="out") == []


def test_a_missing_hub_is_a_warning_with_an_example() -> None:
    (problem,) = _problems("signalR")

    assert (problem.code, problem.severity) == ("FJ0202", Severity.WARNING)
    assert problem.fix == 'add "hubName": "chat"'
    assert problem.where == Location("f", 1, 1, "/bindings/0")
    assert problem.azure == "Value cannot be null. (Parameter 'key')"


def test_a_missing_hub_of_a_trigger_is_an_error() -> None:
    problems = _problems("signalRTrigger", category="messages", event="send")

    assert [(p.code, p.severity) for p in problems] == [("FJ0202", Severity.ERROR)]


def test_a_slip_in_a_needed_name_is_one_problem_not_two() -> None:
    (problem,) = _problems("signalR", hub_name="chat")

    assert problem.fix == 'rename "hub_name" to "hubName"'
    assert problem.where == Location("f", 1, 1, "/bindings/0/hub_name (name)")


@pytest.mark.parametrize(
    ("type_name", "members", "what", "fix"),
    [
        (
            "httpTrigger",
            {"methods": "get"},
            "'methods' must be a list, and this is text",
            'write ["get"]',
        ),
        (
            "httpTrigger",
            {"methods": [5]},
            "'methods.0' must be text, and this is a number",
            "write text",
        ),
        (
            "httpTrigger",
            {"authLevel": "admn"},
            "'authLevel' must be one of",
            'did you mean "admin"?',
        ),
        (
            "timerTrigger",
            {"schedule": ""},
            "'schedule' is empty",
            'write for example "0 */5 * * * *"',
        ),
        (
            "timerTrigger",
            {"schedule": {}},
            "'schedule' must be text, and this is an object",
            "write text",
        ),
        (
            "timerTrigger",
            {"schedule": "0 0 0 * * *", "runOnStartup": "yes"},
            "'runOnStartup' must be true or false, and this is text",
            "write true or false",
        ),
    ],
)
def test_wrong_values_are_told_in_plain_words(
    type_name: str, members: dict[str, Any], what: str, fix: str
) -> None:
    (problem,) = _problems(type_name, **members)

    assert (problem.code, problem.severity) == ("FJ0204", Severity.ERROR)
    assert problem.what.startswith(what)
    assert problem.fix == fix


def test_the_hosts_own_text_comes_along() -> None:
    (problem,) = _problems("signalRConnectionInfo", name="ci", hubName="chat", claimTypeList="name")

    assert problem.azure == (
        "Unable to configure binding 'ci' of type 'signalRConnectionInfo'. "
        "This may indicate invalid function.json properties"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hub", "hubName"),
        ("hub_name", "hubName"),
        ("Hub-Name", "hubName"),
        ("hubnane", "hubName"),
        ("connectionString", "connectionStringSetting"),
        ("connection", "connectionStringSetting"),
        ("color", None),
    ],
)
def test_near_names_are_guessed(written: str, meant: str | None) -> None:
    assert near_property(written, ["name", "hubName", "connectionStringSetting"]) == meant


def test_names_that_look_like_comments_are_left_alone() -> None:
    assert _problems("signalR", hubName="chat", **{"$comment": "x", "_note": 1, "//": ""}) == []


def test_the_names_that_any_binding_may_have_are_known() -> None:
    assert _problems("http", name="res", properties={"supportsDeferredBinding": "true"}) == []


def test_a_plugin_schema_is_told_in_its_own_words(tmp_path: Path) -> None:
    schema = '{"properties": {"size": {"minimum": 3}}, "required": ["size"]}'
    kind = REGISTRY.find("http")
    rules = type_rules(type(kind)("acme", schema, kind.collect, kind.flush))  # type: ignore[union-attr, call-arg]

    entry = canonical({"type": "acme", "size": 1}, rules, "/bindings/0", Places())

    (problem,) = schema_problems(entry, rules, "/bindings/0", Places())
    assert problem.what == "'size': 1 is less than the minimum of 3"
