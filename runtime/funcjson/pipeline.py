"""One invocation from trigger to flushed outputs: bind, invoke, collect, flush.

The order and the failure rules are the Functions host's: inputs start in declaration order and are awaited together, the first
failure in that order wins and the handler is not called; outputs run side by side, the items of one output in order; any failure
fails the invocation. One deliberate difference: every output is checked before the first item is sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from funcjson.bindings.base import InputType, OutputType, Resolved, Services
from funcjson.errors import BindingError, FuncJsonError, OutputError
from funcjson.expressions import BindingData
from funcjson.model import (
    Call,
    CallResult,
    HttpRequest,
    HttpResponse,
    RetryContext,
    TriggerEvent,
    TypedData,
)
from funcjson.noun import noun
from funcjson.plan import Plan, PlannedBinding
from funcjson.signalr.rest_client import Delivery
from funcjson.trace import InvocationTrace, Step

log = logging.getLogger("funcjson.invocation")

Invoke = Callable[[Call], Awaitable[CallResult]]


@noun(frozen=True, slots=True)
class Outcome:
    """What an invocation produced. `outputs` has every output value by the binding's declared name.

    `answer` is the response to an HTTP caller, which the invoker renders.
    """

    outputs: Mapping[str, TypedData]
    return_value: TypedData = field(default_factory=dict)
    answer: HttpResponse | None = None


@noun(frozen=True, slots=True)
class Bound:
    """Steps 1 to 5 done: what the handler would be called with."""

    data: BindingData
    inputs: tuple[tuple[str, TypedData], ...]


async def bind(
    plan: Plan, event: TriggerEvent, services: Services, trace: InvocationTrace
) -> Bound:
    """Build the binding data, resolve the inputs' expressions, and make the inputs."""
    function = plan.function
    trigger = function.trigger
    data = plan.trigger.binding_data(event, function, plan.azure)
    trace.add_one(Step.DATA, "data", data)
    if event.request is not None:
        trace.weight += len(event.request.body)
    resolved = [step.resolve(data, services) for step in plan.inputs]
    trace.add_one(Step.RESOLVED, "bindings", resolved)
    inputs: tuple[tuple[str, TypedData], ...] = (
        (trigger.name, plan.trigger.value(event, function.language)),
    )
    if resolved:
        values = await _all_in_order(
            [
                _bind_one(step, one, services)
                for step, one in zip(plan.inputs, resolved, strict=True)
            ]
        )
        names = [step.binding.name for step in plan.inputs]
        inputs = (*inputs, *zip(names, values, strict=True))
    trace.add_one(Step.INPUTS, "inputs", inputs)
    return Bound(data, inputs)


async def _bind_one(step: PlannedBinding, resolved: Resolved, services: Services) -> TypedData:
    assert isinstance(step.kind, InputType)
    return await step.kind.bind(resolved, services)


async def run(
    plan: Plan,
    event: TriggerEvent,
    services: Services,
    invoke: Invoke,
    trace: InvocationTrace,
    retry: RetryContext | None = None,
) -> Outcome:
    """Run one invocation to its end. Raises FuncJsonError; what was flushed before a failure stays flushed."""
    bound = await bind(plan, event, services, trace)
    call = Call(
        invocation_id=trace.id,
        function=plan.function.name,
        inputs=bound.inputs,
        trigger_metadata=plan.trigger.metadata(event, plan.function, bound.data),
        retry=retry,
        trace_parent=trace_parent(event.request, trace.id),
        sink=event.sink,
        source=event.source,
    )
    trace.add_one(Step.HANDLER, "call", call)
    result = await invoke(call)
    trace.add_one(Step.HANDLER, "result", result)
    trace.weight += _size(result.return_value)
    for value in result.outputs.values():
        trace.weight += _size(value)
    for passing in (event.sink, event.source):
        if passing is not None:
            trace.weight += len(passing.passed.kept)
    outputs = output_values(plan, result)
    for name in result.outputs:
        if name.lower() not in plan.output_names:
            _tell_of_lost(plan, name, trace)
    pending = collect(plan, outputs, bound.data, services) if outputs else []
    trace.add(
        Step.COLLECTED, {"outputs": pending, "values": outputs, "return": result.return_value}
    )
    if pending:
        await flush(pending, services, trace)
    return Outcome(outputs, result.return_value)


_TRACE_PARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")


