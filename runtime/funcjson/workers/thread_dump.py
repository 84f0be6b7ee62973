"""What Python's `faulthandler` wrote of its threads, as stacks that a person reads."""

from __future__ import annotations

import linecache
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import NamedTuple

from funcjson.errors import Location
from funcjson.workers.base import Stack
from funcjson.workers.black_box import RunningCall

_OURS = str(Path(__file__).parent) + os.sep
_HEAD = re.compile(r"(Current thread|Thread) 0x([0-9a-f]+)")
_FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)')
_MACHINERY = re.compile(r"^<frozen |[\\/]asyncio[\\/]|[\\/](threading|selectors)\.py$")
_PACKAGES = f"{os.sep}site-packages{os.sep}"
# Of a deep recursion the innermost frames tell enough.
_SHOWN = 40


class Frame(NamedTuple):
    """A line that a thread is at."""

    file: str
    line: int
    name: str


class Thread(NamedTuple):
    """A thread of a dump. `is_current`: it is the one that was asked; frames are innermost first."""

    ident: int
    is_current: bool
    frames: tuple[Frame, ...] = ()


def threads(dump: str) -> list[Thread]:
    """The threads in the order of the dump, where the main thread is the last."""
    found: list[Thread] = []
    for line in dump.splitlines():
        if head := _HEAD.match(line):
            found.append(Thread(int(head[2], 16), head[1] == "Current thread"))
        elif (frame := _FRAME.match(line)) and found:
            frames = (*found[-1].frames, Frame(frame[1], int(frame[2]), frame[3]))
            found[-1] = found[-1]._replace(frames=frames)
    return found


def stack(thread: Thread, calls: Mapping[int, RunningCall], app_root: Path) -> Stack | None:
    """The part of a thread's stack that is the user's; None when there is none."""
    frames = _users(thread.frames)
    if not frames:
        return None
    call = calls.get(thread.ident)
    return Stack(
        f"thread {thread.ident:#x}",
        "".join(_lines(frames[:_SHOWN])),
        call.invocation_id if call is not None else None,
        call.function if call is not None else None,
        _place(frames, app_root),
    )


def _place(frames: Sequence[Frame], app_root: Path) -> Location | None:
    """The innermost place in the app's own code."""
    root = f"{app_root}{os.sep}"
    inside = [f for f in frames if f.file.startswith(root) and _PACKAGES not in f.file]
    if not inside:
        return None
    return Location(inside[0].file.removeprefix(root).replace(os.sep, "/"), inside[0].line)


def _users(frames: Sequence[Frame]) -> list[Frame]:
    """From the innermost frame to the first of the worker's own, without what runs threads and loops."""
    # User code that prints or logs is in ours for a moment.
    rest = list(dropwhile(_is_ours, frames))
    users = list(takewhile(lambda frame: not _is_ours(frame), rest))
    while users and _MACHINERY.search(users[-1].file):
        users.pop()
    return users


def _is_ours(frame: Frame) -> bool:
    return frame.file.startswith(_OURS)


def _lines(frames: Sequence[Frame]) -> Iterator[str]:
    for file, line, name in reversed(frames):
        text = linecache.getline(file, line).strip()
        yield f'  File "{file}", line {line}, in {name}\n' + (f"    {text}\n" if text else "")
