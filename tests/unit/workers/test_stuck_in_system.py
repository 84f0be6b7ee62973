"""What a process is doing that gives no stack, as Linux tells it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from funcjson.workers.stuck_in_system import doing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


@asynccontextmanager
async def python(code: str, root: Path) -> AsyncIterator[int]:
    """A process that says when it has come so far."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=root, stdout=subprocess.PIPE, process_group=0
    )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def until(text: str, pid: int) -> str:
    """What it is doing, once that has a text."""
    while text not in (said := doing(pid)):  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0)
    return said


async def test_a_file_that_is_being_opened_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "orders")
    async with python("open('orders')", tmp_path) as pid:
        said = await until("opens", pid)

    assert "opens orders, a named pipe" in said


async def test_a_file_that_is_being_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "orders")
    async with python("import os; os.read(os.open('orders', os.O_RDWR), 1)", tmp_path) as pid:
        said = await until("reads", pid)

    assert f"reads from {tmp_path}/orders, a named pipe" in said


async def test_child_processes_are_named_with_their_commands(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "orders")
    code = "import subprocess; subprocess.run(['sh', '-c', 'cat orders; true'])"
    async with python(code, tmp_path) as pid:
        said = await until("cat orders (", pid)

    assert "sh -c 'cat orders; true' (pid " in said


async def test_what_only_computes_is_told_as_that(tmp_path: Path) -> None:
    async with python("while True: pass", tmp_path) as pid:
        assert "uses the processor" in await until("uses the processor", pid)


async def test_a_process_that_is_stopped_is_told_as_that(tmp_path: Path) -> None:
    async with python("while True: pass", tmp_path) as pid:
        os.kill(pid, signal.SIGSTOP)

        assert "SIGSTOP" in await until("SIGSTOP", pid)


async def test_of_a_process_that_is_gone_nothing_is_told(tmp_path: Path) -> None:
    async with python("", tmp_path) as pid:
        pass

    assert doing(pid) == ""
