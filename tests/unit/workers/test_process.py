"""The pool: restarts with back-off, functions told again, callers who wait or are told why not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import HandlerError, HandlerLoadError, Problem, WorkerError, WorkerStartError
from funcjson.model import Binding, Call, Direction, Function, Language, WorkerLog
from funcjson.workers.base import Stacks
from funcjson.workers.channel import Channel
from funcjson.workers.child import WorkerProgram
from funcjson.workers.process import ProcessWorker

PROGRAM = WorkerProgram(Language.PYTHON, ("python",), Path("/app"), {})
FUNCTION = Function(
    "f", Path("/app/f"), (Binding("t", "timerTrigger", Direction.IN, {}, ""),), Language.PYTHON
)
ENDED = Problem("FJ0512", "ended")


class FakeChild:
    """A process that answers at once, except to the operation that it is told to keep."""

    def __init__(self, number: int, keep: str = "") -> None:
        self.number = number
        self.keep = keep
        self.runtime = "fake 1"
        self.asked: list[str] = []
        self.stacks_id: str | None = None
        self.was_asked_for_stacks = asyncio.Event()
        self.exited: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
        self.channel = Channel(self._answer, lambda _: None, Path("/app"))

    def _answer(self, message: dict[str, Any]) -> None:
        op, identifier = message["op"], message.get("id")
        self.asked.append(op)
        answers: dict[str, dict[str, Any]] = {
            "load": {"op": "loaded"},
            "index": {"op": "indexed", "functions": []},
            "invoke": {"op": "result", "outputs": {}, "return": {"int": self.number}},
        }
        if op == "stacks":
            self.stacks_id = identifier
            self.was_asked_for_stacks.set()
        if op == "load" and message["function"]["name"] == "broken":
            answers["load"] = {"op": "failed", "type": "SyntaxError", "message": "x"}
        if message.get("function") == "bad":
            answers["invoke"] = {"op": "failed", "type": "E", "message": ""}
        if op in answers and op != self.keep:
            loop = asyncio.get_running_loop()
            loop.call_soon(self.channel.receive, {"id": identifier, **answers[op]})

    def answer_stacks(self, text: str) -> None:
        self.channel.receive({"op": "stacks", "id": self.stacks_id, "text": text})

    def end(self, problem: Problem = ENDED) -> None:
        if not self.exited.done():
            self.exited.set_result(problem)
            self.channel.close(problem)

    async def stacks(self) -> Stacks:
        return await self.channel.stacks()

    async def kill(self, cause: Problem | None = None) -> None:
        self.end(cause or ENDED)

    async def stop(self) -> None:
        self.end(Problem("FJ0515", "stopped"))


class Pool:
    """A worker whose processes are fakes and whose pauses are only written down."""

    def __init__(
        self,
        *,
        count: int = 1,
        failing: int = 0,
        keep: str = "",
        patience_s: float = 60.0,
        program: WorkerProgram = PROGRAM,
    ) -> None:
        self.children: list[FakeChild] = []
        self.failing = failing
        self.pauses: list[float] = []
        self.logs: list[WorkerLog] = []
        self.starts = 0
        self.ready = asyncio.Event()
        self.sleep = self._sleep
        self._keep = keep
        self.worker = ProcessWorker(
            program,
            self.logs.append,
            count=count,
            restart_delays=(0.0, 1.0, 2.0),
            sleep=lambda seconds: self.sleep(seconds),
            start_child=self._start,
            patience_s=patience_s,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def _start(self, program: WorkerProgram, log: Any) -> Any:
        self.starts += 1
        if self.starts > 1 and self.failing:
            self.failing -= 1
            raise WorkerStartError(Problem("FJ0510", "did not start"))
        child = FakeChild(len(self.children) + 1, self._keep)
        self.children.append(child)
        asyncio.get_running_loop().call_soon(self.ready.set)
        return child

    async def child(self, at: int) -> None:
        """Wait until a process is ready for calls."""
        while len(self.children) <= at or not self.worker.runtime:
            self.ready.clear()
            await self.ready.wait()

    async def call(self, function: str = "f", identifier: str = "i") -> Any:
        result = await self.worker.invoke(Call(identifier, function, ()))
        return result.return_value["int"]


async def test_a_process_that_ended_is_replaced_and_told_everything_again() -> None:
    pool = Pool()
    await pool.worker.start()
    await pool.worker.index()
    await pool.worker.load(FUNCTION)
    pool.children[0].end()

    assert await pool.call() == 2
    assert pool.children[1].asked == ["index", "load", "invoke"]
    await pool.worker.stop()


async def test_what_one_process_has_loaded_is_loaded_again_while_another_still_loads_it() -> None:
    pool = Pool(count=2)
    await pool.worker.start()
    pool.children[1].keep = "load"
    loading = asyncio.ensure_future(pool.worker.load(FUNCTION))
    # The first process has answered, and who waited for it has gone on.
    await turns(20)
    pool.children[0].end()
    await turns(20)
    pool.children[1].channel.receive({"op": "loaded", "id": "load-1"})
    await loading

    assert [child.asked for child in pool.children] == [["load"]] * 3
    await pool.worker.stop()


async def turns(count: int) -> None:
    """Let everything go on that only waits for its turn."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_restarts_in_a_row_pause_longer_and_a_call_starts_anew() -> None:
    pool = Pool()
    await pool.worker.start()
    for at in range(4):
        pool.children[at].end()
        await pool.child(at + 1)
    assert pool.pauses == [1.0, 2.0, 2.0]

    await pool.call()
    pool.children[-1].end()
    await pool.call()
    assert pool.pauses == [1.0, 2.0, 2.0]
    await pool.worker.stop()


