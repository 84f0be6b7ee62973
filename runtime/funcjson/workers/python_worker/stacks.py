"""Where user code is now: the stacks of threads and tasks, without the frames that lead to it."""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from . import failures

_MACHINERY = (
    str(Path(asyncio.__file__).parent),
    str(threading.__file__),
    str(selectors.__file__),
)


def stacks(loop: asyncio.AbstractEventLoop) -> str:
    """One block per thread and task that is in user code; safe to call from any thread."""
    parts = []
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, top in sys._current_frames().items():
        frames = _users(list(traceback.extract_stack(top)))
        if frames:
            parts.append(_block(f"thread {names.get(ident, ident)}", frames))
    for task in asyncio.all_tasks(loop):
        frames = _users(
            [
                traceback.FrameSummary(
                    frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
                )
                for frame in _awaited(task)
            ]
        )
        if frames:
            parts.append(_block(f"task {task.get_name()}", frames))
    return "\n".join(parts)


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


def _block(title: str, frames: list[traceback.FrameSummary]) -> str:
    return f"{title}:\n" + "".join(traceback.StackSummary.from_list(frames).format())
