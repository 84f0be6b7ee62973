"""One invocation as the host sees it: log lines, retries, time limit, draining."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funcjson.app_version import AppVersion
from funcjson.errors import (
    AnswerError,
    HandlerError,
    HandlerTimeout,
    Problem,
    WorkerError,
    WorkerStartError,
)
from funcjson.invoker import Invoker
from funcjson.model import (
    Binding,
    Call,
    CallResult,
    Direction,
    Function,
    HttpRequest,
    Language,
    RetryPolicy,
    TriggerEvent,
)
from funcjson.plan import Plan, make_plan
from funcjson.registry import open_registry
from funcjson.services import HostServices
from funcjson.settings import load_settings
from funcjson.signalr.rest_client import HttpTransport
from funcjson.trace import Recorder, Step
from funcjson.workers.base import IndexResult, Stacks

EVENT = TriggerEvent("manualTrigger", payload="x", reason="a test")


class ScriptedWorker:
    """A worker whose calls end as the given behaviours say, one after the other."""

    language = Language.PYTHON

    def __init__(self, *behaviours: Any) -> None:
        self._behaviours = list(behaviours)
        self.calls: list[Call] = []
        self.restarts: list[str] = []
        self.lost = asyncio.Event()
        self.restarted = asyncio.Event()
        self.restarted.set()

    async def start(self) -> None: ...
    async def load(self, function: Function) -> None: ...
    async def stop(self) -> None: ...

    async def index(self) -> IndexResult:
        return IndexResult()

    async def ready(self) -> None:
        await self.restarted.wait()

    async def stacks(self, invocation_id: str | None = None) -> Stacks:
        return Stacks(text='File "f/__init__.py", line 3, in main')

    async def restart(self, reason: str, invocation_id: str | None = None, why: str = "") -> None:
        self.restarts.append(reason)
        self.lost.set()

    async def invoke(self, call: Call) -> CallResult:
        self.calls.append(call)
        behaviour = self._behaviours.pop(0)
        if isinstance(behaviour, BaseException):
            raise behaviour
        if behaviour == "hang":
            await self.lost.wait()
            raise WorkerError(Problem("FJ0510", "the worker was restarted"))
        if isinstance(behaviour, CallResult):
            return behaviour
        if isinstance(behaviour, asyncio.Event):
            await behaviour.wait()
        return CallResult({}, {"string": "done"})


def setup(
    worker: ScriptedWorker, retry: RetryPolicy | None = None, limit_s: float | None = None
) -> tuple[AppVersion, Plan]:
    settings = load_settings(Path("/nonexistent"), {})
    settings = replace(settings, host=replace(settings.host, function_timeout_s=limit_s))
    trigger = Binding("t", "manualTrigger", Direction.IN, {}, "/bindings/0")
    function = Function("f", Path(), (trigger,), Language.PYTHON, "f/__init__.py", retry=retry)
    plan = make_plan(function, open_registry([]), settings)
    version = AppVersion(settings, {"f": plan}, {Language.PYTHON: worker}, ())
    version.services = HostServices(settings, None, HttpTransport())
    return version, plan


def http_setup(worker: ScriptedWorker, retry: RetryPolicy | None = None) -> tuple[AppVersion, Plan]:
    version, plan = setup(worker, retry)
    bindings = (
        Binding("req", "httpTrigger", Direction.IN, {}, "/bindings/0"),
        Binding("res", "http", Direction.OUT, {}, "/bindings/1"),
    )
    function = replace(plan.function, bindings=bindings)
    return version, make_plan(function, open_registry([]), version.settings)


def failure() -> HandlerError:
    return HandlerError(
        Problem("FJ0504", "ValueError: no"), "no", 'File "f/__init__.py", line 9, in main'
    )


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the invoker logs, whatever other tests did to the loggers above it."""
    logger = logging.getLogger("funcjson.invocation")
    handler = _Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


async def test_log_lines_are_the_hosts_own(lines: list[str]) -> None:
    version, plan = setup(ScriptedWorker("ok"))

    outcome = await Invoker(Recorder()).invoke(version, plan, EVENT)

    first, second = lines
    assert outcome.return_value == {"string": "done"}
    assert first.startswith("Executing 'Functions.f' (Reason='a test', Id=")
    assert second.startswith("Executed 'Functions.f' (Succeeded, Id=")


async def test_a_failure_logs_the_users_own_stack(lines: list[str]) -> None:
    version, plan = setup(ScriptedWorker(failure()))

    with pytest.raises(HandlerError):
        await Invoker(Recorder()).invoke(version, plan, EVENT)

    text = "\n".join(lines)
    assert 'File "f/__init__.py", line 9, in main' in text
    assert "(Failed, Id=" in text


