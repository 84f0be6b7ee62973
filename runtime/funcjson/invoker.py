"""Runs one invocation for the host: id, trace, log lines, retries, time limit."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from funcjson.app_version import AppVersion
from funcjson.binding_data import Entry
from funcjson.errors import (
    AnswerError,
    FuncJsonError,
    HandlerError,
    HandlerTimeout,
    Problem,
    Severity,
    render,
)
from funcjson.http_answer import answer
from funcjson.model import Call, CallResult, Function, RetryContext, RetryPolicy, TriggerEvent
from funcjson.overdue import overdue_problem, restart_reason
from funcjson.pipeline import Outcome, run
from funcjson.plan import Plan
from funcjson.trace import InvocationTrace, Recorder, Step
from funcjson.workers.base import Stacks, Worker

log = logging.getLogger("funcjson.invocation")

DRAIN_S = 10.0  # how long running invocations may use the version that a reload replaced


class Invoker:
    """Invokes planned functions of any loaded version, and remembers what happened."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._told_of_shadows: set[str] = set()
        self._running: dict[AppVersion, int] = {}
        # Ids must differ, not be secret: a seeded generator costs a tenth of asking the kernel.
        self._random_bits = random.Random(secrets.randbits(128)).getrandbits  # noqa: S311 - ids, not secrets
        self._idle = asyncio.Condition()

    async def drain(self, version: AppVersion, limit_s: float = DRAIN_S) -> None:
        """Wait until no invocation of a version runs, at most `limit_s`."""
        try:
            async with asyncio.timeout(limit_s), self._idle:
                await self._idle.wait_for(lambda: not self._running.get(version))
        except TimeoutError:
            # None when the last one ended in this very turn of the loop.
            if left := self._running.get(version):
                log.warning(
                    "%d invocation(s) of the old version did not end within %g s", left, limit_s
                )

    async def invoke(self, version: AppVersion, plan: Plan, event: TriggerEvent) -> Outcome:
        """Run to the end, with the function's retry policy. Raises FuncJsonError after logging it."""
        version = version.runner(plan.function.name)
        self._running[version] = self._running.get(version, 0) + 1
        try:
            return await self._with_retries(version, plan, event)
        finally:
            left = self._running[version] - 1
            if left:
                self._running[version] = left
            else:
                del self._running[version]
                if version.replaced:
                    async with self._idle:
                        self._idle.notify_all()

    async def _with_retries(self, version: AppVersion, plan: Plan, event: TriggerEvent) -> Outcome:
        policy = plan.function.retry
        count = 0
        retry: RetryContext | None = None
        while True:
            try:
                return await self._once(version, plan, event, retry)
            except AnswerError:
                # On the platform the function has succeeded when its answer is written.
                raise
            except FuncJsonError as error:
                if policy is None or (
                    policy.max_retry_count >= 0 and count >= policy.max_retry_count
                ):
                    raise
                failure = error
            delay = _delay(policy, count)
            count += 1
            retry = _retry_context(policy, count, failure)
            log.warning("Waiting %.3f s before retry %d of '%s'", delay, count, plan.function.name)
            await asyncio.sleep(delay)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random_bits(128), version=4))

    async def _once(
        self, version: AppVersion, plan: Plan, event: TriggerEvent, retry: RetryContext | None
    ) -> Outcome:
        name = plan.function.name
        broken = version.broken.get(name)
        trace = self.recorder.begin(self._new_id(), name)
        extra = {"invocation_id": trace.id, "function": name}
        log.info(
            "Executing 'Functions.%s' (Reason='%s', Id=%s)",
            name,
            event.reason,
            trace.id,
            extra=extra,
        )
        trace.add_one(Step.ARRIVED, "event", event)
        trace.add(Step.CHOSEN, {"function": name, "plan": plan, "settings": version.settings})
        began = time.perf_counter()
        try:
            if broken is not None:
                raise broken
            services = version.services
            assert services is not None
            outcome = await run(
                plan,
                event,
                services,
                lambda call: _call(version, plan.function, call),
                trace,
                retry,
            )
            if event.request is not None:
                answered = answer(plan, outcome, event.request)
                outcome = Outcome(outcome.outputs, outcome.return_value, answered)
        except BaseException as error:
            if isinstance(error, FuncJsonError):
                trace.problems = error.problems
            self._tell_of_shadows(plan, trace)
            self.recorder.end(trace, "failed")
            ms = (time.perf_counter() - began) * 1000
            log.error(
                "Executed 'Functions.%s' (Failed, Id=%s, Duration=%dms)",
                name,
                trace.id,
                ms,
                extra=extra,
            )
            if isinstance(error, FuncJsonError):
                log.error("%s", _failure_text(error, name), extra=extra)
            raise
        self._tell_of_shadows(plan, trace)
        self.recorder.end(trace, "succeeded")
        ms = (time.perf_counter() - began) * 1000
        log.info(
            "Executed 'Functions.%s' (Succeeded, Id=%s, Duration=%dms)",
            name,
            trace.id,
            ms,
            extra=extra,
        )
        return outcome

    def _tell_of_shadows(self, plan: Plan, trace: InvocationTrace) -> None:
        """Say once of each function that a caller's names did not replace the real ones."""
        found = trace.first(Step.DATA)
        if found is None or not found["data"].shadowed_so_far:
            return
        name = plan.function.name
        shadowed = found["data"].hidden_reserved
        if shadowed and name not in self._told_of_shadows:
            self._told_of_shadows.add(name)
            extra = {"invocation_id": trace.id, "function": name}
            log.warning("%s", render(shadow_problem(plan.function, shadowed)), extra=extra)


