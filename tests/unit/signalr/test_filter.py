"""Which connections a filter selects, and where one that cannot be read is wrong."""

from __future__ import annotations

import pytest

from funcjson.signalr.filter import MAX_NESTING, FilterError, Subject, parse

ANN = Subject("c1", "user-ab-de", frozenset({"g1", "g2"}))
BOB = Subject("c2", " Bob ", frozenset({"g2"}))
NOBODY = Subject("c3", None, frozenset())
EVERYBODY = (ANN, BOB, NOBODY)


def selected(text: str) -> str:
    predicate = parse(text)
    return " ".join(each.connection_id for each in EVERYBODY if predicate(each))


# The examples that Azure publishes for each operator and function, and for both services.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("startswith(userId, 'user-')", "c1"),
        ("userId eq 'user-ab-de'", "c1"),
        ("userId eq null", "c3"),
        ("userId ne null", "c1 c2"),
        ("connectionId ne 'c1'", "c2 c3"),
        ("'g1' in groups", "c1"),
        ("'g1' in groups or 'g3' in groups", "c1"),
        ("userId in ('user-ab-de', 'x') and 'g1' in groups", "c1"),
        ("connectionId in ('c2', 'c3')", "c2 c3"),
        ("userId eq 'user-ab-de' and (not ('g1' in groups))", ""),
        ("length(userId) le 10 and length(userId) gt 3", "c1 c2"),
        ("length(userId) gt 10 or length(userId) le 3", ""),
        ("not endswith(userId, 'de')", "c2"),
        ("tolower(trim(userId)) eq 'bob'", "c2"),
        ("toupper(userId) eq 'USER-AB-DE'", "c1"),
        ("substring(userId,5,2) eq 'ab'", "c1"),
        ("substring(userId,8) eq 'de'", "c1"),
        ("indexof(userId,'-ab-') ge 0", "c1"),
        ("contains(userId, 'ob')", "c2"),
        ("concat(connectionId, userId) eq 'c2 Bob '", "c2"),
        ("length(groups) gt 1", "c1"),
        ("length(groups) eq 0", "c3"),
        ("'g1' in (groups)", "c1"),
        ("true", "c1 c2 c3"),
        ("false", ""),
        ("userId eq 'user''1'", ""),
    ],
)
def test_what_is_selected(text: str, expected: str) -> None:
    assert selected(text) == expected


def test_a_quote_in_a_text_is_written_twice() -> None:
    assert parse("userId eq 'o''hara'")(Subject("c", "o'hara", ()))


def test_and_binds_tighter_than_or() -> None:
    assert selected("true or false and false") == "c1 c2 c3"
    assert selected("(true or false) and false") == ""


def test_names_ignore_letter_case_and_values_do_not() -> None:
    assert selected("USERID EQ 'user-ab-de' AND 'g1' IN Groups") == "c1"
    assert selected("userId eq 'USER-AB-DE'") == ""


def test_what_has_no_value_is_neither_true_nor_false() -> None:
    assert selected("startswith(userId, 'x') or not startswith(userId, 'x')") == "c1 c2"
    assert selected("startswith(userId, 'x') or true") == "c1 c2 c3"
    assert selected("length(userId) lt 3 or length(userId) ge 3") == "c1 c2"


def test_a_part_beyond_the_ends_of_a_text_is_cut_to_it() -> None:
    assert selected("substring(userId, indexof(userId, '?'), 2) eq 'us'") == "c1"
    assert selected("substring(connectionId, 9) eq ''") == "c1 c2 c3"


@pytest.mark.parametrize(
    ("text", "position", "part"),
    [
        ("", 1, "a value is needed"),
        ("   ", 1, "a value is needed"),
        ("userId", 1, "this is a text"),
        ("userId eq", 10, "it ends there"),
        ("userId eq 'ann", 11, "no ' at its end"),
        ("userId = 'ann'", 8, '"=" has no meaning'),
        ("user eq 'ann'", 1, '"user" stands there'),
        ("userId eq 'a' 'b'", 15, "a filter that was complete"),
        ("userId eq 5", 11, "between a text and a number"),
        ("groups eq 'g1'", 1, "groups is for"),
        ("'g1' in userId", 9, "a list in parentheses, or groups"),
        ("5 in groups", 1, "a group is a text"),
        ("userId in ('a', 5)", 17, "between a text and a number"),
        ("userId in ('a', 'b'", 20, 'for the "(" at character 11'),
        ("not length(userId) gt 5", 5, "write not (...) around a comparison"),
        ("(userId eq 'a'", 15, '")" is needed'),
        ("tolower userId", 9, '"(" is needed after tolower'),
        ("startswith(userId) eq true", 1, "takes 2 arguments, not 1"),
        ("substring(userId) eq 'a'", 1, "takes 2 or 3 arguments, not 1"),
        ("substring(userId, 'a') eq 'a'", 19, "takes a number here, not a text"),
        ("length(5) eq 1", 8, "takes a text or the groups here, not a number"),
        ("length(groups) gt 9999999999999999999", 19, "too large"),
        ("'a' and true", 1, "this is a text"),
    ],
)
def test_where_a_filter_is_wrong(text: str, position: int, part: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text)

    assert refused.value.position == position, str(refused.value)
    assert f"at character {position}: " in str(refused.value)
    assert part in str(refused.value)


@pytest.mark.parametrize("opening", ["(", "not ", "tolower("])
def test_nesting_has_a_bound(opening: str) -> None:
    with pytest.raises(FilterError, match="nested deeper"):
        parse(opening * (MAX_NESTING + 1) + "true" + ")" * (MAX_NESTING + 1))
    with pytest.raises(FilterError, match="nested deeper"):
        parse(opening * 3000)
