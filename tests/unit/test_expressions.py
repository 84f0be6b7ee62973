"""Expressions for people: checks at load, placeholders, explanations."""

from __future__ import annotations

import pytest

from funcjson.binding_data import BindingData, Entry
from funcjson.errors import Location, Severity
from funcjson.expressions import (
    check_template,
    explain_template,
    parse_template,
    placeholder_problem,
)
from funcjson.http_binding_data import http_binding_data
from funcjson.model import HttpRequest

WHERE = Location("negotiate/function.json", 9, 17, "/bindings/2/userId")


def offered(
    headers: tuple[tuple[str, str], ...] = (("Accept", "secret-value"), ("Host", "localhost")),
    body: str = '{"user":"ann","obj":{"a":"x","list":[1,2],"t":true}}',
    query: str = "room=r1",
) -> BindingData:
    request = HttpRequest("POST", "http://h/api/f", headers, query, {}, body.encode())
    return http_binding_data(request, "req", "negotiate")


# Checks at load


def codes(text: str, offers: frozenset[str] | None = None) -> list[str]:
    return [problem.code for problem in check_template(parse_template(text, WHERE), offers)]


def test_a_sound_expression_has_no_problem() -> None:
    assert codes("{user}-{headers.x}-{datetime:yyyy}") == []
    assert codes("{text}", frozenset({"Text", "sys"})) == []


def test_a_malformed_expression_is_a_warning_with_the_real_text() -> None:
    (problem,) = check_template(parse_template("{user", WHERE), None, function="f")

    assert (problem.severity, problem.function) == (Severity.WARNING, "f")
    assert problem.azure == "Invalid template '{user'. Missing closing bracket at position 1."


def test_a_name_that_the_trigger_never_offers_is_a_warning() -> None:
    (problem,) = check_template(
        parse_template("{headers.x}"), frozenset({"TimerTrigger", "sys"}), function="tick"
    )

    assert problem.code == "FJ0323"
    assert problem.why == "this trigger offers: sys, TimerTrigger"
    assert problem.azure == "No value for named parameter 'headers'."


def test_a_builtin_needs_no_offer() -> None:
    assert codes("{rand-guid}{datetime}", frozenset()) == []


def test_an_unknown_member_of_sys_is_a_warning() -> None:
    assert codes("{sys.now}") == ["FJ0323"]


def test_a_habit_is_a_warning_where_a_body_could_still_have_it() -> None:
    (problem,) = check_template(parse_template("{body.user}"), None)

    assert (problem.code, problem.fix) == ("FJ0323", "write {user}")


def test_a_login_header_is_a_warning() -> None:
    assert codes("{headers.X-MS-CLIENT-PRINCIPAL-NAME}") == ["FJ0324"]


def test_the_other_spelling_is_a_note() -> None:
    (problem,) = check_template(parse_template("<headers.x-user>"), None)

    assert (problem.code, problem.severity) == ("FJ0322", Severity.NOTE)
    assert problem.fix == 'write "{headers.x-user}"'


def test_a_missing_setting_is_a_warning_when_settings_are_known() -> None:
    template = parse_template("%Hub%")

    assert check_template(template, None) == []
    assert [p.code for p in check_template(template, None, {}.get)] == ["FJ0304"]
    assert [p.code for p in check_template(template, frozenset(), {"Hub": "{x}"}.get)] == ["FJ0323"]


# Placeholders


@pytest.mark.parametrize(
    ("prop", "text", "advice"),
    [
        ("hubName", "<hub_name>", "such as"),
        ("connectionStringSetting", "<name of setting containing SignalR Service>", "the setting"),
        ("other", "https://<your-host>/x", "the real value"),
    ],
)
def test_a_documentation_placeholder_says_what_goes_there(
    prop: str, text: str, advice: str
) -> None:
    problem = placeholder_problem(text, prop, WHERE, "f")

    assert problem is not None
    assert (problem.code, problem.severity) == ("FJ0321", Severity.WARNING)
    assert advice in problem.fix


@pytest.mark.parametrize("text", ["chat", "<headers.x>", "a < b > c", "<>", "{x}"])
def test_what_is_no_placeholder(text: str) -> None:
    assert placeholder_problem(text, "hubName") is None


# Explanation


def test_an_expression_is_explained_token_by_token() -> None:
    rows = explain_template(
        parse_template("%Hub%-{user}-{headers.nope}"),
        offered(),
        {"Hub": "{room}"}.get,
        origin={"Hub": "environment"}.get,
    )

    assert [(row.text, row.kind, row.source, row.value) for row in rows] == [
        ("%Hub%", "setting", "environment", "{room}"),
        ("{room}", "expression", "query", "r1"),
        ("-", "text", "as written", "-"),
        ("{user}", "expression", "body", "ann"),
        ("-", "text", "as written", "-"),
        ("{headers.nope}", "expression", "headers.nope", None),
    ]
    assert rows[-1].reason.endswith("'headers' offered: accept, host")


def test_a_malformed_expression_is_explained_too() -> None:
    (row,) = explain_template(parse_template("{user"), offered())

    assert (row.value, row.reason) == (None, "'{' at position 1 of '{user' has no partner")


def test_a_missing_setting_is_explained() -> None:
    rows = explain_template(parse_template("%Nope%"), offered())

    assert [row.reason for row in rows] == ["there is no setting 'Nope'"] * 2


@pytest.mark.parametrize(
    ("text", "source", "reason"),
    [
        ("{obj}", "body", "an object or array shows as nothing; name one of its members"),
        ("{datetime:yyyy}", "built in", ""),
        ("{obj.a}", "body.a", ""),
        ("{flag}", "argument", "a plain boolean or decimal number shows as nothing"),
        ("{none}", "argument", "null shows as nothing"),
        ("{empty}", "argument", "the text is empty"),
    ],
)
def test_an_empty_value_says_why(text: str, source: str, reason: str) -> None:
    entries = [*offered(), Entry("flag", True, "argument"), Entry("none", None, "argument")]
    data = BindingData([*entries, Entry("empty", "", "argument")])
    (row,) = explain_template(parse_template(text), data)

    assert (row.source, row.reason) == (source, reason)


def test_an_alias_is_explained_as_what_it_means() -> None:
    (row,) = explain_template(parse_template("<query.room>"), offered())

    assert (row.text, row.value) == ("{query.room}", "r1")
