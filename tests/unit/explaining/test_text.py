"""Explanations as text: what a person must be able to see at a glance."""

from __future__ import annotations

from typing import Any

from tests.unit.explaining.test_why import STATE, line
from tests.unit.trace_view.traces import ANSWER, as_json, http, negotiate, plan_of, signalr, traced

from funcjson.errors import HandlerError, Problem
from funcjson.explaining.routing import OTHER_PATH
from funcjson.explaining.text import request_text, route_text, table, why_text
from funcjson.explaining.why import why
from funcjson.model import CallResult
from funcjson.signalr.rest_client import RestResponse
from funcjson.trace import Step
from funcjson.trace_view import view

USER = ("X-User", "ann")


async def text_of(result: CallResult, *bindings: dict[str, Any], **more: Any) -> str:
    trace = await traced(plan_of(*bindings), http(USER), result, more.get("answers"))
    return request_text(view(trace, (), more.get("more")))


async def test_a_message_from_value_to_verdict() -> None:
    result = CallResult(
        {"messages": as_json({"target": "news", "arguments": [1], "groupName": "g"})}
    )

    text = await text_of(result, signalr(), ANSWER)

    assert "message 'news' to group g, 1 argument(s)" in text
    assert "/api/hubs/chat/groups/g/:send?api-version=2022-06-01   -> 202" in text
    assert "curl -X POST" in text
    assert "messages: hub 'chat', group g: received by 2" in text


async def test_a_group_action_is_no_message() -> None:
    action = {"action": "add", "userId": "ann", "groupName": "lobby"}

    text = await text_of(CallResult({"messages": as_json(action)}), signalr())

    assert "messages: hub 'chat': user 'ann' added to group 'lobby'" in text
    assert "received by" not in text


async def test_items_that_were_not_sent_are_loud() -> None:
    items = [{"target": "m", "userId": "first"}, {"target": "m", "userId": "second"}]

    text = await text_of(
        CallResult({"messages": as_json(items)}),
        signalr(),
        answers={"users/first": RestResponse(400)},
    )

    assert "8. outputs flushed  FAILED" in text
    assert text.count("NOT SENT") == 2
    assert "answer to the caller: 500" in text


async def test_names_that_no_output_has_are_loud() -> None:
    text = await text_of(CallResult({"mesages": as_json({"target": "m"})}), signalr())

    assert (
        "LOST   'mesages' is no output binding; did you mean 'messages'? (there are: messages)"
        in text
    )


async def test_near_misses_stand_apart_from_other_paths() -> None:
    rejected = [
        {"function": "a", "route": "GET /api/a", "why": OTHER_PATH},
        {"function": "b", "route": "GET /api/f", "why": "it takes GET, not POST"},
        {"function": "c", "route": "", "why": "it did not load: FJ0202 x"},
    ]

    text = await text_of(CallResult({}), negotiate(), more={Step.CHOSEN: {"rejected": rejected}})

    assert "rejected  b (GET /api/f): it takes GET, not POST" in text
    assert "rejected  c: it did not load: FJ0202 x" in text
    assert f"rejected  {OTHER_PATH}: a (GET /api/a)" in text


async def test_what_clients_heard() -> None:
    clients = [
        {"client": "ann@chat", "messages": [{"target": "news", "arguments": [1]}]},
        {"client": "bob@chat", "messages": []},
    ]

    text = await text_of(CallResult({}), negotiate(), more={Step.DELIVERED: {"clients": clients}})

    assert "client ann@chat got 'news' [1]" in text
    assert "client bob@chat got nothing" in text


def test_events_and_the_functions_that_do_not_get_them() -> None:
    near = {
        "function": "onSend", "hubName": "chat", "category": "messages", "event": "send", "chosen": False,
        "differs": [{"part": "event", "asked": "sent", "declared": "send"}], "why": "",
    }  # fmt: skip
    document = {
        "hub": "chat", "category": "messages", "event": "sent", "function": None, "triggers": [near],
        "notLoaded": [{"function": "bad", "why": "FJ0202 x"}], "hints": ["do this"], "rules": [],
    }  # fmt: skip

    assert route_text(document).splitlines() == [
        "hub 'chat', category 'messages', event 'sent': no function",
        "",
        "onSend (chat, messages, send): event 'send' is not 'sent'",
        "bad: not loaded, FJ0202 x",
        "hint   do this",
    ]


def test_the_missing_link_and_what_happened_lately() -> None:
    lines = [line("12:00", "ConnectionEnded", userId="zoe", connectionId="z1", exception="gone")]

    text = why_text(why(STATE, lines, "zoe", "lobby", "chat"))

    assert text.startswith("user 'zoe' does not get what is sent to group 'lobby' of hub 'chat'")
    assert "NO   user    'zoe' has no connection in hub 'chat'" in text
    assert "12:00  ConnectionEnded  connection z1  (gone)" in text


def test_a_table_is_as_wide_as_it_needs() -> None:
    assert table(("a", "b"), [("long", "x")]) == ["a     b", "long  x"]
    assert table(("a", "b"), []) == []


async def test_lines_stay_short_and_are_indented() -> None:
    far = [
        {"function": f"function{n}", "route": f"GET /api/function{n}", "why": OTHER_PATH}
        for n in range(20)
    ]
    text = await text_of(CallResult({}), negotiate(), more={Step.CHOSEN: {"rejected": far}})

    assert all(len(line) < 130 for line in text.splitlines() if "rejected" in line or "GET" in line)
    assert "          function" in text
    assert "source: " in text


async def test_what_azure_says_in_two_lines_stays_in_its_column() -> None:
    error = HandlerError(Problem("FJ0514", "it raised", azure="Result: Failure\nException: x"), "x")
    trace = await traced(plan_of(negotiate()), http(USER), error)

    text = request_text(view(trace))

    assert "     azure  Result: Failure\n            Exception: x\n" in text
