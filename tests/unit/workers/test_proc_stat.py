"""What Linux tells of a process in its file `stat`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from funcjson.workers.proc_stat import fields, is_stopped, state

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


def test_a_name_with_blanks_and_brackets_shifts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "stat"
    file.write_text("7 (a) b) S 3 4", encoding="utf-8")

    assert fields(file) == ["S", "3", "4"]
    assert fields(tmp_path / "gone") == []


def test_a_process_runs_is_stopped_and_goes() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    running = state(child.pid) != "" and not is_stopped(child.pid)
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    stopped = is_stopped(child.pid)
    child.kill()
    child.communicate()

    assert (running, stopped, state(child.pid)) == (True, True, "")
