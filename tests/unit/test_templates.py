"""Templates beyond the vectors: parsing, evaluation, and what errors tell."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from funcjson.binding_data import BindingData, Entry
from funcjson.errors import ExpressionError, Location, Problem
from funcjson.http_binding_data import http_binding_data
from funcjson.model import HttpRequest
from funcjson.templates import parse_template, resolve_settings

WHERE = Location("negotiate/function.json", 9, 17, "/bindings/2/userId")
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


def offered(
    headers: tuple[tuple[str, str], ...] = (("Accept", "secret-value"), ("Host", "localhost")),
    body: str = '{"user":"ann","obj":{"a":"x","list":[1,2],"t":true}}',
    query: str = "room=r1",
) -> BindingData:
    request = HttpRequest("POST", "http://h/api/f", headers, query, {}, body.encode())
    return http_binding_data(request, "req", "negotiate")


def problem_of(text: str, data: BindingData | None = None) -> Problem:
    with pytest.raises(ExpressionError) as caught:
        parse_template(text, WHERE).evaluate(data or offered())
    return caught.value.problems[0]


# What an error tells


def test_a_missing_header_says_what_was_offered_and_never_a_value() -> None:
    problem = problem_of("{headers.x-user}")

    assert problem.code == "FJ0302"
    assert problem.what == "{headers.x-user} has no value: no header 'x-user' in this request"
    assert problem.why == "'headers' offered: accept, host"
    assert problem.where == WHERE
    assert "secret-value" not in str(problem)


def test_a_login_header_says_who_supplies_it() -> None:
    problem = problem_of("{headers.x-ms-client-principal-id}")

    assert "App Service authentication adds this header" in problem.why
    assert problem.fix.startswith("sign in first")


def test_an_unknown_name_says_which_there_are() -> None:
    problem = problem_of("{usr}")

    assert problem.code == "FJ0301"
    assert (
        problem.why
        == "at that place the trigger offered: Headers, obj, Query, req, room, sys, user"
    )
    assert problem.fix == "did you mean {user}?"


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("{header.x-user}", "write {headers.x-user}"),
        ("{body.user}", "write {user}"),
        ("{params.id}", "write {id}"),
        ("{req.headers.x-user}", "write {headers.x-user}"),
        ("{request.query.room}", "write {query.room}"),
        ("{zzz}", "send it with the request, or use one of those names"),
    ],
)
def test_habits_of_other_systems_get_the_right_spelling(written: str, advice: str) -> None:
    assert problem_of(written, BindingData([Entry("sys", None, "sys")])).fix == advice


def test_a_near_member_is_suggested() -> None:
    assert problem_of("{obj.lisd}").fix == "did you mean {obj.list}?"


def test_a_member_of_text_says_that_there_are_none() -> None:
    problem = problem_of("{user.first}")

    assert problem.why == "'user' offered: length"
    assert problem.fix == "use one of those names"


def test_a_value_without_members_says_so() -> None:
    problem = problem_of("{n.x}", BindingData([Entry("n", 5, "argument")]))

    assert problem.why == "'n' holds a value without members"
    assert problem.fix == "remove '.x'"


def test_long_lists_of_names_are_cut() -> None:
    data = BindingData([Entry(f"n{number:02d}", "", "body") for number in range(40)])

    assert problem_of("{zzz}", data).why.endswith("n29 and 10 more")


def test_a_wrong_guid_format_is_refused_when_used() -> None:
    problem = problem_of("{rand-guid:Q}")

    assert problem.code == "FJ0303"
    assert (problem.azure or "").startswith("Format string can be only")


def test_each_use_raises_an_error_of_its_own() -> None:
    template = parse_template("{nope}")
    errors = []
    for _ in range(2):
        with pytest.raises(ExpressionError) as caught:
            template.evaluate(offered())
        errors.append(caught.value)

    assert errors[0] is not errors[1]


# Parsing and evaluation beyond the vectors


def test_a_template_keeps_its_tokens() -> None:
    tokens = parse_template("a{{-{user:N}").tokens

    assert [(token.kind, token.text) for token in tokens] == [
        ("text", "a"),
        ("text", "{{"),
        ("text", "-"),
        ("expression", "{user:N}"),
    ]
    assert (tokens[3].path, tokens[3].format) == (("user",), "N")


def test_a_text_without_expressions_is_constant() -> None:
    assert parse_template("chat").constant
    assert parse_template("%Hub%", lookup={"Hub": "chat"}.get).constant
    assert not parse_template("%Hub%").constant
    assert not parse_template("{user}").constant
    assert not parse_template("{").constant


def test_unicode_names_are_names() -> None:
    data = BindingData([Entry("größe", "5", "body")])

    assert parse_template("{größe}").evaluate(data) == "5"


@pytest.mark.parametrize("text", ["{٣a}", "{a b}", "{a\u2028}", "{a+b}"])
def test_other_characters_are_not(text: str) -> None:
    assert parse_template(text).fault is not None


def test_a_very_long_illegal_name_is_refused_at_once() -> None:
    assert parse_template("{" + "a" * 100_000 + "!}").fault is not None


def test_a_new_guid_each_time() -> None:
    template = parse_template("{rand-guid}{sys.randguid:N}")

    assert template.evaluate(offered()) != template.evaluate(offered())
    uuid.UUID(template.evaluate(offered())[:36])


def test_members_of_a_date_have_numbers() -> None:
    template = parse_template("{sys.utcnow.year}-{sys.utcnow.month}-{sys.utcnow.dayofyear}")

    assert template.evaluate(offered(), None, lambda: NOW) == "2024-1-2"


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        ("{obj.a.value}", "x"),
        ("{obj.a.value.length}", "1"),
        ("{obj.t.value}", ""),
        ("{obj.list.first}", "1"),
        ("{obj.list.last}", "2"),
        ("{req.method}", "POST"),
    ],
)
def test_the_few_properties_of_other_values(text: str, expect: str) -> None:
    assert parse_template(text).evaluate(offered()) == expect


def test_the_first_of_an_empty_array_is_null() -> None:
    assert parse_template("{list.first}").evaluate(BindingData([Entry("list", [], "body")])) == ""


def test_a_setting_changed_between_two_calls_is_seen() -> None:
    settings = {"Hub": "a"}
    template = parse_template("%Hub%-{user}")
    first = template.evaluate(offered(), settings.get)
    settings["Hub"] = "b{room}"

    assert (first, template.evaluate(offered(), settings.get)) == ("a-ann", "br1-ann")


def test_a_setting_without_a_lookup_has_no_value() -> None:
    assert problem_of("%Hub%").azure == "'%Hub%' does not resolve to a value."


def test_settings_alone_can_be_resolved() -> None:
    assert resolve_settings("a%X%{b}", {"X": "%Y%"}.get) == "a%Y%{b}"
    with pytest.raises(ExpressionError) as caught:
        resolve_settings("%Y%", {}.get, WHERE)

    assert caught.value.problems[0].fix == 'add "Y" to Values in local.settings.json'


@pytest.mark.parametrize("text", ["<headers.accept>", " <Headers.Accept> "])
def test_angle_brackets_around_a_known_root_are_another_spelling(text: str) -> None:
    template = parse_template(text)

    assert template.alias
    assert template.evaluate(offered()) == "secret-value"


@pytest.mark.parametrize("text", ["<user>", "a<headers.accept>", "<headers>", "<body.x>"])
def test_other_angle_brackets_are_text(text: str) -> None:
    assert parse_template(text).evaluate(offered()) == text


def test_on_azure_angle_brackets_are_text() -> None:
    template = parse_template("<headers.accept>", azure=True)

    assert template.evaluate(offered()) == "<headers.accept>"


@pytest.mark.parametrize("root", ["headers", "query"])
def test_a_route_parameter_of_that_name_is_no_dictionary(root: str) -> None:
    request = HttpRequest("GET", "http://h/api/f", (("X", "1"),), "x=1", {root: "shoes"})
    data = http_binding_data(request, "req", "f")

    assert parse_template(f"{{{root}}}").evaluate(data) == "shoes"
    assert problem_of(f"{{{root}.x}}", data).azure == (
        "Error while accessing 'x': property doesn't exist."
    )


def test_an_unchanged_setting_is_parsed_once() -> None:
    template = parse_template("%Hub%")
    settings = {"Hub": "{user}"}

    assert [template.evaluate(offered(), settings.get) for _ in range(2)] == ["ann", "ann"]
