"""Where user code is now: the stacks of threads and tasks, without the frames that lead to it."""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from . import failures
from .capture import STARTED_BY, Invocation

_MACHINERY = (
    str(Path(asyncio.__file__).parent),
    str(threading.__file__),
    str(selectors.__file__),
)
# Of a deep recursion the innermost frames tell enough, and to read all may take for ever.
_DEEPEST = 5000
_SHOWN = 40


def stacks(
    loop: asyncio.AbstractEventLoop,
    by_thread: Mapping[int, Invocation],
    by_task: Mapping[Any, Invocation],
    app_root: str,
) -> list[dict[str, Any]]:
    """One row per thread and task that is in user code, as the wire has them; safe to call from any thread."""
    rows = []
    loops = getattr(loop, "_thread_id", None)
    # A handler that blocks the event loop is seen on its thread; its task is the one that runs.
    steps = by_task.get(asyncio.current_task(loop))
    threads = {thread.ident: thread for thread in threading.enumerate()}
    for ident, top in sys._current_frames().items():
        thread = threads.get(ident)
        call = steps if ident == loops else by_thread.get(ident, getattr(thread, STARTED_BY, None))
        name = ident if thread is None else thread.name
        rows.append(_row(f"thread {name}", _users(_outwards(top)), call, app_root))
    for task in asyncio.all_tasks(loop):
        frames = [_summary(frame) for frame in _awaited(task)]
        rows.append(_row(f"task {task.get_name()}", _users(frames), by_task.get(task), app_root))
    return [row for row in rows if row is not None]


def _outwards(top: FrameType) -> list[traceback.FrameSummary]:
    """The frames of a thread, the innermost last."""
    frames: list[traceback.FrameSummary] = []
    frame: FrameType | None = top
    while frame is not None and len(frames) < _DEEPEST:
        frames.append(_summary(frame))
        frame = frame.f_back
    frames.reverse()
    return frames


def _summary(frame: FrameType) -> traceback.FrameSummary:
    code = frame.f_code
    # Source lines are looked up when it is shown.
    return traceback.FrameSummary(code.co_filename, frame.f_lineno, code.co_name, lookup_line=False)


def _awaited(task: asyncio.Task[Any]) -> list[FrameType]:
    """The frames of a task and of what it awaits; `Task.get_stack` has the first only while it waits."""
    frames: list[FrameType] = []
    waiter: Any = task.get_coro()
    while waiter is not None:
        frame = _first_of(waiter, "cr_frame", "gi_frame", "ag_frame")
        if frame is None:
            break
        frames.append(frame)
        waiter = _first_of(waiter, "cr_await", "gi_yieldfrom", "ag_await")
    return frames


def _first_of(waiter: Any, *names: str) -> Any:
    return next(
        (found for name in names if (found := getattr(waiter, name, None)) is not None), None
    )


def _users(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    frames = list(frames)
    # User code that prints or logs is in ours for a moment.
    while frames and failures.is_ours(frames[-1].filename):
        frames.pop()
    ours = [at for at, frame in enumerate(frames) if failures.is_ours(frame.filename)]
    rest = frames[ours[-1] + 1 :] if ours else frames
    while rest and rest[0].filename.startswith(_MACHINERY):
        del rest[0]
    return rest


def _row(
    title: str, frames: list[traceback.FrameSummary], call: Invocation | None, app_root: str
) -> dict[str, Any] | None:
    if not frames:
        return None
    row: dict[str, Any] = {
        "title": title,
        "text": "".join(traceback.StackSummary.from_list(frames[-_SHOWN:]).format()),
    }
    if call is not None:
        row["invocation_id"], row["function"] = call.id, call.function
    inside = [frame for frame in frames if failures.is_of_app(frame.filename, app_root)]
    if inside:
        row["file"], row["line"] = inside[-1].filename, inside[-1].lineno
    return row
