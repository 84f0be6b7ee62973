"""One invocation: inputs, handler, outputs, and what happens when one of them fails."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import BindingError, FlushError, Location, OutputShapeError
from funcjson.model import (
    Binding,
    Call,
    CallResult,
    Direction,
    Function,
    HttpRequest,
    Language,
    TriggerEvent,
)
from funcjson.pipeline import output_values, run, trace_parent
from funcjson.plan import Plan, make_plan
from funcjson.registry import open_registry
from funcjson.settings import Settings, load_settings
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import RestClient, RestResponse
from funcjson.trace import InvocationTrace, Step

ENDPOINT = ServiceEndpoint("http://localhost:8888", "K" * 40)
REQUEST = HttpRequest("POST", "http://h/api/f", (("Host", "h"), ("X-User", "ann")))
EVENT = TriggerEvent("httpTrigger", REQUEST)


class Wire:
    """Services whose REST requests are kept; `answers` gives the status by the end of the path."""

    def __init__(self, answers: dict[str, int] | None = None) -> None:
        self.settings: Settings = load_settings(Path("/nonexistent"), {})
        self.sent: list[str] = []
        self._answers = answers or {}
        self.verdict: dict[str, str] = {}

    def endpoints(self, _setting: str, _where: Location) -> tuple[ServiceEndpoint, ...]:
        return (ENDPOINT,)

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        return RestClient(endpoint, self)

    def now(self) -> float:
        return 1_700_000_000.0

    async def request(self, method: str, url: str, headers: Any, body: bytes) -> RestResponse:
        path = url.split("?")[0].removeprefix("http://localhost:8888")
        self.sent.append(f"{method} {path}")
        await asyncio.sleep(0)
        status = next((s for part, s in self._answers.items() if part in path), 202)
        return RestResponse(status, self.verdict, b"")


def plan_of(*bindings: dict[str, Any], **trigger_members: str) -> Plan:
    members = {"name": "req", "type": "httpTrigger", **trigger_members}
    trigger = Binding("req", "httpTrigger", Direction.IN, members, "/bindings/0")
    others = [
        Binding(b["name"], b["type"], Direction(b["direction"]), b, f"/bindings/{number}")
        for number, b in enumerate(bindings, 1)
    ]
    function = Function("f", Path(), (trigger, *others), Language.NODE, "f/index.js")
    return make_plan(function, open_registry([]), load_settings(Path("/nonexistent"), {}))


def signalr(name: str, hub: str = "chat") -> dict[str, Any]:
    return {"name": name, "type": "signalR", "direction": "out", "hubName": hub}


def negotiate(name: str, user: str = "{headers.x-user}") -> dict[str, Any]:
    return {
        "name": name,
        "type": "signalRConnectionInfo",
        "direction": "in",
        "hubName": "chat",
        "userId": user,
    }


def message(target: str, **more: Any) -> dict[str, Any]:
    return {"target": target, "arguments": [], **more}


async def invoke(plan: Plan, result: CallResult, wire: Wire) -> tuple[InvocationTrace, list[Call]]:
    calls: list[Call] = []

    async def handler(call: Call) -> CallResult:
        calls.append(call)
        return result

    trace = InvocationTrace("id", "f", 0.0)
    await run(plan, EVENT, wire, handler, trace)
    return trace, calls


def as_json(value: Any) -> dict[str, Any]:
    return {"json": json.dumps(value)}


async def test_handler_gets_the_trigger_first_then_inputs_in_declared_order() -> None:
    plan = plan_of(negotiate("b"), signalr("out"), negotiate("a"))

    _, calls = await invoke(plan, CallResult({}), Wire())

    assert [name for name, _ in calls[0].inputs] == ["req", "b", "a"]


ID = "0af76519-16cd-43dd-8448-eb211c80319c"
OWN = "0af7651916cd43dd"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("header", "given"),
    [
        (PARENT, f"00-4bf92f3577b34da6a3ce929d0e0e4736-{OWN}-01"),
        ("rubbish", f"00-{ID.replace('-', '')}-{OWN}-00"),
        (None, f"00-{ID.replace('-', '')}-{OWN}-00"),
    ],
    ids=["the caller's trace", "no trace", "without the header"],
)
def test_a_trace_goes_on_or_begins(header: str | None, given: str) -> None:
    headers = () if header is None else (("TraceParent", header),)

    assert trace_parent(replace(REQUEST, headers=headers), ID) == given


async def test_a_value_without_an_output_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_call: Call) -> CallResult:
        return CallResult({"mesages": {"json": '{"target": "x"}'}})

    with caplog.at_level(logging.WARNING, "funcjson.invocation"):
        await run(
            plan_of(signalr("messages")), EVENT, Wire(), handler, InvocationTrace("i", "f", 0.0)
        )

    (line,) = caplog.messages
    assert (
        line
        == "'mesages' of 'f' is no output binding, so its value goes nowhere; the outputs are: messages"
    )


async def test_handler_is_not_called_when_an_input_fails() -> None:
    plan = plan_of(negotiate("good"), negotiate("bad", "{headers.nope}"), negotiate("worse", "{"))
    calls: list[Call] = []

    async def handler(call: Call) -> CallResult:
        calls.append(call)
        return CallResult({})

    with pytest.raises(BindingError) as caught:
        await run(plan, EVENT, Wire(), handler, InvocationTrace("id", "f", 0.0))

    assert calls == []
    assert "headers.nope" in caught.value.problems[0].what


async def test_items_of_one_output_go_out_in_order_and_stop_at_the_first_failure() -> None:
    wire = Wire({"users/second": 400})
    items = [
        message("m", userId="first"),
        message("m", userId="second"),
        message("m", userId="third"),
    ]

    with pytest.raises(FlushError):
        await invoke(plan_of(signalr("out")), CallResult({"out": as_json(items)}), wire)

    assert [path.split("/")[5] for path in wire.sent] == ["first", "second"]


async def test_another_output_is_delivered_when_one_is_refused() -> None:
    wire = Wire({"hubs/bad": 500})
    plan = plan_of(signalr("a", "bad"), signalr("b", "good"))
    result = CallResult({"a": as_json(message("m")), "b": as_json(message("m"))})

    with pytest.raises(FlushError):
        await invoke(plan, result, wire)

    assert "POST /api/hubs/good/:send" in wire.sent


async def test_nothing_is_sent_when_one_output_has_the_wrong_shape() -> None:
    wire = Wire()
    result = CallResult({"a": as_json(message("m")), "b": as_json([1, "x"])})

    with pytest.raises(OutputShapeError):
        await invoke(plan_of(signalr("a"), signalr("b")), result, wire)

    assert wire.sent == []


async def test_a_bad_expression_on_an_unused_output_never_fails() -> None:
    wire = Wire()

    await invoke(plan_of(signalr("out", "{headers.nope}")), CallResult({}), wire)

    assert wire.sent == []


async def test_the_trace_has_the_steps_in_order() -> None:
    result = CallResult({"out": as_json(message("m"))})

    trace, _ = await invoke(plan_of(negotiate("ci"), signalr("out")), result, Wire())

    assert [event.step for event in trace.events] == [
        Step.DATA, Step.RESOLVED, Step.INPUTS, Step.HANDLER, Step.HANDLER, Step.COLLECTED, Step.FLUSHED,
        Step.DELIVERED,
    ]  # fmt: skip


async def test_a_send_that_nobody_received_is_told_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = Wire()
    why = "hub 'Chat2' has 0 connections, but 'chat' has 3"
    wire.verdict = {"x-funcjson-delivered": "0", "x-funcjson-reason": why}

    logger = logging.getLogger("funcjson.invocation")
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    try:
        await invoke(plan_of(signalr("out")), CallResult({"out": as_json(message("m"))}), wire)
    finally:
        logger.removeHandler(caplog.handler)

    assert f"Output 'out': received by 0: {why}" in caplog.text


RETURN = {"name": "$return", "type": "signalR", "direction": "out", "hubName": "chat"}


@pytest.mark.parametrize(
    ("bindings", "result", "expected"),
    [
        ([RETURN], CallResult({}, as_json({"target": "m"})), {"$return": as_json({"target": "m"})}),
        (
            [signalr("out")],
            CallResult({}, as_json({"OUT": {"target": "m"}})),
            {"out": {"json": '{"target":"m"}'}},
        ),
        (
            [signalr("out")],
            CallResult({"out": {"string": "set"}}, as_json({"out": "returned"})),
            {"out": {"string": "returned"}},
        ),
        ([signalr("out")], CallResult({"Out": {"int": 5}}), {"out": {"int": 5}}),
        ([signalr("out")], CallResult({"other": {"int": 5}}), {}),
        ([signalr("out")], CallResult({}, as_json([{"out": 1}])), {}),
        ([signalr("out")], CallResult({}, as_json({"out": None})), {"out": {}}),
    ],
    ids=["$return", "spread", "returned wins", "letter case", "unknown", "array", "null"],
)
def test_output_values(bindings: list[dict[str, Any]], result: CallResult, expected: Any) -> None:
    assert output_values(plan_of(*bindings), result) == expected


@pytest.mark.parametrize(
    ("user", "reads"),
    [
        ("ann", False),
        ("{headers.x}{query.y}{sys.UtcNow}{rand-guid}", False),
        ("{Room}", False),
        ("{who}", True),
        ("a-{req.Method}", True),
    ],
)
def test_a_body_is_read_before_the_handler_only_for_an_expression(user: str, reads: bool) -> None:
    plan = plan_of(negotiate("info", user), route="rooms/{room:int}")

    assert plan.reads_body is reads
    assert replace(plan, azure=True).reads_body is (reads or "headers" in user)
