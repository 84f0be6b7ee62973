"""Where a Python process is that does not answer, since one thread keeps all others from running.

Code in C that does not give back Python's global lock (a regular expression that backtracks, a native library) lets
nothing else in its process run. The thread that has the lock is the one that uses the processor.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from funcjson.workers import proc_stat
from funcjson.workers.base import Stacks
from funcjson.workers.black_box import SIGNAL, BlackBox, RunningCall
from funcjson.workers.thread_dump import Thread, stack, threads

_LOOK_S = 0.1
_LOOKS = 5
# In hundredths of a second; a thread that only waits for the lock uses next to nothing.
_BUSY = 3
_QUIET_S = 0.05
_PATIENCE_S = 1.0
_ASYNC_CALL = "_call_async"


async def look(pid: int, box: BlackBox, running: Mapping[str, str], app_root: Path) -> Stacks:
    """Where its threads are; `running` has the function of each invocation that runs in it."""
    if proc_stat.is_stopped(pid):
        return Stacks(text=proc_stat.STOPPED)
    busy = await _busiest(pid)
    start = box.written
    if SIGNAL:
        with contextlib.suppress(OSError):
            _send(pid, busy)
    found = threads(await _written(box, start))
    calls = _calls(box.calls(), found, running)
    told = [(thread, stack(thread, calls, app_root)) for thread in found]
    stacks = tuple(one for _, one in told if one is not None)
    if not stacks:
        return Stacks(text="the process does not answer, so where it is is not known")
    asked = (one for thread, one in told if thread.is_current)
    return Stacks(stacks, holder=next(asked, None) if busy is not None else None)


def _calls(
    threads_of_calls: Mapping[int, RunningCall], found: Sequence[Thread], running: Mapping[str, str]
) -> dict[int, RunningCall]:
    """The call of each thread. Of the event loop's thread it is known when there is only one that it can be."""
    calls = dict(threads_of_calls)
    taken = {call.invocation_id for call in calls.values()}
    others = [RunningCall(*one) for one in running.items() if one[0] not in taken]
    if len(others) == 1:
        loops = [t for t in found if any(frame.name == _ASYNC_CALL for frame in t.frames)]
        calls |= {thread.ident: others[0] for thread in loops[:1]}
    return calls


async def _written(box: BlackBox, start: int) -> str:
    """What the process writes now, when nothing more comes."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _PATIENCE_S
    before = start
    while loop.time() < end:
        await asyncio.sleep(_QUIET_S)
        now = box.written
        if now == before > start:
            break
        before = now
    return box.stacks(start)


async def _busiest(pid: int) -> int | None:
    """The thread that uses the processor; None when that cannot be told."""
    before = _times(pid)
    for _ in range(_LOOKS):
        await asyncio.sleep(_LOOK_S)
        used = {thread: time - before.get(thread, 0) for thread, time in _times(pid).items()}
        busiest = max(used, key=lambda thread: used[thread], default=None)
        if busiest is not None and used[busiest] >= _BUSY:
            return busiest
    return None


def _times(pid: int) -> dict[int, int]:
    """The processor time of each thread, on Linux."""
    times: dict[int, int] = {}
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            if fields := proc_stat.fields(thread / "stat"):
                times[int(thread.name)] = int(fields[11]) + int(fields[12])
    return times


def _send(pid: int, thread: int | None) -> None:
    """Ask for the stacks. A thread that is asked itself is marked as the current one."""
    tgkill = getattr(ctypes.CDLL(None), "tgkill", None)
    if thread is None or tgkill is None:
        os.kill(pid, SIGNAL)
    else:
        tgkill(pid, thread, SIGNAL)
