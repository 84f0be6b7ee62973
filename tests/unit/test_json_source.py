"""json_source: what is read, what is warned about, what is refused, and where things are."""

from __future__ import annotations

import pytest

from funcjson.errors import Severity
from funcjson.json_source import parse_json

# Text and the start of what is said, place, and the real host's text.
BROKEN = [
    ('{"a":1 "b":2}', "a comma is missing here", "1:7", 'encountered: ". Path \'a\', line 1'),
    ('{\n "a": "in"\n "b": 2}', "a comma is missing here", "2:11", "Path 'a', line 3, position 1."),
    ('{ "a" 1 }', 'a colon is missing after "a"', "1:7", "Expected ':' but got: 1. Path ''"),
    ('{"a": {}', "the file ends before", "1:9", "Unexpected end of content while loading JObject."),
    ('{ "a": "bcd', "the text that starts here", "1:8", 'Unterminated string. Expected'),
    ('{"a":1} x', "there is more text", "1:9", "content: x. Path '', line 1, position 8."),
    ('{ "a": True }', "a value was expected", "1:8", "value: T. Path 'a', line 1, position 7."),
    ("{\u201ca\u201d:1}", "a name was expected", "1:2", "identifier character: \u201c."),
    ('{"a":"\\q"}', "\\q is not an escape", "1:7", "sequence: \\q. Path 'a', line 1, position 8."),
    ('{"a":[1,2}', "'}' closes a bracket", "1:10", "encountered: }. Path 'a[1]'"),
    ('{"a":012x}', "'012x' is not a number", "1:6", "Input string '012x' is not a valid number."),
    ('{"a":[{"b" 1}]}', "a colon is missing", "1:12", "Path 'a[0]', line 1, position 11."),
    ("[" * 70, "more than 64 levels", "1:65", "The reader's MaxDepth of 64 has been exceeded."),
    ('{"a": # x\n 1}', "a value was expected", "1:7", "parsing value: #."),
    ("{", "the file ends before", "1:2", "Path '', line 1, position 1."),
    ('{"a"', "the file ends before", "1:5", "Unexpected end of content"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "what", "place", "azure"), BROKEN)
def test_broken_json_says_where_and_what(text: str, what: str, place: str, azure: str) -> None:
    source = parse_json(text, "f/function.json")

    (problem,) = source.problems
    assert problem.code == "FJ0101"
    assert problem.what.startswith(f"not valid JSON: {what}")
    assert str(problem.where) == f"f/function.json:{place}"
    assert azure in (problem.azure or "")
    assert source.value is None
    assert problem.fix


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ('{"a": True}', "JSON spells it true"),
        ('{"a": None}', "JSON spells it null"),
        ("{\u201ca\u201d:1}", "these are typographic quotes: use the plain double quote"),
        ("<<<<<<< HEAD\n{}", "if this is an unresolved merge"),
        ("{{ name }}", "this looks like a template that was not filled in"),
        ('{"path": "C:\\Users"}', "write \\\\ for a backslash"),
    ],
)
def test_common_slips_have_their_own_advice(text: str, fix: str) -> None:
    (problem,) = parse_json(text, "f").problems

    assert problem.fix.startswith(fix)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_file_is_named_as_such(text: str) -> None:
    (problem,) = parse_json(text, "f").problems

    assert (problem.code, problem.what) == ("FJ0102", "the file is empty")
    assert problem.azure == "Error reading JObject from JsonReader. Path '', line 0, position 0."


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("[]", "StartArray"),
        ('"x"', "String"),
        ("null", "Null"),
        ("5", "Integer"),
        ("true", "Boolean"),
    ],
)
def test_a_root_that_is_no_object_is_refused(text: str, token: str) -> None:
    source = parse_json(text, "f")

    assert source.problems[0].code == "FJ0103"
    assert f"Current JsonReader item is not an object: {token}." in (source.problems[0].azure or "")
    assert parse_json(text, "f", object_root=False).ok


@pytest.mark.parametrize(
    "data",
    [
        '\ufeff// c\n{"b":[1,],/* x */}',
        b'\xef\xbb\xbf{"b":[1]}',
        b"\xff\xfe" + '{"b":[1]}'.encode("utf-16-le"),
        '{"b":[1]}\r\n// the end',
    ],
)
def test_comments_commas_and_byte_order_marks_are_silent(data: str | bytes) -> None:
    source = parse_json(data, "f")

    assert source.value == {"b": [1]}
    assert source.problems == ()