async def test_an_answer_that_cannot_be_written_is_a_failure_with_its_reason(
    lines: list[str],
) -> None:
    worker = ScriptedWorker(
        CallResult({"res": {"http": {"status": 200, "headers": {"X Y": "1"}, "body": {}}}})
    )
    version, plan = http_setup(worker, RetryPolicy("fixedDelay", 3))
    recorder = Recorder()
    request = HttpRequest("GET", "http://h/api/f", ())

    with pytest.raises(AnswerError):
        await Invoker(recorder).invoke(version, plan, TriggerEvent("httpTrigger", request))

    (trace,) = recorder
    text = "\n".join(lines)
    assert trace.outcome == "failed"
    assert [problem.code for problem in trace.problems] == ["FJ0408"]
    assert "(Failed, Id=" in text
    assert "'X Y' is not a name for an HTTP header" in text
    # The platform renders answers when the function has ended: its retry policy does not count.
    assert len(worker.calls) == 1


async def test_an_answer_is_part_of_the_outcome() -> None:
    worker = ScriptedWorker(
        CallResult({"res": {"http": {"status": 201, "headers": {}, "body": {"bytes": b"x"}}}})
    )
    version, plan = http_setup(worker)
    request = HttpRequest("GET", "http://h/api/f", ())

    outcome = await Invoker(Recorder()).invoke(version, plan, TriggerEvent("httpTrigger", request))

    assert outcome.answer is not None
    assert (outcome.answer.status, outcome.answer.body) == (201, b"x")


async def test_retries_tell_the_handler_which_try_it_is() -> None:
    worker = ScriptedWorker(failure(), failure(), "ok")
    version, plan = setup(worker, RetryPolicy("fixedDelay", 2, delay_s=0.0))

    await Invoker(Recorder()).invoke(version, plan, EVENT)

    first, *later = [call.retry for call in worker.calls]
    assert first is None
    assert [retry and (retry.retry_count, retry.max_retry_count) for retry in later] == [
        (1, 2),
        (2, 2),
    ]
    assert later[0] is not None
    assert (later[0].exception, later[0].stack) == ("no", 'File "f/__init__.py", line 9, in main')


async def test_retries_end_with_the_last_failure() -> None:
    worker = ScriptedWorker(failure(), failure())
    version, plan = setup(worker, RetryPolicy("fixedDelay", 1))

    with pytest.raises(HandlerError):
        await Invoker(Recorder()).invoke(version, plan, EVENT)

    assert len(worker.calls) == 2


async def test_a_stuck_handler_is_stopped_and_its_stack_shown() -> None:
    worker = ScriptedWorker("hang")
    version, plan = setup(worker, limit_s=0.01)

    with pytest.raises(HandlerTimeout) as caught:
        await Invoker(Recorder()).invoke(version, plan, EVENT)

    assert "line 3, in main" in caught.value.problems[0].why
    assert len(worker.restarts) == 1


class BrokenAfterwards(ScriptedWorker):
    """A worker that cannot be had again once it was stopped."""

    async def restart(self, reason: str, invocation_id: str | None = None, why: str = "") -> None:
        await super().restart(reason, invocation_id, why)
        raise WorkerStartError(Problem("FJ0510", "the worker could not be started"))


async def test_a_restart_that_fails_does_not_hide_that_the_time_was_up(lines: list[str]) -> None:
    version, plan = setup(BrokenAfterwards("hang"), limit_s=0.01)

    with pytest.raises(HandlerTimeout) as caught:
        await Invoker(Recorder()).invoke(version, plan, EVENT)

    assert "line 3, in main" in caught.value.problems[0].why
    assert any("the worker could not be started" in line for line in lines)


