"""Step 3: the names that expressions may use, each with its value and origin."""

from __future__ import annotations

from typing import Any

from tests.unit.trace_view.traces import http

from funcjson.binding_data import BindingData, Entry
from funcjson.http_binding_data import http_binding_data
from funcjson.masking import Shown
from funcjson.model import TriggerEvent
from funcjson.trace_view.data import data_rows, data_rules


def data_of(event: TriggerEvent, azure: bool = False) -> BindingData:
    assert event.request is not None
    return http_binding_data(event.request, "req", "f", azure)


def rows_of(event: TriggerEvent) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in data_rows(data_of(event), Shown())}


def test_each_name_stands_as_it_is_written_between_braces() -> None:
    event = http(("X-User", "ann"), query="Name=Amy", body=b'{"n": 5}', route={"room": "r1"})

    found = {name: (row["value"], row["from"]) for name, row in rows_of(event).items()}

    assert found == {
        "headers.x-user": ("ann", "headers"),
        "query.Name": ("Amy", "query"),
        "Name": ("Amy", "query"),
        "n": ("5", "body"),
        "room": ("r1", "route"),
        "req": (None, "trigger"),
        "sys.methodname": ("f", "sys"),
        "sys.utcnow": (None, "sys"),
        "sys.randguid": (None, "sys"),
    }


def test_values_that_show_as_nothing_say_so() -> None:
    rows = rows_of(http(body=b'{"o": {"a": 1}}', route={"opt": None}))

    assert rows["o"]["note"] == "an object shows as nothing; name one of its members"
    assert rows["opt"]["note"] == "null shows as nothing"
    assert rows["o"]["value"] == {"a": 1}


def test_plain_booleans_of_signalr_arguments_show_as_nothing() -> None:
    data = BindingData([Entry("flag", True, "argument"), Entry("list", [1], "argument")])

    notes = {row["name"]: row["note"] for row in data_rows(data, Shown())}

    assert notes["flag"] == "a plain boolean or decimal number shows as nothing"
    assert notes["list"] == "an array shows as nothing"


def test_what_the_caller_hid_behind_a_taken_name_is_listed_as_not_used() -> None:
    rows = data_rows(data_of(http(body=b'{"headers": {"x-user": "forged"}}')), Shown())

    (hidden,) = [row for row in rows if row["hidden"]]
    assert hidden["name"] == "headers"
    assert hidden["from"] == "body"
    assert hidden["note"] == "not used: this name is taken"


def test_secret_headers_and_parameters_are_masked() -> None:
    rows = rows_of(http(("Authorization", "Bearer abc"), query="code=key&sig=x"))

    assert rows["headers.authorization"]["value"] == "Bearer ***"
    assert rows["query.code"]["value"] == "***"
    assert rows["query.sig"]["value"] == "***"


def test_only_what_shows_is_taught() -> None:
    both = http(query="a=1", body=b'{"b": 1}')
    taken = http(body=b'{"headers": 1}')
    dated = http(body=b'{"at": "2024-01-02T03:04:05Z"}')

    assert data_rules(data_of(http()), http(), False) == []
    assert data_rules(data_of(both), both, False) == ["data-body", "data-order"]
    assert "data-shadow" in data_rules(data_of(taken), taken, False)
    assert "data-shadow-azure" in data_rules(data_of(taken, azure=True), taken, True)
    assert "data-dates" in data_rules(data_of(dated), dated, False)
