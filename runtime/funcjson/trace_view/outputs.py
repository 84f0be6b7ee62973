"""Steps 7 to 9 of a trace: what the handler gave, the requests made of it, and who got them."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from funcjson.bindings.base import OutputType
from funcjson.bindings.signalr_items import SignalRGroupAction, SignalRMessage
from funcjson.bindings.signalr_trigger import SignalREvent
from funcjson.bindings.signalr_webhook import problem_text, result_of
from funcjson.errors import OutputShapeError, Problem
from funcjson.http_answer import answer
from funcjson.masking import Shown
from funcjson.model import CallResult, HttpResponse, ResponseSink, TriggerEvent, TypedData
from funcjson.pipeline import Outcome, Pending, output_values
from funcjson.plan import Plan
from funcjson.signalr.rest_client import Delivery
from funcjson.trace_view.inputs import typed_value
from funcjson.trace_view.recipients import recipient_rows
from funcjson.trace_view.request import body_text, passed_row

TOKEN_PLACE = "$TOKEN"  # noqa: S105 - what a curl line has in the token's place


# --- step 7 ---------------------------------------------------------------------------------------


def output_rows(
    plan: Plan,
    result: CallResult,
    pending: Sequence[Pending] | None,
    shown: Shown,
    sink: ResponseSink | None = None,
) -> list[dict[str, Any]]:
    """A row for each declared output: its value, how it got it, and the items it means.

    `sink` has taken what an http output would have.
    """
    values = output_values(plan, result)
    set_by_name = {name.lower() for name, value in result.outputs.items() if value}
    ready = {one.step.binding.name: one for one in pending or ()}
    rows = []
    for step in plan.all_outputs:
        name = step.binding.name
        value = values.get(name) or {}
        by = "the return value" if value and name.lower() not in set_by_name else "set by name"
        if sink is not None and sink.status and step is plan.http_output:
            rows.append(_streamed_output(name, step.binding.type, sink))
            continue
        rows.append(
            {
                "name": name,
                "type": step.binding.type,
                "value": typed_value(value, shown),
                "kind": next(iter(value), "nothing"),
                "by": by if value else "not set",
                "items": [item_row(item, shown) for item in _items(ready.get(name), shown)],
            }
        )
    return rows


def _streamed_output(name: str, kind: str, sink: ResponseSink) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "value": f"(a response in pieces: {sink.passed.size} bytes)",
        "kind": "stream",
        "by": "the stream",
        "items": [],
    }


def _items(ready: Pending | None, shown: Shown) -> Sequence[Any]:
    return ready.items[: shown.items] if ready is not None else ()


def item_row(item: Any, shown: Shown) -> dict[str, Any]:
    """What one item of a signalR output means."""
    if isinstance(item, SignalRMessage):
        kind, name = scope(item)
        return {
            "kind": "message",
            "target": shown.text(item.target),
            "arguments": shown.value(item.arguments),
            "to": kind,
            "name": shown.text(name),
        }
    if isinstance(item, SignalRGroupAction):
        return {
            "kind": "group action",
            "action": item.action,
            "group": shown.text(item.group_name),
            "to": "connection" if item.connection_id else "user",
            "name": shown.text(item.connection_id or item.user_id),
            "idle": shown.text(item.idle),
        }
    return {"kind": "item", "value": shown.value(item)}


def scope(message: SignalRMessage) -> tuple[str, str]:
    """Whom a message is for: the first of these that is not empty."""
    for kind, name in (
        ("connection", message.connection_id),
        ("user", message.user_id),
        ("group", message.group_name),
    ):
        if name:
            return kind, name
    return "all", ""


def output_remarks(pending: Iterable[Pending], values: Mapping[str, TypedData]) -> list[str]:
    """What in the outputs does nothing, as the log has it."""
    return [
        f"output '{one.step.binding.name}': {remark}"
        for one in pending
        if isinstance(one.step.kind, OutputType)
        for remark in one.step.kind.remarks(values[one.step.binding.name], one.resolved)
    ]


def unbound_rows(plan: Plan, result: CallResult, shown: Shown) -> list[dict[str, Any]]:
    """Names that the handler gave a value and no output binding has; `at` is for whoever reads its file."""
    declared = [step.binding.name for step in plan.all_outputs]
    known = {name.lower() for name in declared}
    return [
        {
            "name": shown.text(name),
            "value": value,
            "meant": _near(name, declared),
            "declared": declared,
            "declaredAt": _place(plan),
            "at": None,
        }
        for name, value in _given(plan, result, shown)
        if name.lower() not in known
    ]


def _place(plan: Plan) -> str:
    """Where the outputs are declared: the first of them, or the trigger when there is none."""
    function = plan.function
    outputs = [step.binding for step in plan.all_outputs if step.binding.pointer]
    first = outputs[0] if outputs else function.trigger
    return str(replace(function.locate(first.pointer), pointer=""))


def _given(plan: Plan, result: CallResult, shown: Shown) -> Iterator[tuple[str, Any]]:
    for name, value in result.outputs.items():
        yield name, typed_value(value, shown)
    returned = result.return_value
    has_return = any(step.binding.name.lower() == "$return" for step in plan.all_outputs)
    if has_return or "json" not in returned:
        return
    whole = json.loads(returned["json"])
    declared = [step.binding.name for step in plan.all_outputs]
    if isinstance(whole, dict) and _meant_as_outputs(whole, declared):
        yield from ((name, shown.value(member, name)) for name, member in whole.items())


def _meant_as_outputs(whole: Mapping[str, Any], declared: Sequence[str]) -> bool:
    """Whether a returned object looks like outputs by name rather than like an answer of its own."""
    known = {name.lower() for name in declared}
    return any(name.lower() in known or _near(name, declared) for name in whole)


def _near(name: str, declared: Sequence[str]) -> str:
    by_fold = {one.lower(): one for one in declared}
    found = difflib.get_close_matches(name.lower(), by_fold, 1, 0.7)
    return by_fold[found[0]] if found else ""


def output_rules(
    rows: Iterable[Mapping[str, Any]], unbound: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What these outputs teach."""
    rules: list[str] = []
    rows = list(rows)
    if any(row["by"] == "the return value" and row["name"] != "$return" for row in rows):
        rules.append("return-spread")
    if unbound:
        rules.append("unbound-ignored")
    if any(row["type"].lower() != "http" and row["by"] != "not set" for row in rows):
        rules.append("all-checked-first")
    return rules