class AskedForStacks(ScriptedWorker):
    """A worker whose call ends by itself while its stack is asked for."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        super().__init__(self.asked)

    async def stacks(self, invocation_id: str | None = None) -> Stacks:
        self.asked.set()
        for _ in range(5):
            await asyncio.sleep(0)
        return Stacks()


async def test_a_call_that_ends_while_it_is_stopped_leaves_no_task_behind() -> None:
    worker = AskedForStacks()
    version, plan = setup(worker, limit_s=0.01)

    outcome = await Invoker(Recorder()).invoke(version, plan, EVENT)

    assert outcome.return_value == {"string": "done"}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_waiting_for_a_worker_that_starts_again_is_not_the_handlers_time() -> None:
    worker = ScriptedWorker("ok")
    worker.restarted.clear()
    version, plan = setup(worker, limit_s=0.01)
    running = asyncio.create_task(Invoker(Recorder()).invoke(version, plan, EVENT))
    # Longer than the limit, by the loop's own clock.
    gone = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, gone.set)
    await gone.wait()
    worker.restarted.set()

    outcome = await running

    assert outcome.return_value == {"string": "done"}
    assert worker.restarts == []


async def test_draining_waits_for_running_invocations() -> None:
    gate = asyncio.Event()
    version, plan = setup(ScriptedWorker(gate))
    invoker = Invoker(Recorder())
    running = asyncio.create_task(invoker.invoke(version, plan, EVENT))
    await asyncio.sleep(0)
    version.replaced = True
    draining = asyncio.create_task(invoker.drain(version))
    await asyncio.sleep(0)
    assert not draining.done()

    gate.set()
    await running
    await draining

    assert draining.done()


async def test_draining_may_end_in_the_turn_in_which_the_last_call_ends(lines: list[str]) -> None:
    gate = asyncio.Event()
    version, plan = setup(ScriptedWorker(gate))
    invoker = Invoker(Recorder())
    running = asyncio.create_task(invoker.invoke(version, plan, EVENT))
    await asyncio.sleep(0)
    version.replaced = True
    draining = asyncio.create_task(invoker.drain(version, 0))
    await asyncio.sleep(0)
    # The limit is the first thing of the next turn, the end of the call the second.
    gate.set()

    await draining
    await running

    assert not [line for line in lines if "did not end" in line]


async def test_the_recorder_keeps_the_outcome() -> None:
    version, plan = setup(ScriptedWorker("ok", failure()))
    recorder = Recorder(limit=5)
    invoker = Invoker(recorder)

    await invoker.invoke(version, plan, EVENT)
    with pytest.raises(HandlerError):
        await invoker.invoke(version, plan, EVENT)

    assert [trace.outcome for trace in recorder] == ["succeeded", "failed"]


def http_plan(version: AppVersion, body: bytes, user: str) -> tuple[Plan, TriggerEvent]:
    """A negotiate function with an expression that makes the host read the body, and a request."""
    trigger = Binding("req", "httpTrigger", Direction.IN, {"type": "httpTrigger"}, "/bindings/0")
    properties = {"hubName": "{room}", "userId": user}
    info = Binding("ci", "signalRConnectionInfo", Direction.IN, properties, "/bindings/1")
    function = Function("f", Path(), (trigger, info), Language.PYTHON, "f/__init__.py")
    settings = load_settings(
        Path("/nonexistent"),
        {"AzureSignalRConnectionString": f"Endpoint=http://localhost;AccessKey={'k' * 40}"},
    )
    version.settings = settings
    version.services = HostServices(settings, None, HttpTransport())
    plan = make_plan(function, open_registry([]), settings)
    request = HttpRequest("POST", "http://h/api/f", (("X-User", "ann"),), body=body)
    return plan, TriggerEvent("httpTrigger", request)


async def test_a_body_that_hides_the_headers_is_told_once(lines: list[str]) -> None:
    version, _ = setup(ScriptedWorker("ok", "ok"))
    body = b'{"room": "chat", "headers": {"x-user": "forged"}}'
    plan, event = http_plan(version, body, "{headers.x-user}")
    invoker = Invoker(Recorder())

    await invoker.invoke(version, plan, event)
    await invoker.invoke(version, plan, event)

    (line,) = [text for text in lines if "FJ0314" in text]
    assert "'headers' (body)" in line
    assert "forged" not in line


async def test_a_body_that_nobody_reads_is_not_read_to_warn() -> None:
    version, _ = setup(ScriptedWorker("ok"))
    plan, event = http_plan(version, b'{"room": "chat", "headers": 1}', "x")
    plan = replace(plan, inputs=())
    recorder = Recorder()

    await Invoker(recorder).invoke(version, plan, event)

    (trace,) = recorder
    (data,) = [found.data["data"] for found in trace.events if found.step is Step.DATA]
    assert data.shadowed_so_far == ()
    assert [entry.name for entry in data.shadowed] == ["headers"]


async def test_names_that_a_route_hides_are_no_warning(lines: list[str]) -> None:
    version, _ = setup(ScriptedWorker("ok"))
    plan, event = http_plan(version, b'{"room": "chat", "who": "x", "req": 1}', "{who}")
    assert event.request is not None
    event = replace(event, request=replace(event.request, route_params={"who": "ann"}))

    await Invoker(Recorder()).invoke(version, plan, event)

    assert not [text for text in lines if "FJ0314" in text]
