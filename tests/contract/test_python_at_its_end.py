"""What holds when a Python worker cannot go on: it ends and is replaced, and no call waits for ever."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import HandlerError, Problem, WorkerError
from funcjson.model import Binding, Call, Direction, Function, Language, WorkerLog
from funcjson.workers.process import ProcessWorker
from funcjson.workers.python import python_program

BINDINGS = (Binding("event", "signalRTrigger", Direction.IN, {}, ""),)
# From here on the process gets only so much more memory.
LIMIT = """
import resource, threading
def limit(mebibytes):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + mebibytes * 2**20, hard))
"""
SIZE = "def main(event): return [len(event)]"


class App:
    """A worker with functions, and what it logs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.logs: list[WorkerLog] = []
        self.changed = asyncio.Event()
        self.worker = ProcessWorker(python_program(root, os.environ), self._on_log)

    def _on_log(self, entry: WorkerLog) -> None:
        self.logs.append(entry)
        self.changed.set()

    async def line(self, text: str) -> None:
        """Wait for a log line."""
        while not any(text in entry.message for entry in self.logs):
            self.changed.clear()
            await self.changed.wait()

    async def load(self, name: str, code: str) -> None:
        (self.root / name).mkdir()
        (self.root / name / "__init__.py").write_text(code, encoding="utf-8")
        script = f"{name}/__init__.py"
        await self.worker.load(Function(name, self.root / name, BINDINGS, Language.PYTHON, script))

    async def call(self, name: str, data: str | bytes = "", identifier: str = "") -> Any:
        typed = {"bytes": data} if isinstance(data, bytes) else {"string": data}
        result = await self.worker.invoke(Call(identifier or name, name, (("event", typed),)))
        return json.loads(result.return_value.get("json", "null"))

    async def lost(self, call: Any) -> Problem:
        """Why a call's worker was lost."""
        with pytest.raises(WorkerError) as caught:
            await call
        return caught.value.problems[0]


@asynccontextmanager
async def app(root: Path, **codes: str) -> AsyncIterator[App]:
    made = App(root)
    await made.worker.start()
    try:
        for name, code in codes.items():
            await made.load(name, code)
        yield made
    finally:
        await made.worker.stop()


async def test_a_message_that_memory_has_no_room_for_ends_the_worker(tmp_path: Path) -> None:
    full = LIMIT + "def main(event): limit(16)"
    waits = "import threading\ndef main(event):\n  print('waits')\n  threading.Event().wait()"
    async with app(tmp_path, full=full, size=SIZE, waits=waits) as started:
        await started.call("full")
        other = asyncio.create_task(started.call("waits"))
        await started.line("waits")
        problem = await started.lost(started.call("size", bytes(64 * 2**20)))
        same = await started.lost(other)
        answer = await started.call("size", b"again")

    assert (problem.code, same) == ("FJ0512", problem)
    assert "ended out of memory" in problem.what
    assert "MemoryError" in problem.why
    assert "keep less in memory" in problem.fix
    assert answer == [5]


async def test_a_worker_that_can_start_no_thread_ends(tmp_path: Path) -> None:
    holds = f"""
{LIMIT}
def main(event):
    threading.stack_size(512 * 2**20)
    limit(256)
    print("holds")
    threading.Event().wait()
"""
    async with app(tmp_path, holds=holds, size=SIZE) as started:
        holding = asyncio.create_task(started.call("holds"))
        await started.line("holds")
        problem = await started.lost(started.call("size", b"one"))
        await started.lost(holding)
        answer = await started.call("size", b"again")

    assert problem.code == "FJ0512"
    assert "unable to start more threads" in problem.what
    assert "come to their end" in problem.fix
    assert answer == [5]


async def test_an_answer_that_memory_has_no_room_for_fails_its_call_only(tmp_path: Path) -> None:
    big = (
        LIMIT
        + """
def main(event):
    text = "x" * (64 * 2**20)
    limit(16)
    return text
"""
    )
    async with app(tmp_path, big=big, size=SIZE) as started:
        with pytest.raises(HandlerError) as caught:
            await started.call("big")
        answer = await started.call("size", b"same")

    assert "MemoryError" in caught.value.problems[0].what
    assert answer == [4]


async def test_an_exit_in_a_callback_of_the_loop_is_named_with_its_place(tmp_path: Path) -> None:
    exits = """
import asyncio, sys
def leave(): sys.exit("enough")
async def main(event):
    asyncio.get_running_loop().call_soon(leave)
    await asyncio.Event().wait()
"""
    async with app(tmp_path, exits=exits) as started:
        problem = await started.lost(started.call("exits"))

    assert "SystemExit: enough" in problem.why
    assert "exits/__init__.py" in problem.why


async def test_a_task_factory_that_fails_fails_the_call(tmp_path: Path) -> None:
    broken = """
import asyncio
def make(loop, coroutine, **rest):
    coroutine.close()
    raise OSError("no tasks today")
def main(event): pass
asyncio.get_event_loop().set_task_factory(make)
"""
    waits = "async def main(event): pass"
    async with app(tmp_path, broken=broken, waits=waits) as started:
        with pytest.raises(HandlerError, match="no tasks today"):
            await started.call("waits")