async def _call(version: AppVersion, function: Function, call: Call) -> CallResult:
    worker = version.workers[function.language]
    limit = version.settings.host.function_timeout_s
    if limit is None:
        return await worker.invoke(call)
    # The time in which a worker starts again is not the handler's.
    await worker.ready()
    # A timer handle, not `asyncio.timeout`: the call must go on while its stack is asked for.
    overdue = _Overdue(worker, function, call, limit)
    handle = asyncio.get_running_loop().call_later(limit, overdue.begin)
    try:
        return await worker.invoke(call)
    except FuncJsonError as error:
        if overdue.stopping is None:
            raise
        stacks = await overdue.stopping
        problem = overdue_problem(function, call.invocation_id, limit, stacks)
        raise HandlerTimeout(problem) from error
    finally:
        handle.cancel()
        if overdue.stopping is not None:
            await overdue.stopping


@dataclass(slots=True)
class _Overdue:
    """Stops the worker of a call that takes too long, which ends the call with an error."""

    worker: Worker
    function: Function
    call: Call
    limit_s: float
    stopping: asyncio.Task[Stacks] | None = None

    def begin(self) -> None:
        self.stopping = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> Stacks:
        """Where the handler was. What goes wrong is told, and hides nowhere that the time was up."""
        stacks = Stacks()
        worker, identifier = self.worker, self.call.invocation_id
        try:
            stacks = await worker.stacks(identifier)
            reason, why = restart_reason(self.function, identifier, self.limit_s, stacks)
            await worker.restart(reason, identifier, why)
        except FuncJsonError as error:
            log.error("%s", error)
        return stacks


def _retry_context(policy: RetryPolicy, count: int, failure: FuncJsonError) -> RetryContext:
    if isinstance(failure, HandlerError):
        return RetryContext(count, policy.max_retry_count, failure.message, failure.stack)
    return RetryContext(count, policy.max_retry_count, failure.problems[0].what)


def _delay(policy: RetryPolicy, count: int) -> float:
    if policy.strategy.lower() == "fixeddelay":
        return policy.delay_s
    return float(min(policy.maximum_s, policy.minimum_s * 2**count))


def shadow_problem(function: Function, shadowed: Sequence[Entry]) -> Problem:
    """A request gave a value under a name that has a meaning already."""
    names = ", ".join(sorted({f"'{entry.name}' ({entry.origin})" for entry in shadowed}))
    return Problem(
        "FJ0314",
        f"a request to '{function.name}' used a name that is taken: {names}",
        function.locate(function.trigger.pointer),
        "headers, query and sys mean the request's own here, so the caller's value is not used; on Azure it "
        "replaces the real one, and a caller could choose whose headers {headers.x} reads",
        "call that member or parameter something else, and do not take identities from {headers.x} on "
        "Azure when callers may post JSON",
        Severity.WARNING,
        function.name,
    )


def _failure_text(error: FuncJsonError, name: str) -> str:
    text = f"Exception while executing function: Functions.{name}\n{error}"
    if isinstance(error, HandlerError) and error.stack:
        text += f"\n{error.stack}"
    return text
