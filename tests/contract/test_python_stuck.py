"""Where Python code is that does not come to its end, also when it lets nothing else in its process run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.python_app import PythonApp, lost, python_app

from funcjson.workers.base import Stacks

WAITS = """
import threading
def main(event):
    print("waits")
    threading.Event().wait()
"""
# A regular expression that takes for ever, during which `re` keeps Python's global lock.
HOLDS = """
import re
{kind}def main(event):
    print("holds " + str(event))
    if event:
        re.match("(a+)+$", "a" * 60 + "b")
    else:
        {wait}
"""
SYNC = HOLDS.format(kind="", wait="__import__('threading').Event().wait()")
ASYNC = HOLDS.format(kind="async ", wait="await __import__('asyncio').Event().wait()")


@contextlib.asynccontextmanager
async def running(app: PythonApp, *calls: tuple[str, str, str]) -> AsyncIterator[None]:
    """Calls (function, data, id) that have begun; they end when their worker does."""
    tasks = [asyncio.create_task(lost(app.call(*call))) for call in calls]
    yield
    await app.worker.restart("the test is over")
    await asyncio.gather(*tasks)


async def held(app: PythonApp, invocation_id: str) -> Stacks:
    """Where the code is when one call holds up the others, which begins a moment after what it prints."""
    while (stacks := await app.worker.stacks(invocation_id)).holder is None:
        pass
    return stacks


async def test_the_call_in_question_comes_first_and_has_its_place(tmp_path: Path) -> None:
    background = "import threading\nthreading.Thread(target=threading.Event().wait, name='own', daemon=True).start()\n"
    async with (
        python_app(tmp_path, waits=background + WAITS, other=WAITS) as app,
        running(app, ("other", "", "1"), ("waits", "", "2")),
    ):
        while len([entry for entry in app.logs if entry.message == "waits"]) < 2:
            await app.line("waits")
            await asyncio.sleep(0)
        stacks = await app.worker.stacks("2")

    text = stacks.render("2")
    own = stacks.of_call("2")
    assert text.split("\n")[0].endswith(", this call:")
    assert "a call of 'other':" in text
    assert text.index("waits/__init__.py") < text.index("other/__init__.py")
    assert own is not None
    assert own.place is not None
    assert own.place.file == "waits/__init__.py"
    # Where it prints, or where it then waits.
    assert own.place.line in (6, 7)
    assert stacks.holder is None


async def test_an_async_call_that_blocks_its_loop_is_found(tmp_path: Path) -> None:
    blocks = WAITS.replace("def main", "async def main")
    async with python_app(tmp_path, blocks=blocks) as app, running(app, ("blocks", "", "1")):
        await app.line("waits")
        stacks = await app.worker.stacks("1")

    own = stacks.of_call("1")
    assert own is not None
    assert own.title == "thread MainThread"


@pytest.mark.parametrize("code", [SYNC, ASYNC], ids=["in a thread", "on the event loop"])
async def test_the_call_that_lets_nothing_else_run_is_named(tmp_path: Path, code: str) -> None:
    async with (
        python_app(tmp_path, waits=WAITS, holds=code) as app,
        running(app, ("waits", "", "innocent")),
    ):
        await app.line("waits")
        async with running(app, ("holds", "now", "culprit")):
            await app.line("holds now")
            stacks = await held(app, "innocent")

    holder = stacks.holder
    assert holder is not None
    assert (holder.invocation_id, holder.function) == ("culprit", "holds")
    assert "re.match(" in holder.text
    assert holder.place is not None
    assert (holder.place.file, holder.place.line) == ("holds/__init__.py", 6)


async def test_of_two_calls_of_one_function_the_right_one_is_named(tmp_path: Path) -> None:
    async with python_app(tmp_path, holds=SYNC) as app, running(app, ("holds", "", "innocent")):
        await app.line("holds")
        async with running(app, ("holds", "now", "culprit")):
            await app.line("holds now")
            stacks = await held(app, "innocent")

    assert stacks.holder is not None
    assert stacks.holder.invocation_id == "culprit"
    assert {one.invocation_id for one in stacks.stacks} == {"innocent", "culprit"}


async def test_a_process_that_was_stopped_is_told(tmp_path: Path) -> None:
    process = "import os\ndef main(event): return [os.getpid()]"
    async with python_app(tmp_path, process=process) as app:
        (pid,) = await app.call("process")
        os.kill(pid, signal.SIGSTOP)
        # When it has stopped, which takes a moment.
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)  # noqa: ASYNC222
        stacks = await app.worker.stacks()

    assert "the process is stopped" in stacks.render()


async def test_the_other_calls_are_told_which_one_held_their_process(tmp_path: Path) -> None:
    async with python_app(tmp_path, waits=WAITS) as app:
        waiting = asyncio.create_task(lost(app.call("waits")))
        await app.line("waits")
        await app.worker.restart("a call of 'x' held it", "waits", "it was here")
        problem = await waiting

    assert "a call of 'x' held it" in problem.what
    assert problem.why.endswith("it was here")


async def test_a_very_deep_recursion_shows_where_it_is(tmp_path: Path) -> None:
    deep = """
import sys, threading
sys.setrecursionlimit(200_000)
def down(n):
    if n:
        return down(n - 1)
    print("at the bottom")
    threading.Event().wait()
def main(event): down(100_000)
"""
    async with python_app(tmp_path, deep=deep) as app, running(app, ("deep", "", "1")):
        await app.line("at the bottom")
        stacks = await app.worker.stacks("1")

    own = stacks.of_call("1")
    assert own is not None
    assert own.place is not None
    # Where it prints, or where it then waits.
    assert own.place.line in (7, 8)
    assert len(own.text) < 20_000
