"""Which names an invocation offers, which value wins, and where it came from."""

from __future__ import annotations

from datetime import datetime

import pytest

from funcjson.binding_data import (
    BindingData,
    Entry,
    Names,
    json_text,
    member_names,
    metadata_of,
    spread_json,
)
from funcjson.http_binding_data import http_binding_data
from funcjson.model import HttpRequest


def request(
    body: str = "",
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    route: dict[str, str | None] | None = None,
) -> HttpRequest:
    return HttpRequest("POST", "http://h/api/f", headers, query, route or {}, body.encode())


def value(data: BindingData, name: str) -> object:
    entry = data.find(name)
    assert entry is not None
    return entry.value


def test_names_ignore_letter_case() -> None:
    data = http_binding_data(request(query="Name=Ann"), "req", "f")

    assert "NAME" in data
    assert value(data, "nAmE") == "Ann"


def test_route_beats_query_beats_body() -> None:
    data = http_binding_data(
        request('{"a":"body","b":"body","c":"body"}', "a=query&b=query", route={"a": "route"}),
        "req",
        "f",
    )

    assert [(data.origin(name), value(data, name)) for name in "abc"] == [
        ("route", "route"),
        ("query", "query"),
        ("body", "body"),
    ]


@pytest.mark.parametrize("azure", [False, True])
def test_a_route_parameter_may_be_called_query(azure: bool) -> None:
    data = http_binding_data(request(route={"query": "shoes"}), "req", "f", azure)

    assert value(data, "query") == "shoes"


def test_a_body_cannot_replace_the_headers() -> None:
    data = http_binding_data(
        request('{"headers":{"x-user":"evil"}}', headers=(("X-User", "ann"),)), "req", "f"
    )
    headers = value(data, "headers")

    assert isinstance(headers, Names)
    assert headers.get("x-user") == "ann"
    assert [(entry.name, entry.origin) for entry in data.shadowed] == [("headers", "body")]


def test_on_azure_a_body_can() -> None:
    data = http_binding_data(request('{"headers":{"x-user":"evil"}}'), "req", "f", azure=True)

    assert data.origin("headers") == "body"


def test_the_trigger_name_beats_body_query_and_route() -> None:
    data = http_binding_data(request('{"req":1}', "req=2", route={"req": "3"}), "req", "f")

    assert data.origin("req") == "trigger"


def test_the_function_key_is_no_data() -> None:
    data = http_binding_data(request(query="CODE=secret&x=1"), "req", "f")

    assert "code" not in data
    assert data.names() == ("Headers", "Query", "req", "sys", "x")


def test_the_body_is_read_only_for_names_that_need_it() -> None:
    read: list[str] = []

    def more() -> list[Entry]:
        read.append("body")
        return [Entry("x", "1", "body")]

    data = BindingData([Entry("sys", None, "sys")], more)
    assert data.find("sys") is not None
    assert read == []

    assert data.origin("x") == "body"
    assert len(data) == 2
    assert read == ["body"]


@pytest.mark.parametrize(
    "body",
    ["", "text", "[1]", "{broken", '[{"a":1}]', '"a"', "null", '{"a":1} x'],
)
def test_a_body_that_is_no_object_offers_nothing(body: str) -> None:
    data = http_binding_data(request(body), "req", "f")

    assert "a" not in data
    assert data.names() == ("Headers", "Query", "req", "sys")


def test_a_body_may_be_as_tolerant_json_as_the_real_reader_takes() -> None:
    data = http_binding_data(request("\ufeff {'a': 1, // note\n b: 2,} "), "req", "f")

    assert [value(data, name) for name in "ab"] == ["1", "2"]


def test_on_azure_a_chunked_body_offers_nothing() -> None:
    chunked = request('{"a":1}', headers=(("Transfer-Encoding", "chunked"),))

    assert "a" in http_binding_data(chunked, "req", "f")
    assert "a" not in http_binding_data(chunked, "req", "f", azure=True)


def test_members_of_an_object_keep_their_kind() -> None:
    entries = {
        entry.name: entry.value for entry in spread_json('{"n":5,"t":true,"o":{"x":1}}', "b")
    }

    assert entries == {"n": "5", "t": "True", "o": {"x": 1}}


def test_on_azure_dates_are_rewritten_at_every_depth() -> None:
    entries = {
        entry.name: entry.value
        for entry in spread_json(
            '{"d":"2024-01-02T03:04:05Z","o":{"l":["2024-01-02T03:04:05Z"]}}', "b", azure=True
        )
    }

    assert entries["d"] == "01/02/2024 03:04:05"
    assert isinstance(entries["o"]["l"][0], datetime)


def test_the_last_of_repeated_query_parameters_wins() -> None:
    data = http_binding_data(request(query="a=1&a=2&flag&s=a+b%2Fc"), "req", "f")
    query = value(data, "query")

    assert isinstance(query, Names)
    assert (query.get("a"), query.get("flag"), query.get("s")) == ("2", "", "a b/c")
    assert query.get("A") is None
    assert sorted(query) == ["a", "flag", "s"]


def test_an_unknown_attribute_of_names_is_an_error() -> None:
    with pytest.raises(AttributeError):
        _ = Names(request(), lambda _: (), ignore_case=True).other  # type: ignore[attr-defined]


def test_values_tell_their_members() -> None:
    data = http_binding_data(request(headers=(("B", "1"), ("A", "2"))), "req", "f")

    assert member_names(value(data, "headers")) == ("a", "b")
    assert member_names(value(data, "sys")) == ("methodname", "randguid", "utcnow")
    assert member_names("text") == ("length",)
    assert member_names(1.5) is None


def test_metadata_leaves_out_the_trigger_and_sys() -> None:
    data = http_binding_data(request('{"o":{"x":1}}', "q=1"), "req", "f")

    assert metadata_of(data) == {
        "Headers": {"json": "{}"},
        "Query": {"json": '{"q":"1"}'},
        "o": {"json": '{"x":1}'},
        "q": {"string": "1"},
    }


def test_bytes_become_base64_in_json() -> None:
    assert json_text({"b": b"hi", "o": object()}) == '{"b":"aGk=","o":null}'
