"""What holds when a Python worker cannot go on: it ends and is replaced, and no call waits for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.contract.python_app import lost, python_app

from funcjson.errors import HandlerError

# From here on the process gets only so much more memory.
LIMIT = """
import resource, threading
def limit(mebibytes):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + mebibytes * 2**20, hard))
"""
SIZE = "def main(event): return [len(event)]"


async def test_a_message_that_memory_has_no_room_for_ends_the_worker(tmp_path: Path) -> None:
    full = LIMIT + "def main(event): limit(16)"
    waits = "import threading\ndef main(event):\n  print('waits')\n  threading.Event().wait()"
    async with python_app(tmp_path, full=full, size=SIZE, waits=waits) as started:
        await started.call("full")
        other = asyncio.create_task(started.call("waits"))
        await started.line("waits")
        problem = await lost(started.call("size", bytes(64 * 2**20)))
        same = await lost(other)
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
    async with python_app(tmp_path, holds=holds, size=SIZE) as started:
        holding = asyncio.create_task(started.call("holds"))
        await started.line("holds")
        problem = await lost(started.call("size", b"one"))
        await lost(holding)
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
    async with python_app(tmp_path, big=big, size=SIZE) as started:
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
    async with python_app(tmp_path, exits=exits) as started:
        problem = await lost(started.call("exits"))

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
    async with python_app(tmp_path, broken=broken, waits=waits) as started:
        with pytest.raises(HandlerError, match="no tasks today"):
            await started.call("waits")
