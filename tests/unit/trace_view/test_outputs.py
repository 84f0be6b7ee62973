"""Steps 7 to 9: values and items, names without a binding, requests as curl lines, and who got what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.trace_view.traces import ANSWER, KEY, as_json, http, plan_of, signalr, traced

from funcjson.bindings.signalr_webhook import local_event
from funcjson.errors import HandlerError, Problem
from funcjson.model import CallResult, TriggerEvent
from funcjson.signalr.rest_client import Delivery, RestResponse
from funcjson.trace_view import view
from funcjson.trace_view.outputs import audience_of


async def steps_of(
    result: CallResult, *bindings: dict[str, Any], answers: dict[str, RestResponse] | None = None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    plan = plan_of(*(bindings or (signalr(), ANSWER)))
    collected, flushed, delivered = view(await traced(plan, http(), result, answers))["steps"][6:]
    return collected, flushed, delivered


def rules(step: dict[str, Any]) -> list[str]:
    return [rule["id"] for rule in step["rules"]]


@pytest.mark.parametrize(
    ("item", "to", "name"),
    [
        ({}, "all", ""),
        ({"groupName": "g"}, "group", "g"),
        ({"userId": "u", "groupName": "g"}, "user", "u"),
        ({"connectionId": "c", "userId": "u"}, "connection", "c"),
    ],
)
async def test_whom_a_message_is_for(item: dict[str, str], to: str, name: str) -> None:
    result = CallResult({"messages": as_json({"target": "m", "arguments": [1], **item})})

    collected, _, delivered = await steps_of(result)

    (shown,) = collected["outputs"][0]["items"]
    assert (shown["kind"], shown["target"], shown["to"], shown["name"]) == (
        "message",
        "m",
        to,
        name,
    )
    assert (delivered["deliveries"][0]["to"], delivered["deliveries"][0]["name"]) == (to, name)


async def test_group_actions_and_those_that_do_nothing() -> None:
    actions = [
        {"action": "add", "userId": "u", "groupName": "g"},
        {"action": "removeAll", "connectionId": "c"},
    ]

    collected, flushed, _ = await steps_of(CallResult({"messages": as_json(actions)}))

    first, second = collected["outputs"][0]["items"]
    assert (first["action"], first["group"], first["to"], first["idle"]) == ("add", "g", "user", "")
    assert "removeAll works for a userId only" in second["idle"]
    assert [call["method"] for call in flushed["calls"]] == ["PUT"]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"action": "add", "userId": "u"}, "user 'u' added to group 'g h'"),
        ({"action": "remove", "connectionId": "c"}, "connection 'c' removed from group 'g h'"),
        ({"action": "removeAll", "userId": "u"}, "user 'u' removed from all groups"),
        ({"target": "m"}, ""),
    ],
)
async def test_a_group_action_is_told_in_words(item: dict[str, str], words: str) -> None:
    value = as_json({"groupName": "g h", **item})

    _, _, delivered = await steps_of(CallResult({"messages": value}))

    assert delivered["deliveries"][0]["action"] == words


async def test_how_an_output_got_its_value() -> None:
    result = CallResult({"a": as_json({"target": "m"})}, as_json({"b": {"target": "m"}}))

    collected, _, _ = await steps_of(result, signalr("a"), signalr("b"), signalr("c"))

    assert [row["by"] for row in collected["outputs"]] == [
        "set by name",
        "the return value",
        "not set",
    ]
    assert rules(collected) == ["return-spread", "all-checked-first"]


@pytest.mark.parametrize(
    ("result", "name", "meant"),
    [
        (CallResult({"message": as_json({"target": "m"})}), "message", "messages"),
        (CallResult({}, as_json({"mesages": {"target": "m"}})), "mesages", "messages"),
        (CallResult({"other": as_json(1)}), "other", ""),
    ],
)
async def test_names_without_an_output_binding(result: CallResult, name: str, meant: str) -> None:
    collected, _, _ = await steps_of(result)

    (row,) = collected["unbound"]
    assert (row["name"], row["meant"], row["declared"]) == (name, meant, ["messages", "res"])
    assert row["declaredAt"] == "f/function.json:7:3"
    assert "unbound-ignored" in rules(collected)


async def test_a_member_that_does_nothing_is_a_hint() -> None:
    value = as_json([{"target": "m", "args": [1]}, {"action": "removeAll", "connectionId": "c"}])

    collected, _, _ = await steps_of(CallResult({"messages": value}))

    assert collected["hints"] == [
        "output 'messages': item 1 of 2: 'args' does nothing; did you mean 'arguments'?",
        "output 'messages': nothing was done: removeAll works for a userId only, and a connectionId is given",
    ]


async def test_a_value_that_is_refused_has_its_problem_alone() -> None:
    collected, _, _ = await steps_of(CallResult({"messages": as_json({"args": [1]})}))

    assert (collected["state"], collected["hints"]) == ("failed", [])


async def test_a_returned_object_that_names_no_output_is_an_answer() -> None:
    collected, _, _ = await steps_of(CallResult({}, as_json({"status": 200, "total": 5})))

    assert collected["unbound"] == []


async def test_requests_are_shown_and_can_be_made_again_without_their_token() -> None:
    result = CallResult(
        {"messages": as_json({"target": "m", "arguments": ["it's"], "groupName": "a b"})}
    )

    _, flushed, _ = await steps_of(result)

    (call,) = flushed["calls"]
    url = "http://localhost:8888/api/hubs/chat/groups/a%20b/:send?api-version=2022-06-01"
    assert (call["method"], call["url"], call["status"]) == ("POST", url, 202)
    assert call["body"] == {"Target": "m", "Arguments": ["it's"]}
    assert call["curl"].startswith(f"curl -X POST '{url}' -H \"Authorization: Bearer $TOKEN\"")
    assert KEY not in call["curl"]
    assert "eyJ" not in call["curl"]


async def test_items_after_a_failed_one_are_listed_as_not_sent() -> None:
    items = [{"target": "m", "userId": name} for name in ("first", "second", "third")]
    answers = {"users/second": RestResponse(400)}

    _, flushed, delivered = await steps_of(
        CallResult({"messages": as_json(items)}), answers=answers
    )

    sent, *unsent = flushed["calls"]
    assert sent["status"] == 202
    assert [(row["status"], row["item"]["name"]) for row in unsent] == [
        (None, "second"),
        (None, "third"),
    ]
    assert len(delivered["deliveries"]) == 1


async def test_the_verdict_of_the_local_service_is_shown() -> None:
    headers = {"x-funcjson-delivered": "0", "x-funcjson-reason": "hub 'chat' has 0 connections"}
    result = CallResult({"messages": as_json({"target": "m"})})

    _, _, delivered = await steps_of(result, answers={":send": RestResponse(202, headers)})

    (row,) = delivered["deliveries"]
    assert (row["hub"], row["target"], row["delivered"]) == ("chat", "m", 0)
    assert row["why"] == "hub 'chat' has 0 connections"
    assert {"verdict", "sent-is-not-delivered", "names-exact"} <= set(rules(delivered))


async def test_azure_does_not_tell_who_got_it() -> None:
    result = CallResult({"messages": as_json({"target": "m"})})

    _, _, delivered = await steps_of(result, answers={":send": RestResponse(202)})

    assert delivered["deliveries"][0]["delivered"] is None
    assert rules(delivered) == ["sent-is-not-delivered"]


async def test_the_answer_to_the_caller_is_rendered_and_masked() -> None:
    answer = {"status": 201, "headers": {"Set-Cookie": "sid=secret-cookie"}, "body": {"a": 1}}

    _, flushed, _ = await steps_of(CallResult({"res": as_json(answer)}))

    assert flushed["answer"]["status"] == 201
    assert flushed["answer"]["body"] == {"a": 1}
    assert "secret-cookie" not in str(flushed["answer"])


RAISED = HandlerError(
    Problem("FJ0514", "'add' raised TypeError", azure="Result: Failure\nException: TypeError: no"),
    "TypeError: no",
)
MESSAGE = {
    "name": "invocation",
    "type": "signalRTrigger",
    "direction": "in",
    "hubName": "desk",
    "category": "messages",
    "event": "add",
}


@pytest.mark.parametrize(
    ("invocation_id", "result", "answered"),
    [
        ("7", CallResult({}, as_json({"sum": 5})), (True, {"sum": 5}, None)),
        (None, CallResult({}, {"int": 5}), (False, 5, None)),
        ("7", RAISED, (True, None, "TypeError: no")),
    ],
    ids=["invoke", "send", "a handler that raises"],
)
async def test_what_a_client_gets_for_its_invoke(
    invocation_id: str | None,
    result: CallResult | HandlerError,
    answered: tuple[bool, Any, str | None],
) -> None:
    message = local_event(
        "desk", "messages", "add", "c", arguments=[2, 3], invocation_id=invocation_id
    )
    event = TriggerEvent("signalRTrigger", payload=message)

    document = view(await traced(plan_of(trigger=MESSAGE), event, result))

    shown = document["steps"][7]["completion"]
    waits, value, error = answered
    assert (shown["waits"], shown["result"]) == (waits, value)
    assert (shown["error"] is None) if error is None else error in shown["error"]


async def test_an_answer_that_cannot_be_written_says_why() -> None:
    _, flushed, _ = await steps_of(
        CallResult({"res": as_json({"status": 200, "body": "x", "headers": {"a name": "x"}})})
    )

    assert flushed["answer"]["status"] == 500
    assert flushed["answer"]["error"]["code"] == "FJ0408"


@pytest.mark.parametrize(
    ("path", "audience"),
    [
        ("/api/hubs/chat/:send?api-version=1", ("chat", "all", "")),
        ("/api/hubs/chat/users/a%20b/:send", ("chat", "user", "a b")),
        ("/api/hubs/chat/groups/g/connections/c", ("chat", "group", "g")),
        ("/api/hubs/chat/connections/c/:send", ("chat", "connection", "c")),
        ("", ("", "all", "")),
    ],
)
def test_the_audience_stands_in_the_path(path: str, audience: tuple[str, str, str]) -> None:
    assert audience_of(path) == audience


def test_a_delivery_without_a_base_still_has_a_path() -> None:
    assert Delivery("POST", "/api/hubs/chat/:send", 202).base == ""
