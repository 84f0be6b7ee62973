"""A place in a pool of processes: one is kept in it, started again with growing delays when it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from funcjson.errors import FuncJsonError, Problem, WorkerError, WorkerStartError
from funcjson.model import Call, CallResult, Function, WorkerLog
from funcjson.workers.base import IndexResult, LogSink, Stacks
from funcjson.workers.child import ENDED_BY_ITSELF, WorkerProgram

_WORTH_A_LINE_S = 0.5


class NowLeftOut(Exception):
    """A function kept a process from being prepared, and is left out from now on."""


class Link(Protocol):
    """What a running process can be asked; `Channel` says what each may raise."""

    @property
    def waiting(self) -> int:
        """How many requests have no answer yet."""

    def is_running(self, invocation_id: str) -> bool: ...
    async def load(self, function: Function) -> None: ...
    async def index(self) -> IndexResult: ...
    async def invoke(self, call: Call) -> CallResult: ...


class Running(Protocol):
    """A process that handlers run in. `exited` gets a Problem when it has ended."""

    exited: asyncio.Future[Problem]
    runtime: str

    @property
    def channel(self) -> Link: ...
    async def stacks(self) -> Stacks:
        """Where its code is, within seconds; raises WorkerError when it is lost."""

    async def kill(self, cause: Problem | None = None) -> None: ...
    async def stop(self) -> None: ...


StartChild = Callable[[WorkerProgram, LogSink], Awaitable[Running]]


@dataclass(frozen=True, slots=True)
class Starter:
    """How the processes of a pool are started and started again."""

    program: WorkerProgram
    log: LogSink
    start_child: StartChild
    delays: Sequence[float]
    sleep: Callable[[float], Awaitable[None]]

    async def start(self) -> Running:
        return await self.start_child(self.program, self.log)

    def delay(self, failures: int) -> float:
        return self.delays[min(failures, len(self.delays) - 1)]


class Seat:
    """A place in the pool, and the task that keeps a process in it."""

    def __init__(
        self, starter: Starter, prepare: Callable[[Running, Set[str]], Awaitable[None]]
    ) -> None:
        self.child: Running | None = None
        self.loading: set[str] = set()
        self.failures = 0
        self._starter = starter
        self._log = starter.log
        self._language = starter.program.language
        self._prepare = prepare
        self._ready: asyncio.Future[Running] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[Stacks] | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._stopping = False

    def load_now(self) -> int:
        """For choosing: calls that run here; a seat without a process comes last."""
        return self.child.channel.waiting if self.child and self.is_alive() else 1 << 30

    def is_alive(self) -> bool:
        """Whether there is a process, also in the moment in which its end is not yet dealt with."""
        return self.child is not None and not self.child.exited.done()

    async def start(self) -> None:
        """Start the process. Raises WorkerStartError."""
        if self._keeper is not None or self._stopping:
            return
        self._new_ready()
        child = await self._starter.start()
        self._set_ready(child)
        self._keeper = asyncio.create_task(self._keep(child), name="worker-keeper")

    async def available(self) -> Running:
        """The process, when it is there. Raises WorkerError when it cannot be had."""
        if self._ready is None or self._stopping:
            raise WorkerError(Problem("FJ0515", f"the {self._language} worker is not running"))
        if self.child is not None and not self.is_alive():
            self._new_ready()
        return await asyncio.shield(self._ready)

    async def stacks(self) -> Stacks:
        """Where the process is; who asks meanwhile gets the same answer."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_for_stacks(), name="stacks")
        return await asyncio.shield(self._asking)

    async def _ask_for_stacks(self) -> Stacks:
        stacks = Stacks()
        child = self.child
        if child is not None:
            with contextlib.suppress(WorkerError):
                stacks = await child.stacks()
        self._asking = None
        return stacks

    async def restart(self, problem: Problem) -> None:
        """Replace the process; a restart that is under way is enough."""
        if self._restarting is None:
            self._log(WorkerLog(problem.what, "warning", category="system"))
            self._restarting = asyncio.create_task(self._restart(problem), name="worker-restart")
            self._restarting.add_done_callback(lambda _: setattr(self, "_restarting", None))
        await asyncio.shield(self._restarting)

    async def _restart(self, problem: Problem) -> None:
        child = self.child
        if child is not None:
            self.failures = 0
            self._new_ready()
            await child.kill(problem)
        if not self._stopping:
            with contextlib.suppress(WorkerError):
                await self.available()

    async def stop(self) -> None:
        self._stopping = True
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        child, self.child = self.child, None
        if child is not None:
            await child.stop()
        if self._ready is not None and not self._ready.done():
            self._fail(Problem("FJ0515", f"the {self._language} worker was stopped"))

    async def _keep(self, child: Running) -> None:
        while True:
            problem = await asyncio.shield(child.exited)
            if problem.function is not None:
                # It ended while that was loaded; who loads it tells of it.
                self.failures = 0
            elif problem.code == ENDED_BY_ITSELF:
                self._log(WorkerLog(_report(problem), "error", category="system"))
            child = await self._replace()

    async def _replace(self) -> Running:
        while True:
            delay = self._starter.delay(self.failures)
            self.failures += 1
            if delay:
                if delay >= _WORTH_A_LINE_S:
                    self._log(WorkerLog(self._waits(delay), "warning", category="system"))
                await self._starter.sleep(delay)
            try:
                child = await self._fresh()
            except NowLeftOut:
                self.failures -= 1
                continue
            except FuncJsonError as error:
                self._log(WorkerLog(str(error), "error", category="system"))
                self._fail(error.problems[0], type(error))
                continue
            self._set_ready(child)
            return child

    def _waits(self, delay_s: float) -> str:
        return (
            f"the {self._language} worker starts again in {delay_s:g} s, since it has ended "
            f"{self.failures} times without a call that finished; calls wait"
        )

    async def _fresh(self) -> Running:
        child = await self._starter.start()
        try:
            await self._prepare(child, self.loading)
        except BaseException:
            await child.kill()
            raise
        return child

    def _new_ready(self) -> None:
        """Callers wait from now on, until there is a process or a start has failed."""
        self.child = None
        if self._ready is None or self._ready.done():
            self._ready = asyncio.get_running_loop().create_future()

    def _set_ready(self, child: Running) -> None:
        self.child = child
        child.exited.add_done_callback(lambda _: self._new_ready() if self.child is child else None)
        if self._ready is None or self._ready.done():
            self._ready = asyncio.get_running_loop().create_future()
        self._ready.set_result(child)

    def _fail(self, problem: Problem, kind: type[FuncJsonError] = WorkerStartError) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(kind(problem))
            # It is also logged; nobody may be waiting.
            self._ready.exception()
            if not self._stopping:
                # Who comes now waits for the next try.
                self._new_ready()


def _report(problem: Problem) -> str:
    """One line: what it wrote is in the log already, and each call that fails has the whole."""
    return f"{problem.what}: {problem.fix}" if problem.fix else problem.what
