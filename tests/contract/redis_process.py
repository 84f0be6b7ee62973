"""A real redis-server for a test: on a socket file in a directory of its own, stopped at the end."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest


class RedisProcess:
    """The server; it can be killed and started again, empty, at the same place."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._folder / 'redis.sock'}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            *("--port", "0", "--unixsocket", str(self._folder / "redis.sock")),
            *("--save", "", "--appendonly", "no", "--dir", str(self._folder), "--daemonize", "no"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert self._process.stdout is not None
        said = b""
        while b"ready to accept connections" not in said:
            line = await self._process.stdout.readline()
            assert line, f"redis-server did not start: {said.decode()}"
            said += line

    def stand_still(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def redis_server() -> AsyncIterator[RedisProcess]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("redis-server is not installed (Debian: apt-get install redis-server)")
    folder = Path(tempfile.mkdtemp(prefix="funcjson-redis-"))
    server = RedisProcess(program, folder)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()
        shutil.rmtree(folder, ignore_errors=True)
