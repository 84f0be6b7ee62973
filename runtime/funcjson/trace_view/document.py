"""An invocation's trace as a document of nine steps: JSON-like, masked, bounded; the only way out of a trace.

The shape is stable, and `schemas/trace.json` describes it: explain, `--json`, the page and saved traces all read it.
Every member is always there, null or empty where nothing is; a later `version` 1 may only add members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from funcjson.binding_data import BindingData
from funcjson.bindings.base import Resolved
from funcjson.errors import Problem
from funcjson.honesty import labels
from funcjson.masking import Mask, Shown
from funcjson.model import Call, CallResult, Function, ResponseSink, TriggerEvent, TypedData
from funcjson.pipeline import Pending
from funcjson.plan import Plan
from funcjson.settings import Settings
from funcjson.signalr.rest_client import Delivery
from funcjson.trace import InvocationTrace, Step
from funcjson.trace_view.data import data_rows, data_rules
from funcjson.trace_view.expressions import binding_rows, expression_rules
from funcjson.trace_view.inputs import input_rows, input_rules
from funcjson.trace_view.outputs import (
    answer_row,
    call_rows,
    completion_row,
    delivery_rows,
    delivery_rules,
    output_remarks,
    output_rows,
    output_rules,
    streamed_row,
    unbound_rows,
)
from funcjson.trace_view.request import arrived, request_rules, request_secrets

VERSION = 1
NAMES: Mapping[Step, str] = {
    Step.ARRIVED: "trigger arrived",
    Step.CHOSEN: "function chosen",
    Step.DATA: "binding data built",
    Step.RESOLVED: "expressions resolved",
    Step.INPUTS: "inputs bound",
    Step.HANDLER: "handler called",
    Step.COLLECTED: "outputs collected",
    Step.FLUSHED: "outputs flushed",
    Step.DELIVERED: "delivered",
}
# What a caller adds to a step: members, and under "rules" and "hints" more of those.
More = Mapping[Step, Mapping[str, Any]]


@dataclass(slots=True)
class Pieces:
    """The live objects of a trace, by what they are; None for what did not happen."""

    event: TriggerEvent | None = None
    plan: Plan | None = None
    settings: Settings | None = None
    data: BindingData | None = None
    resolved: tuple[Resolved, ...] | None = None
    inputs: tuple[tuple[str, TypedData], ...] | None = None
    call: Call | None = None
    called_at_s: float = 0.0
    result: CallResult | None = None
    returned_at_s: float = 0.0
    pending: tuple[Pending, ...] | None = None
    values: Mapping[str, TypedData] = field(default_factory=dict)
    flushed: list[str] = field(default_factory=list)
    deliveries: list[tuple[str, Delivery]] = field(default_factory=list)
    reached: dict[Step, float] = field(default_factory=dict)

    @property
    def sink(self) -> ResponseSink | None:
        """Where a response in pieces goes."""
        return self.event.sink if self.event is not None else None

    @property
    def function(self) -> Function | None:
        return self.plan.function if self.plan is not None else None


def pieces(trace: InvocationTrace) -> Pieces:
    """Sort the events of a trace."""
    found = Pieces()
    for step, at_s, data in trace.events:
        found.reached.setdefault(step, at_s)
        match step:
            case Step.ARRIVED:
                found.event = data["event"]
            case Step.CHOSEN:
                found.plan, found.settings = data.get("plan"), data.get("settings")
            case Step.DATA:
                found.data = data["data"]
            case Step.RESOLVED:
                found.resolved = tuple(data["bindings"])
            case Step.INPUTS:
                found.inputs = tuple(data["inputs"])
            case Step.HANDLER if "call" in data:
                found.call, found.called_at_s = data["call"], at_s
            case Step.HANDLER:
                found.result, found.returned_at_s = data["result"], at_s
            case Step.COLLECTED:
                found.pending, found.values = tuple(data["outputs"]), data["values"]
            case Step.FLUSHED:
                found.flushed.append(data["output"])
            case Step.DELIVERED:
                found.deliveries.append((data["output"], data["delivery"]))
    return found


def view(
    trace: InvocationTrace, secrets: Iterable[str] = (), more: More | None = None
) -> dict[str, Any]:
    """The nine steps of an invocation. `secrets` are keys beside those of the app's settings; `more` adds to steps."""
    found = pieces(trace)
    hidden = set(secrets) | request_secrets(found.event)
    if found.settings is not None:
        hidden |= found.settings.secrets()
    shown = Shown(Mask(hidden))
    failed = _failed_step(trace, found)
    last = max(found.reached, default=Step.ARRIVED)
    steps = [
        _step(step, trace, found, shown, failed, last, (more or {}).get(step, {})) for step in Step
    ]
    function = found.function
    return {
        "version": VERSION,
        "id": trace.id,
        "function": trace.function,
        "trigger": found.event.type if found.event else None,
        "language": str(function.language) if function else None,
        "outcome": trace.outcome,
        "began": datetime.fromtimestamp(trace.began_at, UTC).isoformat(timespec="milliseconds"),
        "durationMs": _ms(trace.duration_s),
        "forgotten": trace.forgotten,
        "ran": found.call is not None,
        "event": None,
        "steps": steps,
        "problems": [_problem(problem, shown) for problem in trace.problems],
    }


