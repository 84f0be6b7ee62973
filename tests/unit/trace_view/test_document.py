"""The nine steps: which of them happened, which failed, and that no secret is in them."""

from __future__ import annotations

import json

import pytest
from tests.unit.trace_view.traces import (
    ANSWER,
    KEY,
    as_json,
    http,
    negotiate,
    plan_of,
    signalr,
    traced,
)

from funcjson.errors import FuncJsonError, HandlerError, Problem
from funcjson.model import CallResult
from funcjson.signalr.rest_client import RestResponse
from funcjson.trace import InvocationTrace, Step
from funcjson.trace_view import NAMES, summary, view

USER = ("X-User", "ann")
RAISED = HandlerError(Problem("FJ0514", "ValueError: no"), "no", "File f, line 1")


def states(document: dict[str, object]) -> list[str]:
    steps = document["steps"]
    assert isinstance(steps, list)
    return [step["state"] for step in steps]


async def test_a_whole_invocation_has_nine_steps_that_are_done() -> None:
    result = CallResult({"messages": as_json({"target": "m"}), "res": {"string": "ok"}})

    document = view(await traced(plan_of(negotiate(), signalr(), ANSWER), http(USER), result))

    assert [step["name"] for step in document["steps"]] == list(NAMES.values())
    assert states(document) == ["done"] * 9
    assert document["outcome"] == "succeeded"


async def test_without_outputs_the_caller_is_answered_and_nothing_else_is_to_do() -> None:
    document = view(await traced(plan_of(negotiate()), http(USER)))

    assert states(document)[6:] == ["done", "done", "nothing to do"]


@pytest.mark.parametrize(
    ("bindings", "result", "failed"),
    [
        ([negotiate("{headers.nope}")], None, 4),
        ([negotiate(hubName="")], None, 5),
        ([signalr()], RAISED, 6),
        ([signalr()], CallResult({"messages": as_json(5)}), 7),
        ([signalr()], CallResult({"messages": as_json({"target": "bad"})}), 8),
    ],
    ids=["expression", "input", "handler", "shape", "send"],
)
async def test_the_step_that_failed_has_the_problem(
    bindings: list[dict[str, object]], result: CallResult | FuncJsonError | None, failed: int
) -> None:
    answers = {":send": RestResponse(500)} if failed == 8 else {}

    document = view(await traced(plan_of(*bindings), http(USER), result, answers))

    assert [step["number"] for step in document["steps"] if step["state"] == "failed"] == [failed]
    (problem,) = document["steps"][failed - 1]["problems"]
    assert problem == document["problems"][0]
    assert set(states(document)[failed:]) <= {"not reached"}


async def test_a_failed_http_call_answers_an_empty_500() -> None:
    document = view(await traced(plan_of(negotiate("{headers.nope}")), http()))

    assert document["steps"][7]["answer"] == {
        "status": 500,
        "headers": [],
        "body": None,
        "error": None,
        "streamed": None,
    }
    assert "failure-empty-500" in [rule["id"] for rule in document["steps"][7]["rules"]]


def test_a_handler_that_never_loaded_fails_the_step_that_chose_it() -> None:
    trace = InvocationTrace("id", "f", 0.0)
    trace.add(Step.ARRIVED, {"event": http()})
    trace.add(Step.CHOSEN, {"function": "f", "plan": plan_of(), "settings": None})
    trace.problems = (Problem("FJ0513", "ImportError"),)
    trace.end("failed")

    assert states(view(trace))[:7] == ["done", "failed"] + ["not reached"] * 5


def test_a_request_that_no_function_answers_fails_step_2() -> None:
    trace = InvocationTrace("", "", 0.0)
    trace.add(Step.ARRIVED, {"event": http()})
    trace.end("failed")

    assert states(view(trace))[:3] == ["done", "failed", "not reached"]


async def test_the_handlers_lines_stand_in_step_6() -> None:
    trace = await traced(plan_of(), http())
    trace.note("information", f"my key is AccessKey={KEY};")

    (line,) = view(trace)["steps"][5]["lines"]

    assert line["level"] == "information"
    assert line["text"] == "my key is AccessKey=***;"


async def test_what_a_caller_adds_is_masked_and_labelled() -> None:
    trace = await traced(plan_of(), http())
    more = {
        Step.CHOSEN: {
            "rejected": [{"function": "g", "why": KEY}],
            "hints": [f"use {KEY}"],
            "rules": ["key-not-asked"],
        }
    }

    chosen = view(trace, (), more)["steps"][1]

    assert chosen["rejected"] == [{"function": "g", "why": "***"}]
    assert chosen["hints"] == ["use ***"]
    assert "key-not-asked" in [rule["id"] for rule in chosen["rules"]]


SECRETS = (
    KEY,
    "bearer-token-of-the-caller",
    "function-key-in-the-url",
    "cookie-value-1234",
    "hunter2-the-password",
    "key-of-another-service",
)


async def test_no_secret_can_be_read_out_of_a_rendered_trace() -> None:
    event = http(
        ("Authorization", f"Bearer {SECRETS[1]}"),
        ("Cookie", f"AppServiceAuthSession={SECRETS[3]}; a=b"),
        ("X-Api-Key", SECRETS[5]),
        USER,
        query=f"code={SECRETS[2]}&name=Amy",
        body=json.dumps({"password": SECRETS[4], "echo": SECRETS[1], "room": "r"}).encode(),
    )
    # A handler that gives everything away, and a user id that is a secret.
    told = " ".join(SECRETS)
    result = CallResult(
        {
            "messages": as_json({"target": SECRETS[2], "arguments": [told], "userId": SECRETS[5]}),
            "res": as_json({"status": 200, "body": told, "headers": {"set-cookie": f"s={told}"}}),
        }
    )
    plan = plan_of(negotiate("{headers.x-api-key}"), signalr("messages", "{room}"), ANSWER)
    trace = await traced(plan, event, result)
    trace.note("information", told)

    text = json.dumps(view(trace, ["key-of-another-service"]))

    assert [secret for secret in SECRETS if secret in text] == []
    assert "eyJhbGciOi" not in text
    assert "Amy" in text


async def test_a_password_in_a_body_is_masked_where_its_name_stands() -> None:
    event = http(body=b'{"password": "hunter2-the-password", "room": "r"}')

    document = view(await traced(plan_of(negotiate("{room}")), event))

    assert "hunter2-the-password" not in json.dumps(document)


async def test_a_large_invocation_gives_a_bounded_document() -> None:
    body = json.dumps({f"m{n}": "x" * 5_000 for n in range(300)}).encode()
    items = [{"target": "t", "arguments": ["y" * 5_000]} for _ in range(500)]
    plan = plan_of(negotiate("{m1}"), signalr())

    trace = await traced(plan, http(body=body), CallResult({"messages": as_json(items)}))

    assert len(json.dumps(view(trace))) < 2_000_000


async def test_a_forgotten_trace_says_so() -> None:
    trace = await traced(plan_of(), http())
    trace.forget()

    document = view(trace)

    assert document["forgotten"]
    assert len(document["steps"]) == 9


async def test_a_summary_has_nothing_that_a_user_sent() -> None:
    trace = await traced(plan_of(negotiate("{headers.nope}")), http(("X-Secret", "sent-by-a-user")))

    row = summary(trace)

    assert (row["outcome"], row["step"], row["codes"]) == ("failed", 3, ["FJ0302"])
    assert "sent-by-a-user" not in json.dumps(row)
