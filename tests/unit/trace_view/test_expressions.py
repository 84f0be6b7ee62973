"""Step 4: each expression token by token, with the value that the invocation used."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.trace_view.traces import (
    as_json,
    http,
    negotiate,
    plan_of,
    settings,
    signalr,
    traced,
)

from funcjson.expressions import parse_template
from funcjson.http_binding_data import http_binding_data
from funcjson.masking import Shown
from funcjson.model import CallResult, TriggerEvent
from funcjson.trace_view import view
from funcjson.trace_view.expressions import property_row, property_rules


def row_of(text: str, event: TriggerEvent, **values: str) -> dict[str, Any]:
    assert event.request is not None
    data = http_binding_data(event.request, "req", "f")
    return property_row(
        "userId", parse_template(text), data, settings(**values), lambda: 0.0, Shown()
    )


def test_tokens_say_what_they_are_and_where_their_value_comes_from() -> None:
    row = row_of("%Hub%-{headers.x-user}", http(("X-User", "ann")), Hub="chat")

    found = [
        (token["text"], token["kind"], token["source"], token["value"]) for token in row["tokens"]
    ]
    assert row["value"] == "chat-ann"
    assert found == [
        ("%Hub%", "setting", "environment", "chat"),
        ("chat-", "text", "as written", "chat-"),
        ("{headers.x-user}", "expression", "headers.x-user", "ann"),
    ]


def test_a_token_without_a_value_says_what_was_offered() -> None:
    row = row_of("{headers.nope}", http(("X-User", "ann")))

    assert row["value"] is None
    assert row["error"]["code"] == "FJ0302"
    assert row["error"]["azure"] == "Error while accessing 'nope': property doesn't exist."
    assert "offered: x-user" in row["tokens"][0]["reason"]


def test_an_empty_value_says_why() -> None:
    row = row_of("{o}", http(body=b'{"o": {"a": 1}}'))

    assert row["value"] == ""
    assert "shows as nothing" in row["tokens"][0]["reason"]


def test_a_secret_token_does_not_come_back_in_the_whole() -> None:
    row = row_of("u-{headers.x-api-key}", http(("X-Api-Key", "the-key-itself")))

    assert row["value"] == "u-***"


@pytest.mark.parametrize(
    "text", ["{rand-guid}", "{sys.randguid}", "{datetime:yyyy}", "{sys.utcnow}"]
)
def test_values_that_differ_each_time_are_marked(text: str) -> None:
    assert [token["volatile"] for token in row_of(text, http())["tokens"]] == [True]


async def test_the_value_is_the_one_that_was_used() -> None:
    trace = await traced(plan_of(negotiate("{rand-guid}")), http())

    document = view(trace)
    properties = {one["name"]: one for one in document["steps"][3]["bindings"][0]["properties"]}
    claims = {
        claim["claim"]: claim["value"]
        for claim in document["steps"][4]["inputs"][1]["tokens"][0]["claims"]
    }

    assert properties["userId"]["value"] == claims["asrs.s.uid"]


async def test_outputs_are_resolved_only_when_they_have_a_value() -> None:
    plan = plan_of(signalr("used", "{room}"), signalr("unused", "{headers.nope}"))
    result = CallResult({"used": as_json({"target": "m"})})

    rows = view(await traced(plan, http(body=b'{"room": "r1"}'), result))["steps"][3]["bindings"]

    used, unused = (row["properties"][0] for row in rows)
    assert used["value"] == "r1"
    assert unused["error"]["code"] == "FJ0302"
    assert {row["when"] for row in rows} == {"only when the handler gives it a value"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("%Hub%", "settings-first"),
        ("<headers.x-user>", "angle-brackets"),
        ("{headers.x-user}", "names-ignore-case"),
        ("{query.a}", "query-exact"),
        ("{nope}", "missing-fails"),
        ("{o}", "empty-shows"),
    ],
)
def test_what_an_expression_teaches(text: str, rule: str) -> None:
    event = http(("X-User", "ann"), query="a=1", body=b'{"o": {}}')

    assert rule in property_rules(row_of(text, event, Hub="chat"))