async def test_a_pause_that_is_felt_is_told() -> None:
    pool = Pool()
    await pool.worker.start()
    for at in range(2):
        pool.children[at].end()
        await pool.child(at + 1)

    told = [line.message for line in pool.logs if "starts again in" in line.message]
    assert told == [
        "the python worker starts again in 1 s, since it has ended 2 times without a call that "
        "finished; calls wait"
    ]
    await pool.worker.stop()


async def test_calls_that_are_overdue_together_share_one_restart_and_one_look() -> None:
    pool = Pool(keep="invoke")
    await pool.worker.start()
    calls = [asyncio.ensure_future(pool.call("f", str(at))) for at in range(3)]
    await asyncio.sleep(0)

    async def stop(at: int) -> Stacks:
        text = await pool.worker.stacks(str(at))
        await pool.worker.restart("it ran for too long", str(at))
        return text

    stopping = [asyncio.ensure_future(stop(at)) for at in range(3)]
    await pool.children[0].was_asked_for_stacks.wait()
    pool.children[0].answer_stacks("line 3, in main")
    texts = await asyncio.gather(*stopping)

    assert [text.render() for text in texts] == ["line 3, in main"] * 3
    assert pool.children[0].asked.count("stacks") == 1
    assert [line.message for line in pool.logs if "restarted" in line.message] == [
        "the python worker was restarted: it ran for too long"
    ]
    await asyncio.gather(*calls, return_exceptions=True)
    await pool.worker.stop()


async def test_a_load_error_that_is_known_is_not_told_at_each_restart() -> None:
    pool = Pool()
    await pool.worker.start()
    broken = replace(FUNCTION, name="broken")
    with pytest.raises(HandlerLoadError):
        await pool.worker.load(broken)
    pool.children[0].end()
    await pool.call()

    assert pool.children[1].asked == ["load", "invoke"]
    assert [line for line in pool.logs if line.function == "broken"] == []
    await pool.worker.stop()


async def test_a_failing_handler_is_no_reason_to_pause() -> None:
    pool = Pool()
    await pool.worker.start()
    for _ in range(2):
        with pytest.raises(HandlerError):
            await pool.call("bad")
        pool.children[-1].end()
    await pool.call()

    assert pool.pauses == []
    await pool.worker.stop()


async def test_a_call_that_no_handler_has_seen_waits_for_the_next_try() -> None:
    pool = Pool(failing=3)
    await pool.worker.start()
    pool.children[0].end()

    assert await pool.call() == 2
    assert pool.starts == 5
    await pool.worker.stop()


