"""Python's own dumps of threads, as it writes them without running any Python."""

from __future__ import annotations

from pathlib import Path

from funcjson.errors import Location
from funcjson.workers import thread_dump as module
from funcjson.workers.black_box import RunningCall
from funcjson.workers.thread_dump import stack, threads

WORKER = Path(module.__file__).parent / "python_worker"
DUMP = f"""Thread 0x00007f01 (most recent call first):
  File "{WORKER}/pool.py", line 47 in _work
  File "/usr/lib/python3.11/threading.py", line 982 in run

Current thread 0x00007f02 [handler-1] (most recent call first):
  File "/usr/lib/python3.11/re/__init__.py", line 166 in match
  File "/app/f/__init__.py", line 6 in main
  File "/app/.venv/lib/site-packages/wrap.py", line 3 in inner
  File "{WORKER}/runtime.py", line 219 in _call
  File "/usr/lib/python3.11/threading.py", line 1045 in _bootstrap_inner

Thread 0x00007f03 (most recent call first):
  File "{WORKER}/capture.py", line 9 in write
  File "/app/g.py", line 2 in spin
  File "/usr/lib/python3.11/threading.py", line 1045 in _bootstrap_inner
"""
CALLS = {0x7F02: RunningCall("1", "f")}


def test_threads_come_with_their_frames() -> None:
    first, second, third = threads(DUMP)

    assert [first.ident, second.ident, third.ident] == [0x7F01, 0x7F02, 0x7F03]
    assert [first.is_current, second.is_current, third.is_current] == [False, True, False]
    assert second.frames[1] == ("/app/f/__init__.py", 6, "main")


def test_a_stack_has_the_users_frames_the_innermost_last_and_its_place() -> None:
    found = stack(threads(DUMP)[1], CALLS, Path("/app"))

    assert found is not None
    assert [
        line.rpartition(" in ")[2] for line in found.text.splitlines() if '", line' in line
    ] == [
        "inner",
        "main",
        "match",
    ]
    assert (found.invocation_id, found.function) == ("1", "f")
    assert found.place == Location("f/__init__.py", 6)


def test_user_code_that_prints_is_seen_through_ours() -> None:
    found = stack(threads(DUMP)[2], CALLS, Path("/app"))

    assert found is not None
    assert found.text == '  File "/app/g.py", line 2, in spin\n'
    assert found.invocation_id is None


def test_a_thread_that_waits_for_work_is_left_out() -> None:
    assert stack(threads(DUMP)[0], CALLS, Path("/app")) is None


def test_a_deep_recursion_is_cut() -> None:
    frames = '  File "/app/f.py", line 2 in down\n' * 100
    (deep,) = threads(f"Thread 0x01 (most recent call first):\n{frames}  ...\n")
    found = stack(deep, {}, Path("/app"))

    assert found is not None
    assert found.text.count("in down") == 40
