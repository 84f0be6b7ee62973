"""Custom handlers: a program of any language that answers HTTP on a port which the host tells it."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import math
import os
import signal
import socket
import sys
import uuid
from functools import partial
from pathlib import Path

from funcjson.errors import (
    Location,
    Problem,
    WorkerStartError,
)
from funcjson.model import Language, WorkerLog
from funcjson.settings import Settings
from funcjson.workers.base import LogSink, Stacks
from funcjson.workers.child import Output, WorkerProgram, exit_problem
from funcjson.workers.custom_handler_link import ADDRESS, HandlerLink
from funcjson.workers.custom_handler_program import PORT_VARIABLE, HandlerProgram, find_program
from funcjson.workers.process import ProcessWorker

# The documented limit for a handler to listen.
START_TIMEOUT_S = 60.0
# Then whoever waits for the app is told what it waits for.
_PATIENCE_S = 3.0
_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_KEPT_LINES = 20


def custom_handler_worker(
    settings: Settings, log: LogSink, environment: dict[str, str]
) -> ProcessWorker:
    """The worker of an app with a `customHandler`; `environment` is the whole one of its program.

    Raises WorkerStartError when the program cannot be run.
    """
    handler = find_program(settings, environment)
    program = WorkerProgram(
        Language.CUSTOM,
        handler.command(handler.port or 0),
        settings.app_root.resolve(),
        environment,
        start_timeout_s=START_TIMEOUT_S,
    )
    # The real host has one process, whatever FUNCTIONS_WORKER_PROCESS_COUNT says.
    return ProcessWorker(program, log, start_child=partial(HandlerProcess.start, handler))


class HandlerProcess:
    """A running handler program. `exited` gets a Problem when it has ended and its output is read."""

    def __init__(
        self, handler: HandlerProgram, program: WorkerProgram, log: LogSink, port: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Problem] = self._loop.create_future()
        self.runtime = "custom"
        self.channel = HandlerLink(port, handler, self.exited, log)
        self._handler = handler
        self._program = program
        self._log = log
        self._port = port
        self._process: asyncio.SubprocessTransport | None = None
        self._cause: Problem | None = None
        self._stderr: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)

    @classmethod
    async def start(
        cls, handler: HandlerProgram, program: WorkerProgram, log: LogSink
    ) -> HandlerProcess:
        """Start it and wait until it listens. Raises WorkerStartError, with no process left."""
        if handler.port is not None and await _listens(handler.port):
            raise WorkerStartError(_port_taken(handler.port))
        child = cls(handler, program, log, handler.port or _free_port())
        try:
            await child._spawn()
        except OSError as error:
            raise WorkerStartError(child._not_run(error)) from error
        try:
            async with asyncio.timeout(program.start_timeout_s):
                await child._until_it_listens()
        except TimeoutError as error:
            await child.kill()
            raise WorkerStartError(child._never_listened()) from error
        except BaseException:
            await child.kill()
            raise
        return child

    async def _spawn(self) -> None:
        command = self._handler.command(self._port)
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", str(_LAUNCHER), *command]
        identifier = str(uuid.uuid4())
        port = str(self._port)
        process, _ = await self._loop.subprocess_exec(
            lambda: Output(self),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._handler.directory,
            env={
                **self._program.environment,
                PORT_VARIABLE: port,
                "FUNCTIONS_CUSTOMHANDLER_WORKER_ID": identifier,
                "FUNCTIONS_APP_ROOT_PATH": str(self._program.app_root),
                # What the same contract was called before.
                "FUNCTIONS_HTTPWORKER_PORT": port,
                "FUNCTIONS_HTTPWORKER_ID": identifier,
            },
            process_group=0,
        )
        self._process = process

    async def _until_it_listens(self) -> None:
        pause = 0.005
        told_at = self._loop.time() + _PATIENCE_S
        while not await _listens(self._port):
            done, _ = await asyncio.wait({self.exited}, timeout=pause)
            if done:
                raise WorkerStartError(self._ended_at_start(self.exited.result()))
            if self._loop.time() > told_at:
                told_at = math.inf
                said = (
                    f"the custom handler runs, but does not listen on port {self._port} yet; it has to "
                    f"within {START_TIMEOUT_S:g} s (its port is in {PORT_VARIABLE})"
                )
                self._log(WorkerLog(said, "warning", category="system"))
            pause = min(pause * 1.5, 0.1)

    # -- the end ---------------------------------------------------------------------------------

    async def stop(self, patience_s: float = 1.5) -> None:
        """Ask it to end, and end it when it does not; idempotent."""
        self._cause = self._cause or Problem("FJ0515", "the custom handler was stopped")
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.exited), patience_s)
        await self.kill()

    async def kill(self, cause: Problem | None = None) -> None:
        """End it now, with what it started; running calls fail with `cause`. Idempotent."""
        self._cause = self._cause or cause
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        await asyncio.shield(self.exited)

    async def stacks(self) -> Stacks:
        """Unknown, as its link says."""
        return await self.channel.stacks()

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.get_pid(), number)

    def process_exited(self) -> None:
        """What it wrote before may still be in the pipes, which a process that it left may keep open."""
        self._loop.call_later(0.25, self.finish)

    def finish(self) -> None:
        """Everything is read: report the end, which fails the running calls."""
        if self.exited.done():
            return
        code = self._process.get_returncode() if self._process is not None else None
        self.exited.set_result(self._cause or exit_problem(Language.CUSTOM, code, self._stderr))
        if self._process is not None:
            self._process.close()

    # -- its output ------------------------------------------------------------------------------

    def line(self, pipe: int, text: str) -> None:
        """One line that it wrote. As on the real host, stderr is for errors and warnings."""
        level = "information"
        if pipe == 2:
            self._stderr.append(text)
            level = "warning" if "warn" in text.lower() else "error"
        self._log(WorkerLog(text, level, category="console"))

    # -- what went wrong at the start ------------------------------------------------------------

    def _not_run(self, error: OSError) -> Problem:
        at_directory = not self._handler.directory.is_dir()
        return Problem(
            "FJ0522",
            f"the custom handler's program {self._handler.executable} cannot be run",
            self._handler.where,
            why=f"there is no folder {self._handler.directory}, its workingDirectory"
            if at_directory
            else str(error.strerror or error),
            fix="correct 'workingDirectory'"
            if at_directory
            else "see whether it runs by itself in a terminal",
        )

    def _ended_at_start(self, end: Problem) -> Problem:
        return Problem(
            "FJ0523",
            "the custom handler ended before it listened on its port",
            self._handler.where,
            why=f"{end.what}\n{end.why}",
            fix=f"see whether it runs by itself: {PORT_VARIABLE}={self._port} "
            f"{' '.join(self._handler.command(self._port))}",
            azure=end.azure,
        )

    def _never_listened(self) -> Problem:
        lines = "\n".join(self._stderr)
        return Problem(
            "FJ0523",
            f"the custom handler does not listen on port {self._port}",
            self._handler.where,
            why=f"it runs, but {ADDRESS}:{self._port} did not answer within "
            f"{self._program.start_timeout_s:g} s"
            + (f"; its last lines:\n{lines}" if lines else ""),
            fix=f"let it listen on {ADDRESS} at the port in the environment variable {PORT_VARIABLE}",
        )


def _port_taken(port: int) -> Problem:
    return Problem(
        "FJ0523",
        f"port {port}, which host.json gives to the custom handler, is in use",
        Location("host.json", pointer="/customHandler/port"),
        why="another program listens there; at a reload that is the version that runs until now",
        fix=f"remove 'port' and let the handler listen at {PORT_VARIABLE}, or stop the other program",
        azure=f"Unable to bind to port {port} specified in configuration. Please specify a different "
        "port or remove the section to allow dynamic binding of port.",
    )


def _free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        return int(server.getsockname()[1])


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(ADDRESS, port)
    except OSError:
        return False
    # A socket may come to be connected with itself when nobody listens.
    itself = writer.get_extra_info("sockname") == writer.get_extra_info("peername")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return not itself
