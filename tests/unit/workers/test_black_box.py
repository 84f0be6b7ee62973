"""The file that a worker writes and its host reads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from funcjson.workers import black_box
from funcjson.workers.black_box import BlackBox, RunningCall, Writer

PROGRAM = """
import importlib.util, os, signal, sys
spec = importlib.util.spec_from_file_location("black_box", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.Writer(int(sys.argv[2]))
os.kill(os.getpid(), module.SIGNAL)
"""


def test_the_call_of_each_thread_is_read_while_it_runs() -> None:
    box = BlackBox()
    writer = Writer(os.dup(box.fd))
    writer.write(11, "first", "f")
    writer.write(22, "second", "g")
    both = box.calls()
    writer.write(11, "", "")

    assert both == {11: RunningCall("first", "f"), 22: RunningCall("second", "g")}
    assert box.calls() == {22: RunningCall("second", "g")}
    box.close()
    box.close()


def test_more_threads_than_there_is_room_for_are_left_out() -> None:
    box = BlackBox()
    writer = Writer(os.dup(box.fd))
    for thread in range(1, 1000):
        writer.write(thread, str(thread), "f")

    assert box.calls()[1] == RunningCall("1", "f")
    assert box.written == 0
    box.close()


def test_a_long_name_is_cut() -> None:
    box = BlackBox()
    Writer(os.dup(box.fd)).write(threading.get_ident(), "1", "ü" * 200)

    (call,) = box.calls().values()
    assert call.function.startswith("ü" * 99)
    box.close()


def test_the_stacks_of_a_process_are_written_when_it_gets_the_signal() -> None:
    box = BlackBox()
    command = [sys.executable, "-c", PROGRAM, black_box.__file__, str(box.fd)]
    subprocess.run(command, pass_fds=(box.fd,), check=True)
    stacks = box.stacks()

    assert "Current thread" in stacks
    assert 'File "<string>", line 7 in <module>' in stacks
    assert box.written == len(stacks)
    assert box.stacks(box.written) == ""
    box.close()