# --- step 8 ---------------------------------------------------------------------------------------


def call_rows(
    deliveries: Sequence[tuple[str, Delivery]], pending: Sequence[Pending] | None, shown: Shown
) -> list[dict[str, Any]]:
    """Each REST request that the service accepted, and what was not sent of the outputs."""
    rows = [call_row(output, delivery, shown) for output, delivery in deliveries[: shown.items]]
    sent: dict[str, int] = {}
    for output, _ in deliveries:
        sent[output] = sent.get(output, 0) + 1
    for ready in pending or ():
        name = ready.step.binding.name
        wanted = [item for item in ready.items if not getattr(item, "idle", "")]
        # With several endpoints an item is several requests; then nothing can be told from numbers.
        missing = len(wanted) - sent.get(name, 0)
        if 0 < missing <= len(wanted):
            rows += [
                {**_NOT_SENT, "output": name, "item": item_row(item, shown)}
                for item in wanted[len(wanted) - missing :][: shown.items]
            ]
    return rows


_NOT_SENT: Mapping[str, Any] = {
    "method": None,
    "url": None,
    "body": None,
    "status": None,
    "attempts": 0,
    "curl": None,
}


def call_row(output: str, delivery: Delivery, shown: Shown) -> dict[str, Any]:
    """One REST request, and the curl line that makes it again with a token in $TOKEN."""
    url = shown.cut(shown.mask.url(f"{delivery.base}{delivery.path}"))
    return {
        "output": output,
        "method": delivery.method,
        "url": url,
        "body": body_text(delivery.body, shown),
        "status": delivery.status,
        "attempts": delivery.attempts,
        "curl": curl(delivery, url, shown),
        "item": None,
    }


def curl(delivery: Delivery, url: str, shown: Shown) -> str:
    """A shell command for a request; the token stays a variable."""
    parts = ["curl", "-X", delivery.method, shlex.quote(url)]
    parts += ["-H", f'"Authorization: Bearer {TOKEN_PLACE}"']
    if delivery.body:
        text = shown.text(delivery.body.decode("utf-8", "replace"))
        parts += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(text)]
    return " ".join(parts)


