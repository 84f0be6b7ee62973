"""What a handler's value means, and what is said about a wrong one (the vectors cover the rest)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funcjson.bindings.signalr_items import (
    EndpointRef,
    SignalRGroupAction,
    SignalRMessage,
    kind_of,
    read_items,
)
from funcjson.errors import Location, OutputShapeError, Problem
from funcjson.model import TypedData

WHERE = Location("f/function.json", 5, 5, "/bindings/1")


def items(value: Any) -> tuple[Any, ...]:
    return read_items({"json": json.dumps(value)}, WHERE, "out").items


def problems(value: TypedData) -> tuple[Problem, ...]:
    with pytest.raises(OutputShapeError) as caught:
        read_items(value, WHERE, "out")
    return caught.value.problems


def problem_of(value: Any) -> Problem:
    (problem,) = problems({"json": json.dumps(value)})
    return problem


def test_a_message_keeps_its_arguments_as_they_are() -> None:
    (message,) = items({"target": "m", "arguments": [1.0, None, {"A": "ü"}]})

    assert message == SignalRMessage("m", [1.0, None, {"A": "ü"}])


def test_the_later_of_two_spellings_wins() -> None:
    assert items({"Target": "a", "target": "b"})[0].target == "b"
    assert items({"target": "a", "Target": "b"})[0].target == "b"


def test_all_bad_items_are_reported_with_their_numbers() -> None:
    good = {"target": "m", "arguments": []}
    found = problems({"json": json.dumps([good, 5, good, {"userId": "u"}])})

    assert [problem.what for problem in found] == [
        "output 'out': item 2 of 4 is a number, not an object",
        "output 'out': item 4 of 4 is neither a message nor a group action",
    ]
    assert all(problem.where == WHERE for problem in found)


def test_json_null_is_nothing() -> None:
    assert items(None) == ()


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ({"bytes": b"{}"}, "give text or an object; json.dumps(...) makes text"),
        ({"json": "[[]]"}, "give one flat array of objects"),
        ({"double": 1.5}, 'give an object: {"target": "newMessage", "arguments": ["..."]}'),
        ({"json": "true"}, 'give an object: {"target": "newMessage", "arguments": ["..."]}'),
        ({"string": "hi"}, 'give an object: {"target": "newMessage", "arguments": ["..."]}'),
    ],
)
def test_what_is_no_object_gets_fitting_advice(value: TypedData, fix: str) -> None:
    (problem,) = problems(value)

    assert (problem.code, problem.fix) == ("FJ0401", fix)


def test_text_of_a_python_dict_says_json_dumps() -> None:
    (problem,) = problems({"string": str({"target": "m", "arguments": [True]})})

    assert (problem.code, problem.fix) == ("FJ0402", "use json.dumps(...), not str(...)")
    assert "line 1, column" in problem.what


def test_text_of_a_javascript_object_is_taken_as_the_platform_takes_it() -> None:
    read = read_items({"string": "{target: 'm', arguments: [1,],}"}, WHERE, "out")

    assert read.items == (SignalRMessage("m", [1]),)


@pytest.mark.parametrize(
    ("value", "why", "fix"),
    [
        ({"method": "m", "args": []}, "it has no 'target'", "rename 'method' to 'target' and"),
        ({"target": {}, "arguments": []}, "'target' is not text", 'give "target"'),
        ({"target": "m", "arguments": "x"}, "it is text", "put the arguments into an array"),
        ({"target": "m", "userId": {}}, "'userId' is not text", 'give "target"'),
        ({"userId": {}, "action": "add"}, "'userId' is not text", "give ids as text"),
        ({"action": "remov", "userId": "u"}, "'action' is \"remov\"", "did you mean 'remove'?"),
        ({"action": 1.5, "userId": "u"}, "'action' is 1.5", 'give "target"'),
        ({"action": True, "userId": "u"}, "'action' is true", 'give "target"'),
        ({"target": "m", "endpoints": 5}, "'endpoints' must be an array", 'give "target"'),
        ({"target": "m", "endpoints": [{}]}, "no valid 'endpoint' URL", 'give "target"'),
        ({"target": "m", "endpoints": [{"endpoint": "//["}]}, "no valid", 'give "target"'),
    ],
)
def test_an_inconvertible_item_says_why(value: dict[str, Any], why: str, fix: str) -> None:
    problem = problem_of(value)

    assert problem.code == "FJ0403"
    assert why in problem.why
    assert problem.fix.startswith(fix)


@pytest.mark.parametrize("action", ["add", "ADD", " add ", 0, "0"])
def test_actions_in_any_spelling(action: Any) -> None:
    (found,) = items({"action": action, "userId": "u", "groupName": "g"})

    assert found == SignalRGroupAction("add", "g", "", "u")


def test_a_target_that_is_no_message_can_still_be_an_action() -> None:
    (found,) = items({"target": "m", "arguments": 5, "action": "removeAll", "userId": "u"})

    assert found == SignalRGroupAction("removeAll", "", "", "u")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"action": 9, "userId": "u"}, "the action number 9 means nothing"),
        ({"action": "-1", "userId": "u"}, "the action number -1 means nothing"),
        ({"action": "removeAll", "connectionId": "c"}, "removeAll works for a userId only"),
    ],
)
def test_an_action_that_does_nothing_says_why(value: dict[str, Any], why: str) -> None:
    (found,) = items(value)

    assert found.idle.startswith(why)


@pytest.mark.parametrize("dots", [".", ".."])
@pytest.mark.parametrize(
    "value",
    [
        {"target": "m", "groupName": "DOTS"},
        {"target": "m", "userId": "DOTS"},
        {"target": "m", "connectionId": "DOTS"},
        {"action": "add", "groupName": "DOTS", "userId": "u"},
        {"action": "removeAll", "userId": "DOTS"},
        {"action": "remove", "groupName": "g", "connectionId": "DOTS"},
    ],
)
def test_ids_of_dots_are_refused(value: dict[str, Any], dots: str) -> None:
    problem = problem_of({name: dots if v == "DOTS" else v for name, v in value.items()})

    assert problem.code == "FJ0407"


def test_an_id_of_dots_that_is_not_used_is_no_harm() -> None:
    assert items({"target": "m", "userId": "u", "groupName": ".."})[0].user_id == "u"


def test_endpoints_are_kept_for_routing() -> None:
    entry = {"EndpointType": "Secondary", "name": "east", "endpoint": "https://East.net/"}
    (message,) = items({"target": "m", "endpoints": [entry, {"endpoint": "http://x"}]})

    assert message.endpoints == (
        EndpointRef("east", "https://east.net", "secondary"),
        EndpointRef(None, "http://x", "primary"),
    )
    assert items({"target": "m", "endpoints": []})[0].endpoints == ()


def test_members_that_do_nothing_are_remarked_on() -> None:
    value = [{"target": "m", "group": "g", "arguments": []}, {"target": "m", "grupName": "g"}]
    read = read_items({"json": json.dumps(value)}, WHERE, "out")

    assert read.remarks == (
        "item 1 of 2: 'group' does nothing; did you mean 'groupName'?",
        "item 2 of 2: 'grupName' does nothing; did you mean 'groupName'?",
    )


def test_other_extra_members_are_silent() -> None:
    read = read_items({"json": '{"target":"m","zzz":1}'}, WHERE, "out")

    assert read.remarks == ()


def test_kinds_have_names() -> None:
    values = [None, True, "x", 1, 1.5, [], {}, b""]

    assert [kind_of(value) for value in values] == [
        "null",
        "a boolean",
        "text",
        "a number",
        "a number",
        "an array",
        "an object",
        "bytes",
    ]