LIBERTIES = [
    ("{b: 1}", {"b": 1}, "a name without quotes: b"),
    ("{'b': 'x'}", {"b": "x"}, "single-quoted text (and 1 more)"),
    ('{"b": 0x1F}', {"b": 31}, "a number that JSON does not know: 0x1F"),
    ('{"b": 012}', {"b": 10}, "a number that JSON does not know: 012"),
    ('{"b": .5}', {"b": 0.5}, "a number that JSON does not know: .5"),
    ('{"b": [1,,2]}', {"b": [1, None, 2]}, "an empty place between two commas"),
    ('{"b": "x\ty"}', {"b": "x\ty"}, "a raw line break or tab inside a text"),
    ('{"b": -Infinity}', {"b": float("-inf")}, "NaN, Infinity or undefined: -Infinity"),
    ('{"b":\u00a01}', {"b": 1}, "a blank that is not a space, tab or line break"),
]


@pytest.mark.parametrize(("text", "value", "what"), LIBERTIES)
def test_other_liberties_are_read_with_a_warning(text: str, value: object, what: str) -> None:
    source = parse_json(text, "f")

    assert source.value == value
    assert [(p.code, p.what, p.severity) for p in source.problems] == [
        ("FJ0104", what, Severity.WARNING)
    ]


def test_a_duplicate_name_is_a_warning_and_the_last_one_counts() -> None:
    source = parse_json('{"a": 1,\n "a": 2}', "f")

    assert source.value == {"a": 2}
    assert source.problems[0].code == "FJ0105"
    assert str(source.problems[0].where) == "f:2:2"


def test_bytes_that_are_not_utf8_are_a_warning_with_a_place() -> None:
    source = parse_json(b'{"a":\n "\xe9"}', "f")

    assert source.value == {"a": "\ufffd"}
    assert [(p.code, str(p.where)) for p in source.problems] == [("FJ0106", "f:2:3")]


def test_surrogate_pairs_become_one_character() -> None:
    assert parse_json("{'a': '\\ud83d\\ude00'}", "f").value == {"a": "\U0001f600"}


DOCUMENT = '{\r\n  "bindings": [\r\n    {"NAME": "x",\r\n     "a/b": 1}\r\n  ]\r\n}'


@pytest.mark.parametrize(
    ("pointer", "value_at", "key_at"),
    [
        ("", "1:1", "1:1"),
        ("/bindings", "2:15", "2:3"),
        ("/bindings/0", "3:5", "3:5"),
        ("/bindings/0/NAME", "3:14", "3:6"),
        ("/bindings/0/name", "3:14", "3:6"),
        ("/bindings/0/a~1b", "4:13", "4:6"),
        ("/bindings/0/direction", "3:5", "3:5"),
        ("/bindings/7/name", "2:15", "2:15"),
        ("/retry", "1:1", "1:1"),
    ],
)
def test_places_of_values_and_names(pointer: str, value_at: str, key_at: str) -> None:
    source = parse_json(DOCUMENT, "f")

    assert str(source.locate(pointer)).split()[0] == f"f:{value_at}"
    assert str(source.locate_key(pointer)).split()[0] == f"f:{key_at}"
    assert source.locate(pointer).pointer == pointer


def test_the_line_is_shown_with_a_mark_below_the_place() -> None:
    (problem,) = parse_json('{\n\t"a" 1}', "f/function.json").problems

    assert problem.why == '"a" 1}\n    ^'


def test_a_long_line_is_cut_to_what_surrounds_the_place() -> None:
    (problem,) = parse_json('{"a": "' + "x" * 200 + '" "b": 1}', "f/function.json").problems

    shown, mark = problem.why.split("\n")
    assert shown.startswith("...x")
    assert shown[len(mark) - 2 :].startswith('" "b"')
    assert len(shown) <= 90


SECRET = "abcDEF0123456789"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("local.settings.json", f'{{"Values": {{"A": "AccessKey={SECRET};" "B": ""}}}}'),
        ("local.settings.json", f'{{"Values": {{"A": {SECRET}}}}}'),
        ("local.settings.json", f'{{"Values": {{"A": 1 "{SECRET}": 1}}}}'),
        ("local.settings.json", f'"{SECRET}"'),
        (
            "f/function.json",
            f'{{"connectionStringSetting": "Endpoint=x;AccessKey={SECRET};" "b": 1}}',
        ),
    ],
)
def test_what_is_shown_of_a_broken_file_is_never_a_secret(file: str, text: str) -> None:
    source = parse_json(text, file)

    assert source.problems
    assert SECRET not in str([problem.as_json() for problem in source.problems])


@pytest.mark.parametrize(
    ("file", "example"),
    [
        ("f/function.json", '{"bindings": [...]}'),
        ("host.json", '{"version": "2.0"}'),
        ("local.settings.json", '"Values"'),
    ],
)
def test_the_remedy_for_no_object_shows_what_the_file_holds(file: str, example: str) -> None:
    (problem,) = parse_json(b"[]", file).problems

    assert example in problem.fix
