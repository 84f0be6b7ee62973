"""The Python worker inside this process: for tests, and for `--debug`, where a breakpoint is just a breakpoint.

Handlers run in threads of their own and async handlers on a loop of their own, as in a child process.
What belongs to the whole process is shared: one app at a time has its modules and its settings there.
"""

from __future__ import annotations

import asyncio
import os
import site
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from funcjson.errors import HandlerLoadError, Problem, WorkerStartError
from funcjson.model import Call, CallResult, Function, Language, WorkerLog
from funcjson.workers.base import IndexResult, LogSink, Stacks
from funcjson.workers.channel import Channel, Message
from funcjson.workers.environments import find_python, packages_for, pip_command
from funcjson.workers.python import missing_library
from funcjson.workers.python_worker.runtime import Runtime


class InProcessPythonWorker:
    """Runs Python handlers in this process; see `Worker` for what its methods promise.

    `environment`: settings that handlers read from `os.environ`. They are set while the worker runs,
    the one place where this package writes there, because handlers have no other way to get them.
    `change_directory`: make the app root the working directory meanwhile.
    """

    language = Language.PYTHON

    def __init__(
        self,
        app_root: Path,
        log: LogSink,
        *,
        environment: Mapping[str, str] | None = None,
        change_directory: bool = False,
    ) -> None:
        self._app_root = app_root.resolve()
        self._log = log
        self._environment = dict(environment or {})
        self._change_directory = change_directory
        self._functions: dict[str, Function] = {}
        self._load_errors: dict[str, str] = {}
        self._indexed = False
        self._seat: _Seat | None = None
        self._before: dict[str, str | None] = {}
        self._directory: str | None = None
        self.runtime = f"python {'.'.join(map(str, sys.version_info[:3]))}"

    async def start(self) -> None:
        """Start; raises WorkerStartError."""
        if self._seat is not None:
            return
        _use_packages(self._app_root)
        self._enter()
        try:
            self._seat = await self._fresh()
        except BaseException:
            self._leave()
            raise

    async def load(self, function: Function) -> None:
        """Load a handler; raises HandlerLoadError."""
        self._functions[function.name] = function
        self._load_errors.pop(function.name, None)
        try:
            await self._channel().load(function)
        except HandlerLoadError as error:
            self._load_errors[function.name] = str(error)
            raise

    async def index(self) -> IndexResult:
        """Find code-first functions."""
        self._indexed = True
        return await self._channel().index()

    async def ready(self) -> None:
        """Wait for nothing: a restart is over before anything is asked again."""

    async def invoke(self, call: Call) -> CallResult:
        """Run a handler; raises HandlerError."""
        return await self._channel().invoke(call)

    async def stacks(self, invocation_id: str | None = None) -> Stacks:
        """Where user code is; `invocation_id` is accepted for the sake of workers with several processes."""
        return await self._channel().stacks()

    async def restart(self, reason: str, invocation_id: str | None = None, why: str = "") -> None:
        """Load everything afresh; running calls fail with WorkerError, though their threads go on.

        For a call that has ended meanwhile nothing is done, as where it would have been in a process of its own.
        """
        seat = self._seat
        if seat is None or (invocation_id and not seat.channel.is_running(invocation_id)):
            return
        self._seat = None
        seat.close(Problem("FJ0515", f"the python worker was restarted: {reason}", why=why))
        self._seat = await self._fresh()
        if self._indexed:
            await self._seat.channel.index()
        for function in list(self._functions.values()):
            try:
                await self._seat.channel.load(function)
            except HandlerLoadError as error:
                # What was said when the app was loaded need not be said at each restart.
                if str(error) != self._load_errors.get(function.name):
                    self._log(WorkerLog(str(error), "error", function.name, category="system"))

    async def stop(self) -> None:
        """Stop at once; idempotent."""
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.close(_STOPPED)
            self._leave()

    def _channel(self) -> Channel:
        if self._seat is None:
            raise WorkerStartError(Problem("FJ0515", "the python worker is not running"))
        return self._seat.channel

    async def _fresh(self) -> _Seat:
        seat = _Seat(self._app_root, self._log)
        answer = await seat.channel.init(str(self.language), {})
        if answer["op"] == "failed":
            seat.close(_STOPPED)
            said = f"{answer.get('type')}: {answer.get('message')}\n{answer.get('stack') or ''}"
            raise WorkerStartError(
                missing_library(answer, Path(sys.executable))
                or Problem("FJ0510", "the python worker could not be started", why=said.rstrip())
            )
        return seat

    def _enter(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._environment}
        os.environ.update(self._environment)
        if self._change_directory:
            self._directory = str(Path.cwd())
            os.chdir(self._app_root)

    def _leave(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before = {}
        if self._directory is not None:
            os.chdir(self._directory)
            self._directory = None


def _use_packages(app_root: Path) -> None:
    """Put the packages of the app's own environment on `sys.path`. They stay there: this process runs that app."""
    try:
        packages = packages_for(app_root)
    except OSError as error:
        raise WorkerStartError(_other_version(app_root, str(error))) from error
    if packages is not None and str(packages) not in sys.path:
        before = list(sys.path)
        # It also reads .pth files, by which packages are installed that are being worked on.
        site.addsitedir(str(packages))
        added = [entry for entry in sys.path if entry not in before]
        sys.path[:] = [*added, *before]


def _other_version(app_root: Path, why: str) -> Problem:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    python = find_python(app_root)
    return Problem(
        "FJ0510",
        f"--debug runs handlers in funcjson's own Python {own}, and the app's packages are for another one",
        why=why,
        fix=f"run funcjson by the app's Python ({pip_command(python)} funcjson, then {python} -m funcjson start --debug), or "
        f"start without --debug and let the handlers' process wait for a debugger: the setting "
        f'languageWorkers__python__arguments with "-m debugpy --listen 5678"',
    )


_STOPPED = Problem("FJ0515", "the python worker was stopped")


class _Seat:
    """A runtime, the thread with its loop, and the channel to it."""

    def __init__(self, app_root: Path, log: LogSink) -> None:
        self._host_loop = asyncio.get_running_loop()
        self._open = True
        self._loop = asyncio.new_event_loop()
        self._runtime = Runtime(self._deliver, self._loop, own_process=False, give_up=self._give_up)
        self.channel = Channel(self._runtime.receive, log, app_root)
        self._thread = threading.Thread(target=self._run, name="python-worker", daemon=True)
        self._thread.start()

    def close(self, problem: Problem) -> None:
        """End it; threads of running handlers are left to end by themselves."""
        self._open = False
        self.channel.close(problem)
        self._runtime.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        # A blocked async handler must not hold up the host; the thread is a daemon.
        self._thread.join(0.5)

    def _deliver(self, message: Message) -> None:
        if self._open:
            self._host_loop.call_soon_threadsafe(self._receive, message)

    def _receive(self, message: Message) -> None:
        if self._open:
            self.channel.receive(message)

    def _give_up(self, error: BaseException) -> None:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        problem = Problem(
            "FJ0512",
            f"the python worker cannot go on: {said}",
            fix="save a file of the app, which loads it anew; if that does not help, stop and start again",
        )
        self._host_loop.call_soon_threadsafe(self.channel.close, problem)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        except BaseException as error:  # noqa: BLE001 - also SystemExit, which callbacks of users raise
            self._give_up(error)
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
