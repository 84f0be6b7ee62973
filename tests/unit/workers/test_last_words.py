"""The last lines of dead processes, as Python and Node.js write them."""

from __future__ import annotations

from pathlib import Path

from funcjson.workers import last_words as module
from funcjson.workers.last_words import last_words

WORKER = Path(module.__file__).parent / "python_worker" / "runtime.py"
SEGFAULT = f"""Fatal Python error: Segmentation fault

Thread 0x00007f01 (most recent call first):
  File "/usr/lib/python3.11/selectors.py", line 468 in select

Current thread 0x00007f02 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/app/segv/__init__.py", line 2 in main
  File "{WORKER}", line 219 in _call

Thread 0x00007f03 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 1045 in _bootstrap_inner
"""
HEAP = """
<--- Last few GCs --->

[871:0x5a30]     1034 ms: Mark-Compact 59.8 (61.6) -> 59.6 (62.6) MB

<--- JS stacktrace --->

FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
 1: 0xb82c28 node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]
 2: 0xeed540 v8::Utils::ReportOOMFailure(v8::internal::Isolate*, char const*) [node]
"""


def test_a_crash_of_python_shows_the_users_frames_of_its_thread() -> None:
    end = last_words(SEGFAULT.splitlines())

    assert end.lines == (
        "Fatal Python error: Segmentation fault",
        "in the thread that ran (most recent call first):",
        '  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at',
        '  File "/app/segv/__init__.py", line 2 in main',
    )


def test_a_full_heap_of_javascript_is_told_by_its_one_line() -> None:
    end = last_words(HEAP.splitlines())

    assert end.end is not None
    assert "--max-old-space-size" in end.end.advice
    assert end.lines == (
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
    )


def test_anything_else_is_told_by_its_last_lines() -> None:
    end = last_words(f"line {number}" for number in range(100))

    assert end.lines == tuple(f"line {number}" for number in range(80, 100))
    assert end.end is None


def test_a_fatal_error_without_a_stack() -> None:
    assert last_words(["Fatal Python error: init failed"]).lines == (
        "Fatal Python error: init failed",
    )


def test_a_worker_that_gave_up_is_told_by_its_own_line() -> None:
    said = "The worker cannot go on: RuntimeError: can't start new thread"
    end = last_words(["before", "in pool.py, line 30", said])

    assert end.lines == (said,)
    assert end.end is not None
    assert end.end.how == "unable to start more threads"