def answer_row(
    plan: Plan, result: CallResult, event: TriggerEvent, shown: Shown
) -> dict[str, Any] | None:
    """What the HTTP caller got whole; None for other triggers."""
    if event.request is None:
        return None
    try:
        outcome = Outcome(output_values(plan, result), result.return_value)
        response = answer(plan, outcome, event.request)
    except OutputShapeError as error:
        problem = error.problems[0]
        error_row = shown.value(problem.as_json())
        return {"status": 500, "headers": [], "body": None, "error": error_row, "streamed": None}
    return response_row(response, shown)


def completion_row(
    plan: Plan,
    event: TriggerEvent,
    result: CallResult | None,
    problem: Problem | None,
    shown: Shown,
) -> dict[str, Any] | None:
    """What a client that calls `invoke` gets for its message; None for other events.

    `waits`: this client does wait; one that called `send`, or nobody, does not.
    """
    message = event.payload
    if not isinstance(message, SignalREvent) or message.arguments is None:
        return None
    trigger_name = plan.function.trigger.name
    error = None if problem is None else shown.text(problem_text(problem, trigger_name))
    returned = result.return_value if result is not None and problem is None else {}
    return {
        "waits": message.invocation_id is not None,
        "result": shown.value(result_of(returned)),
        "error": error,
    }


def streamed_row(sink: ResponseSink, outcome: str, shown: Shown) -> dict[str, Any]:
    """What the HTTP caller got, or has got until now, of a response in pieces."""
    response = HttpResponse(sink.status, sink.headers, sink.passed.kept)
    streamed = passed_row(sink.passed)
    if streamed["state"] == "running" and outcome != "running":
        streamed["state"] = "whole" if outcome == "succeeded" else "broken off"
    return {**response_row(response, shown), "streamed": streamed}


def response_row(response: HttpResponse, shown: Shown) -> dict[str, Any]:
    """A response with its secrets masked."""
    return {
        "status": response.status,
        "headers": [
            {"name": name, "value": shown.header(name, value)} for name, value in response.headers
        ],
        "body": body_text(response.body, shown),
        "error": None,
        "streamed": None,
    }


# --- step 9 ---------------------------------------------------------------------------------------


def delivery_rows(deliveries: Sequence[tuple[str, Delivery]], shown: Shown) -> list[dict[str, Any]]:
    """For each request: whom it was for, how many connections got it, and which, or why none."""
    rows = []
    for output, delivery in deliveries[: shown.items]:
        hub, kind, name = audience_of(delivery.path)
        rows.append(
            {
                "output": output,
                "hub": shown.text(hub),
                "to": kind,
                "name": shown.text(name),
                "target": shown.text(_target(delivery.body)),
                "action": shown.text(action_of(delivery)),
                "delivered": delivery.delivered,
                "why": shown.text(delivery.why),
                **recipient_rows(delivery.who, hub, kind, name, shown),
            }
        )
    return rows


_KINDS = {"users": "user", "groups": "group", "connections": "connection"}


def audience_of(path: str) -> tuple[str, str, str]:
    """Hub, kind and name from a REST path: ("chat", "user", "bob"); the kind of a broadcast is "all"."""
    parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
    hub = parts[2] if len(parts) > 2 else ""
    if len(parts) > 4 and parts[3] in _KINDS:
        return hub, _KINDS[parts[3]], parts[4]
    return hub, "all", ""


def action_of(delivery: Delivery) -> str:
    """A group action in words; "" for a message."""
    parts = [unquote(part) for part in urlsplit(delivery.path).path.strip("/").split("/")[3:]]
    match parts:
        case ["users", who, "groups", group] | ["groups", group, "connections", who]:
            place = "to" if delivery.method == "PUT" else "from"
            done = "added" if delivery.method == "PUT" else "removed"
            kind = "user" if parts[0] == "users" else "connection"
            return f"{kind} '{who}' {done} {place} group '{group}'"
        case ["users", who, "groups"]:
            return f"user '{who}' removed from all groups"
    return ""


def _target(body: bytes) -> str:
    if not body:
        return ""
    try:
        found = json.loads(body).get("Target", "")
    except (ValueError, AttributeError):
        return ""
    return str(found)


def delivery_rules(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What these deliveries teach."""
    rules: list[str] = []
    for row in rows:
        if not row["target"]:
            rules.append("group-membership")
            continue
        rules.append("verdict" if row["delivered"] is not None else "sent-is-not-delivered")
        if row["delivered"] == 0:
            rules += ["sent-is-not-delivered", "names-exact"]
        elif row["delivered"]:
            rules.append("target-exact")
    return rules