def trace_parent(request: HttpRequest | None, invocation_id: str) -> str:
    """W3C trace context for the handler: the caller's trace goes on, else one begins; the invocation is its span."""
    own = invocation_id.replace("-", "")
    if len(own) != 32:
        return ""
    trace_id, flags = own, "00"
    for name, text in request.headers if request is not None else ():
        if len(name) == 11 and name.lower() == "traceparent":
            found = _TRACE_PARENT.fullmatch(text.strip())
            if found is not None:
                trace_id, flags = found.groups()
    return f"00-{trace_id}-{own[:16]}-{flags}"


def _tell_of_lost(plan: Plan, name: str, trace: InvocationTrace) -> None:
    """On the platform such a value goes nowhere without a word."""
    there = ", ".join(plan.output_names.values()) or "none"
    extra = {"invocation_id": trace.id, "function": trace.function}
    log.warning(
        "'%s' of '%s' is no output binding, so its value goes nowhere; the outputs are: %s",
        name,
        plan.function.name,
        there,
        extra=extra,
    )


def _size(value: TypedData) -> int:
    """About how many bytes a value keeps alive."""
    size = 0
    for one in value.values():
        kind = type(one)
        if kind is str or kind is bytes:
            size += len(one)
        elif kind is dict and (body := one.get("body")):
            size += _size(body)
    return size


def output_values(plan: Plan, result: CallResult) -> dict[str, TypedData]:
    """Values by declared output name.

    An output named `$return` takes the return value; with none, a returned JSON object is spread over the outputs
    by name and overrides what the handler set.
    """
    declared = plan.output_names
    values: dict[str, TypedData] = {}
    for name, value in result.outputs.items():
        if name.lower() in declared:
            values[declared[name.lower()]] = value
    returned = result.return_value
    if "$return" in declared:
        values[declared["$return"]] = returned
    elif "json" in returned:
        whole = json.loads(returned["json"])
        if isinstance(whole, dict):
            for name, value in whole.items():
                if name.lower() in declared:
                    values[declared[name.lower()]] = typed(value)
    return values


def typed(value: Any) -> TypedData:
    """A JSON value as typed data, by the rules of a worker."""
    if value is None:
        return {}
    if isinstance(value, str):
        return {"string": value}
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return {"json": json.dumps(value, ensure_ascii=False, separators=(",", ":"))}
    return {"int": value} if isinstance(value, int) else {"double": value}


@dataclass(frozen=True, slots=True)
class Pending:
    """One output ready to be sent."""

    step: PlannedBinding
    resolved: Resolved
    items: tuple[Any, ...]


def collect(
    plan: Plan, outputs: Mapping[str, TypedData], data: BindingData, services: Services
) -> list[Pending]:
    """Check every output value and split it into items; raises OutputShapeError with all bad ones.

    An output without a value is skipped before its expressions are resolved, so that a bad expression on an unused output
    never fails.
    """
    pending: list[Pending] = []
    failed: list[FuncJsonError] = []
    for step in plan.outputs:
        value = outputs.get(step.binding.name)
        if not value:
            continue
        try:
            resolved = step.resolve(data, services)
            assert isinstance(step.kind, OutputType)
            pending.append(Pending(step, resolved, step.kind.collect(value, resolved)))
        except (BindingError, OutputError) as error:
            failed.append(error)
    if failed:
        first = failed[0]
        if len(failed) > 1:
            first.problems = tuple(problem for error in failed for problem in error.problems)
        raise first
    return pending


async def flush(pending: Sequence[Pending], services: Services, trace: InvocationTrace) -> None:
    """Deliver all outputs, side by side; the first failure in declaration order is raised after all have ended."""

    async def one(item: Pending) -> None:
        name = item.step.binding.name

        def delivered(delivery: Delivery) -> None:
            trace.add(Step.DELIVERED, {"output": name, "delivery": delivery})
            if delivery.why:
                # "200 and nothing arrived" is the hour that this line saves.
                extra = {"invocation_id": trace.id, "function": trace.function}
                log.info(
                    "Output '%s': received by %d: %s",
                    name,
                    delivery.delivered or 0,
                    delivery.why,
                    extra=extra,
                )

        assert isinstance(item.step.kind, OutputType)
        trace.add(Step.FLUSHED, {"output": name, "items": len(item.items)})
        await item.step.kind.flush(item.items, item.resolved, services, delivered)

    await _all_in_order([one(item) for item in pending])


async def _all_in_order(work: Sequence[Awaitable[Any]]) -> list[Any]:
    """Await all, side by side; raise the first failure in the given order."""
    if not work:
        return []
    if len(work) == 1:
        return [await work[0]]
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
