"""Expressions beyond the vectors: what errors tell, checks at load, explanations, placeholders."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from funcjson.binding_data import BindingData, Entry, http_binding_data
from funcjson.errors import Location, Problem, Severity
from funcjson.expressions import (
    ExpressionError,
    check_template,
    explain_template,
    parse_template,
    placeholder_problem,
    resolve_settings,
)
from funcjson.model import HttpRequest

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