def summary(trace: InvocationTrace) -> dict[str, Any]:
    """One row of a list of invocations; cheap, and without anything a user sent."""
    reached = max((event.step for event in trace.events), default=Step.ARRIVED)
    return {
        "id": trace.id,
        "function": trace.function,
        "outcome": trace.outcome,
        "began": datetime.fromtimestamp(trace.began_at, UTC).isoformat(timespec="milliseconds"),
        "durationMs": _ms(trace.duration_s),
        "step": int(reached),
        "codes": [problem.code for problem in trace.problems],
    }


def _step(  # noqa: PLR0913 - what a step is made of
    step: Step,
    trace: InvocationTrace,
    found: Pieces,
    shown: Shown,
    failed: Step | None,
    last: Step,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    content, rules = _CONTENT[step](trace, found, shown)
    state = _state(step, trace, found, failed, last)
    if state == "nothing to do" and _answers(content):
        state = "done"
    added = {name: value for name, value in more.items() if name not in ("rules", "hints")}
    problems = [_problem(p, shown) for p in trace.problems] if step is failed else []
    return {
        "number": int(step),
        "name": NAMES[step],
        "state": state,
        "atMs": _ms(found.reached[step]) if step in found.reached else None,
        **_MEMBERS[step],
        **content,
        **{name: shown.value(value) for name, value in added.items()},
        "problems": problems,
        "hints": [shown.text(hint) for hint in (*content.get("hints", ()), *more.get("hints", ()))],
        "rules": labels((*rules, *more.get("rules", ()))),
    }


def _answers(content: Mapping[str, Any]) -> bool:
    """Whether somebody who waited was answered, though nothing was sent."""
    completion = content.get("completion")
    return bool(content.get("answer") or (completion and completion["waits"]))


# What each step has, also when nothing of it is known.
_MEMBERS: Mapping[Step, Mapping[str, Any]] = {
    Step.ARRIVED: {
        "kind": None,
        "reason": None,
        "request": None,
        "payload": None,
        "persona": None,
        "cors": None,
    },
    Step.CHOSEN: {
        "function": None,
        "handler": None,
        "declared": None,
        "trigger": None,
        "bindings": [],
        "rejected": [],
    },
    Step.DATA: {"names": []},
    Step.RESOLVED: {"bindings": []},
    Step.INPUTS: {"inputs": []},
    Step.HANDLER: {"arguments": [], "durationMs": None, "lines": []},
    Step.COLLECTED: {"outputs": [], "unbound": [], "declared": []},
    Step.FLUSHED: {"calls": [], "answer": None, "completion": None},
    Step.DELIVERED: {"deliveries": [], "clients": []},
}


def _state(
    step: Step, trace: InvocationTrace, found: Pieces, failed: Step | None, last: Step
) -> str:
    """done, failed, not reached, or nothing to do (a step that ended without anything happening)."""
    if failed is not None and step >= failed:
        # Outputs of which one failed may have been delivered all the same.
        if step is failed:
            return "failed"
        return "done" if step in found.reached else "not reached"
    if step in found.reached:
        return "done"
    if step > last:
        if trace.outcome == "explained":
            return "not run"
        # After the handler nothing is reached when nothing was set.
        ended = trace.outcome == "succeeded" and step > Step.HANDLER
        return "nothing to do" if ended else "not reached"
    return "done"


def _failed_step(trace: InvocationTrace, found: Pieces) -> Step | None:
    """The step in which an invocation ended; each failure has one."""
    if trace.outcome != "failed":
        return None
    reached = found.reached
    if Step.CHOSEN not in reached:
        return Step.CHOSEN
    if Step.COLLECTED in reached:
        return Step.FLUSHED
    if found.result is not None:
        return Step.COLLECTED
    if Step.INPUTS in reached:
        return Step.HANDLER
    if Step.RESOLVED in reached:
        return Step.INPUTS
    if Step.DATA in reached:
        return Step.RESOLVED
    # A handler that was never loaded: the function is known, and nothing is bound for it.
    if any(problem.code.startswith("FJ05") for problem in trace.problems):
        return Step.CHOSEN
    return Step.DATA


Content = tuple[dict[str, Any], list[str]]


def _arrived(_trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    return arrived(found.event, shown), request_rules(found.event)


def _chosen(trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    function = found.function
    if function is None:
        return {"function": trace.function or None}, []
    trigger = function.trigger
    properties = {
        name: value
        for name, value in trigger.properties.items()
        if name not in ("name", "type", "direction")
    }
    content = {
        "function": function.name,
        "handler": _handler(function),
        "declared": str(function.locate(trigger.pointer)),
        "trigger": {"name": trigger.name, "type": trigger.type, **shown.value(properties)},
        "bindings": [
            {
                "name": binding.name,
                "type": binding.type,
                "direction": str(binding.direction),
                "declared": str(function.locate(binding.pointer)),
            }
            for binding in function.bindings
        ],
    }
    rules = {"httpTrigger": ["routes-by-name"], "signalRTrigger": ["signalr-key"]}
    return content, rules.get(trigger.type, [])


def _data(_trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    if found.data is None:
        return {"names": []}, []
    azure = found.plan.azure if found.plan else False
    return {"names": data_rows(found.data, shown)}, data_rules(found.data, found.event, azure)


def _resolved(trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    if found.data is None or found.plan is None:
        return {"bindings": []}, []
    rows = binding_rows(
        found.plan, found.data, found.resolved, found.pending, found.settings, trace.began_at, shown
    )
    return {"bindings": rows}, expression_rules(rows)


def _inputs(trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    if found.inputs is None or found.plan is None:
        return {"inputs": []}, []
    rows = input_rows(found.plan, found.inputs, found.resolved or (), trace.began_at, shown)
    return {"inputs": rows}, input_rules(rows)


def _handler_step(trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    if found.call is None:
        skipped = trace.outcome == "failed" and found.data is not None
        return {"arguments": [], "lines": []}, ["handler-skipped"] if skipped else []
    ended = found.returned_at_s or trace.duration_s
    return {
        "arguments": [name for name, _ in found.call.inputs],
        "durationMs": _ms(ended - found.called_at_s) if ended else None,
        "lines": [
            {"atMs": _ms(line.at_s), "level": line.level, "text": shown.text(line.text)}
            for line in trace.lines
        ],
    }, []


def _collected(_trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    if found.result is None or found.plan is None:
        return {"outputs": [], "unbound": []}, []
    rows = output_rows(found.plan, found.result, found.pending, shown, found.sink)
    unbound = unbound_rows(found.plan, found.result, shown)
    content = {
        "outputs": rows,
        "unbound": unbound,
        "hints": output_remarks(found.pending or (), found.values)[: shown.items],
    }
    return content, output_rules(rows, unbound)


def _flushed(trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    content: dict[str, Any] = {"calls": call_rows(found.deliveries, found.pending, shown)}
    rules = ["scope-order", "one-by-one"] if content["calls"] else []
    is_http = found.event is not None and found.event.request is not None
    if found.sink is not None and found.sink.status:
        content["answer"] = streamed_row(found.sink, trace.outcome, shown)
    elif is_http and trace.outcome == "failed" and found.plan is not None:
        content["answer"] = {
            "status": 500,
            "headers": [],
            "body": None,
            "error": None,
            "streamed": None,
        }
        rules.append("failure-empty-500")
    elif found.plan is not None and found.result is not None and found.event is not None:
        content["answer"] = answer_row(found.plan, found.result, found.event, shown)
    ended = trace.problems or found.result is not None
    if found.plan is not None and found.event is not None and ended:
        problem = trace.problems[0] if trace.problems else None
        content["completion"] = completion_row(
            found.plan, found.event, found.result, problem, shown
        )
        if content["completion"]:
            rules.append("invoke-answer")
    return content, rules


def _delivered(_trace: InvocationTrace, found: Pieces, shown: Shown) -> Content:
    rows = delivery_rows(found.deliveries, shown)
    return {"deliveries": rows}, delivery_rules(rows)


_CONTENT = {
    Step.ARRIVED: _arrived,
    Step.CHOSEN: _chosen,
    Step.DATA: _data,
    Step.RESOLVED: _resolved,
    Step.INPUTS: _inputs,
    Step.HANDLER: _handler_step,
    Step.COLLECTED: _collected,
    Step.FLUSHED: _flushed,
    Step.DELIVERED: _delivered,
}


def _handler(function: Function) -> str:
    file = function.script_file or function.name
    return f"{file}  {function.entry_point}" if function.entry_point else file


def _problem(problem: Problem, shown: Shown) -> dict[str, Any]:
    return {
        name: shown.cut(shown.mask.text(value)) if isinstance(value, str) else value
        for name, value in problem.as_json().items()
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