async def test_a_call_goes_to_the_process_that_is_there_first() -> None:
    pool = Pool(count=2)
    await pool.worker.start()
    never = asyncio.Event()

    async def sleep(seconds: float) -> None:
        # The first process is not tried again after its start has failed once.
        await never.wait()

    pool.sleep = sleep
    pool.failing = 1
    for child in pool.children:
        child.end()

    assert await pool.call() == 3
    await pool.worker.stop()


async def test_a_call_before_the_start_fails_at_once() -> None:
    with pytest.raises(WorkerError, match="not running"):
        await asyncio.wait_for(Pool().call(), 1)


async def test_a_call_that_waits_ends_when_the_worker_is_stopped() -> None:
    pool = Pool(failing=1)
    never = asyncio.Event()
    asked = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asked.set()
        await never.wait()

    pool.sleep = sleep
    await pool.worker.start()
    pool.children[0].end()
    call = asyncio.ensure_future(pool.call())
    await asked.wait()
    await pool.worker.stop()

    with pytest.raises(WorkerError, match="stopped"):
        await call


async def test_callers_are_told_of_failed_restarts_at_last_and_served_after_the_next() -> None:
    pool = Pool(failing=1, patience_s=0)
    await pool.worker.start()
    pool.children[0].end()
    with pytest.raises(WorkerStartError, match="did not start"):
        await pool.call()
    await pool.child(1)

    assert await pool.call() == 2
    await pool.worker.stop()


async def test_a_first_start_that_fails_is_raised_and_leaves_nothing() -> None:
    pool = Pool(count=2, failing=1)
    with pytest.raises(WorkerStartError):
        await pool.worker.start()

    assert all(child.exited.done() for child in pool.children)


async def test_calls_go_to_the_process_with_the_fewest() -> None:
    pool = Pool(count=2, keep="invoke")
    await pool.worker.start()
    calls = [asyncio.ensure_future(pool.call("f", str(at))) for at in range(4)]
    await asyncio.sleep(0)

    assert [child.channel.waiting for child in pool.children] == [2, 2]
    await pool.worker.stop()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_restart_of_one_call_leaves_the_other_process() -> None:
    pool = Pool(count=2, keep="invoke")
    await pool.worker.start()
    first = asyncio.ensure_future(pool.call("f", "first"))
    await asyncio.sleep(0)
    await pool.worker.restart("too slow", "first")

    with pytest.raises(WorkerError, match="too slow"):
        await first
    assert [child.exited.done() for child in pool.children] == [True, False, False]
    await pool.worker.stop()


async def test_a_process_that_ends_by_itself_is_logged_once_and_a_wanted_restart_is_no_error() -> (
    None
):
    pool = Pool()
    await pool.worker.start()
    pool.children[0].end()
    await pool.call()
    await pool.worker.restart("wanted")

    assert [(entry.level, entry.message) for entry in pool.logs] == [
        ("error", "ended"),
        ("warning", "the python worker was restarted: wanted"),
    ]
    await pool.worker.stop()


async def test_nothing_is_started_after_stop() -> None:
    pool = Pool()
    await pool.worker.start()
    pool.children[0].end()
    await pool.worker.stop()
    await pool.worker.stop()
    with pytest.raises(WorkerError):
        await pool.call()

    assert all(child.exited.done() for child in pool.children)


async def test_code_that_never_ends_while_it_is_indexed_is_given_up_in_every_process() -> None:
    impatient = replace(PROGRAM, load_notice_s=0.0, load_limit_s=0.01)
    pool = Pool(count=2, keep="index", program=impatient)
    await pool.worker.start()
    indexing = asyncio.create_task(pool.worker.index())
    stuck = list(pool.children)
    for child in stuck:
        await child.was_asked_for_stacks.wait()
        child.answer_stacks(f"in process {child.number}")

    result = await indexing

    assert "did not come to its end" in str(result.error)
    assert result.stack == "in process 1"
    assert all(child.exited.done() for child in stuck)
    assert len(pool.children) == 4
    await pool.worker.stop()
