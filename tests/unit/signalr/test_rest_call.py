"""Parameters of a REST call: names, numbers and lists, and the fault that names the parameter."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.signalr.limits import Quotas
from funcjson.signalr.rest_call import Call, json_response
from funcjson.signalr.rest_message import RestRequest
from funcjson.signalr.rest_problem import RestProblem
from funcjson.signalr.rest_routes import Api, Match
from funcjson.signalr.service import SignalRService


def call(query: dict[str, list[str]], **names: str) -> Call:
    return Call(
        SignalRService(),
        Quotas("off", lambda: 0.0),
        RestRequest("PUT", "/"),
        Match("add_user_to_group", names, Api.V2022, 200),
        query,
        "chat",
        "http://localhost",
    )


def test_the_last_of_several_values_counts_and_empty_is_absent() -> None:
    found = call({"reason": ["a", "b"], "userid": [""]})

    assert found.text("reason") == "b"
    assert found.text("userId") is None
    assert found.text("other") is None


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("+5", 5), ("2147483647", 2147483647)])
def test_whole_numbers_within_bounds(text: str, value: int) -> None:
    assert call({"ttl": [text]}).number("ttl", 0, 2147483647) == value


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "2147483648", "٣", "9" * 5000])
def test_other_numbers_are_refused_by_name(text: str) -> None:
    with pytest.raises(RestProblem, match="ttl must be a whole number") as caught:
        call({"ttl": [text]}).number("ttl", 0, 2147483647)

    assert caught.value.target == "ttl"


def test_group_names_are_checked_and_users_are_not() -> None:
    found = call({}, group=" ", user=" ")

    assert found.name("user") == " "
    with pytest.raises(RestProblem, match="Invalid group name"):
        found.name("group")


def test_excluded_ids_are_never_split() -> None:
    assert call({"excluded": ["a,b", "c"]}).excluded() == ("a,b", "c")


@pytest.mark.parametrize(
    ("value", "text"),
    [({"a": b"x"}, b'{"a":"eA=="}'), (float("nan"), b"null"), ("é", '"é"'.encode())],
)
def test_answers_hold_only_what_json_can_say(value: Any, text: bytes) -> None:
    assert json_response(value).body == text
