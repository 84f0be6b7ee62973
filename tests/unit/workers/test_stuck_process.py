"""A process that does not answer is looked into from outside; with a real worker this is in the contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from funcjson.workers import black_box
from funcjson.workers.black_box import BlackBox
from funcjson.workers.stuck_process import look

PROGRAM = """
import importlib.util, re, sys, threading
spec = importlib.util.spec_from_file_location("black_box", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
writer = module.Writer(int(sys.argv[2]))
def _call_async():
    re.match("(a+)+$", "a" * 60 + "b")
def waits():
    writer.write(threading.get_ident(), "other", "g")
    begun.set()
    gate.wait()
begun, gate = threading.Event(), threading.Event()
threading.Thread(target=waits, daemon=True).start()
begun.wait()
print("ready", flush=True)
if sys.argv[3] == "hold":
    _call_async()
gate.wait()
"""


@contextmanager
def started(box: BlackBox, what: str) -> Iterator[int]:
    """The id of a process that holds its lock, or that only waits."""
    command = [sys.executable, "-c", PROGRAM, black_box.__file__, str(box.fd), what]
    process = subprocess.Popen(command, pass_fds=(box.fd,), stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.kill()
            box.close()


async def test_the_thread_that_uses_the_processor_is_the_one_that_holds_it() -> None:
    box = BlackBox()
    with started(box, "hold") as pid:
        stacks = await look(pid, box, {"other": "g", "own": "f"}, Path("/app"))

    assert stacks.holder is not None
    # The loop's call is the only one that no thread has.
    assert stacks.holder.invocation_id == "own"
    assert "in match" in stacks.holder.text
    assert {one.invocation_id for one in stacks.stacks} == {"other", "own"}


async def test_where_nothing_uses_the_processor_all_threads_are_shown() -> None:
    box = BlackBox()
    with started(box, "wait") as pid:
        stacks = await look(pid, box, {}, Path("/app"))

    assert stacks.holder is None
    assert "in waits" in stacks.render()


async def test_a_stopped_process_is_told() -> None:
    box = BlackBox()
    with started(box, "wait") as pid:
        os.kill(pid, signal.SIGSTOP)
        # When it has stopped, which takes a moment.
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)  # noqa: ASYNC222
        stacks = await look(pid, box, {}, Path("/app"))

    assert "the process is stopped" in stacks.text
