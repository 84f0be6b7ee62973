"""Stacks: user code only, of threads and of tasks."""

from __future__ import annotations

import asyncio
import threading
import traceback
from pathlib import Path

from funcjson.workers.python_worker import stacks as module
from funcjson.workers.python_worker.capture import Capture, Invocation
from funcjson.workers.python_worker.stacks import stacks

CALL = Invocation("7", "f", Capture(lambda *_: None, everything=False))


def text_of_all() -> str:
    """All rows as one text, each after its title."""
    rows = stacks(asyncio.get_running_loop(), {}, {}, "")
    return "\n".join(f"{row['title']}:\n{row['text']}" for row in rows)


def waits_here(entered: threading.Event, gate: threading.Event) -> None:
    entered.set()
    gate.wait()


async def test_a_thread_is_shown_from_user_code_on() -> None:
    entered, gate = threading.Event(), threading.Event()
    thread = threading.Thread(target=waits_here, args=(entered, gate), name="mine")
    thread.start()
    entered.wait(10)
    text = text_of_all()
    gate.set()
    thread.join()

    block = next(block for block in text.split("\n\n") if block.startswith("thread mine:"))
    assert "in waits_here" in block.split("\n")[1]


async def test_a_row_has_the_call_of_its_thread_and_its_place_in_the_app() -> None:
    entered, gate = threading.Event(), threading.Event()
    thread = threading.Thread(target=waits_here, args=(entered, gate), name="mine")
    thread.start()
    entered.wait(10)
    assert thread.ident is not None
    calls = {thread.ident: CALL}
    root = str(Path(__file__).parent)
    rows = stacks(asyncio.get_running_loop(), calls, {}, root)
    gate.set()
    thread.join()

    (row,) = [row for row in rows if row["title"] == "thread mine"]
    assert (row["invocation_id"], row["function"]) == ("7", "f")
    assert (row["file"], row["line"]) == (__file__, waits_here.__code__.co_firstlineno + 2)


async def test_a_row_has_the_call_of_its_task() -> None:
    gate = asyncio.Event()

    async def holds() -> None:
        await gate.wait()

    task = asyncio.create_task(holds(), name="held")
    await asyncio.sleep(0)
    rows = stacks(asyncio.get_running_loop(), {}, {task: CALL}, "")
    gate.set()
    await task

    assert [row["function"] for row in rows if row["title"] == "task held"] == ["f"]


def test_user_code_is_shown_also_while_a_line_of_it_is_taken_over() -> None:
    ours = Path(module.__file__).parent
    frames = [
        traceback.FrameSummary(str(file), 1, name)
        for file, name in [
            (threading.__file__, "run"),
            (ours / "runtime.py", "_call"),
            ("/app/f/__init__.py", "main"),
            (ours / "capture.py", "write"),
        ]
    ]

    assert [frame.name for frame in module._users(frames)] == ["main"]
    assert module._users(frames[:2]) == []


async def test_a_task_is_shown_where_it_waits() -> None:
    gate = asyncio.Event()

    async def holds() -> None:
        await gate.wait()

    task = asyncio.create_task(holds(), name="held")
    await asyncio.sleep(0)
    text = text_of_all()
    gate.set()
    await task

    assert "task held:" in text
    assert "in holds" in text


async def test_a_task_is_shown_down_to_what_it_awaits() -> None:
    gate = asyncio.Event()

    async def inner() -> None:
        await gate.wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer(), name="deep")
    await asyncio.sleep(0)
    text = text_of_all()
    gate.set()
    await task

    block = next(block for block in text.split("task ") if block.startswith("deep:"))
    assert block.index("in outer") < block.index("in inner")
