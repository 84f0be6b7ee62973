"""A worker in processes of its own: started, watched, restarted, and told its functions again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from funcjson.errors import (
    FuncJsonError,
    HandlerError,
    HandlerLoadError,
    Problem,
    WorkerError,
    WorkerStartError,
    render,
)
from funcjson.model import Call, CallResult, Function, Language, WorkerLog
from funcjson.workers.base import IndexResult, LogSink, Stacks
from funcjson.workers.child import ENDED_BY_ITSELF, Child, WorkerProgram
from funcjson.workers.left_out import LeftOut, how_it_ended, not_in_time
from funcjson.workers.load_watch import LoadWatch, NeverLoaded

# Seconds before the 1st, 2nd, ... restart in a row; the last one stays. A finished call starts anew.
RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_WORTH_A_LINE_S = 0.5
# A call that no handler has seen yet outlasts starts that fail for so long.
_PATIENCE_S = 5.0
_WHY_ALL = "a handler cannot be stopped without its process, so other calls in it end as well"


class _NowLeftOut(Exception):
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
class _Starter:
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


class ProcessWorker:
    """Runs the handlers of one language in `count` processes.

    A call goes to the process with the fewest calls. A process that ends fails its calls with
    WorkerError and is replaced.
    """

    def __init__(  # noqa: PLR0913 - what a pool may be told
        self,
        program: WorkerProgram,
        log: LogSink,
        *,
        count: int = 1,
        restart_delays: Sequence[float] = RESTART_DELAYS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        start_child: StartChild = Child.start,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        starter = _Starter(program, log, start_child, restart_delays, sleep)
        self.language: Language = program.language
        self._log = log
        self._patience_s = patience_s
        self._functions: dict[str, Function] = {}
        self._load_errors: dict[str, str] = {}
        # Whose loading is waited for, so that its end is told to who waits.
        self._loading: set[str] = set()
        self._left_out = LeftOut(program.load_limit_s)
        self._load_limit_s = program.load_limit_s
        self._indexed = False
        self._is_started = False
        self._watches = [
            LoadWatch(self._tell_of_loading, program.load_notice_s, program.load_limit_s)
            for _ in range(count)
        ]
        self._seats = tuple(_Seat(starter, self._prepare) for _ in range(count))

    @property
    def runtime(self) -> str:
        """What the process says it is, such as "python 3.11.7"; empty before the start."""
        child = self._seats[0].child
        return child.runtime if child is not None else ""

    async def start(self) -> None:
        """Start every process. Raises WorkerStartError, and then none is left."""
        results = await asyncio.gather(
            *(seat.start() for seat in self._seats), return_exceptions=True
        )
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            await self.stop()
            raise errors[0]
        self._is_started = True

    async def load(self, function: Function) -> None:
        """Load a handler in every process. Raises HandlerLoadError."""
        self._functions[function.name] = function
        self._load_errors.pop(function.name, None)
        self._loading.add(function.name)
        try:
            await self._load(function)
        finally:
            self._loading.discard(function.name)

    async def _load(self, function: Function) -> None:
        for seat in self._seats:
            await seat.available()
        seats = zip(self._seats, self._watches, strict=True)
        try:
            await _first_error(self._load_in(seat, watch, function) for seat, watch in seats)
            if problem := self._left_out.problem(function.name):
                raise HandlerLoadError(problem)
        except HandlerLoadError as error:
            self._load_errors[function.name] = str(error)
            raise

    async def _load_in(self, seat: _Seat, watch: LoadWatch, function: Function) -> None:
        seat.loading.add(function.name)
        try:
            await self._until_loaded(seat, watch, function)
        finally:
            seat.loading.discard(function.name)

    async def _until_loaded(self, seat: _Seat, watch: LoadWatch, function: Function) -> None:
        name = function.name
        while True:
            if problem := self._left_out.problem(name):
                raise HandlerLoadError(problem)
            child = await seat.available()
            try:
                return await watch.run(name, child.channel.load(function))
            except NeverLoaded:
                overdue = watch.overdue()
                stacks = await seat.stacks()
                # Where nothing runs they all wait, as for one module that each of them imports.
                for each in {name, *overdue} if stacks.waits else {name}:
                    self._left_out.never_ended(self._functions[each], stacks.render())
                await self._give_up(seat, f"function '{name}'", name)
            except HandlerLoadError:
                raise
            except WorkerError as error:
                end = error.problems[0]
                self._leave_out(end)
                # The process is replaced, and does without the function that ended it: once more.
                if end.function not in self._left_out:
                    raise

    def _leave_out(self, end: Problem) -> bool:
        """Whether a process ended since a function was loaded, which is left out then."""
        function = self._functions.get(end.function or "")
        if end.code != ENDED_BY_ITSELF or function is None or function.name in self._left_out:
            return False
        self._left_out.ended(function, end)
        self._tell_of_left_out(function.name)
        return True

    def _tell_of_left_out(self, name: str) -> None:
        problem = self._left_out.problem(name)
        # Who waits for it tells of it.
        if problem is not None and name not in self._loading:
            self._log(WorkerLog(render(problem), "error", name, category="system"))

    async def _give_up(self, seat: _Seat, what: str, function: str | None = None) -> None:
        """Replace a process in which something does not come to its end."""
        said = f"the {self.language} worker was restarted: {what} did not finish loading"
        await seat.restart(Problem("FJ0515", said, function=function))

    def _tell_of_loading(self, name: str) -> None:
        what = f"'{name}'" if name else "the app's code"
        said = (
            f"still loading {what}: what stands at the top of its modules has not come to its end"
        )
        self._log(WorkerLog(said, "warning", name or None, category="system"))

    async def index(self) -> IndexResult:
        """Find code-first functions. Every process imports the app; the first one's answer is given."""
        self._indexed = True
        children = [await seat.available() for seat in self._seats]
        jobs = [
            watch.run("", child.channel.index())
            for watch, child in zip(self._watches, children, strict=True)
        ]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        answers = zip(self._seats, results, strict=True)
        stuck = [seat for seat, result in answers if isinstance(result, NeverLoaded)]
        if stuck:
            self._indexed = False
            places = await asyncio.gather(*(seat.stacks() for seat in stuck))
            await asyncio.gather(*(self._give_up(seat, "the app's code") for seat in stuck))
            return IndexResult(error=not_in_time(self._load_limit_s), stack=places[0].render())
        if errors := [result for result in results if isinstance(result, BaseException)]:
            return self._not_indexed(errors[0])
        return next(result for result in results if isinstance(result, IndexResult))

    def _not_indexed(self, error: BaseException) -> IndexResult:
        end = error.problems[0] if isinstance(error, WorkerError) else None
        if end is None or end.code != ENDED_BY_ITSELF or end.function is None:
            raise error
        # The next process is not asked to run the same code.
        self._indexed = False
        return IndexResult(error=how_it_ended(end), stack=end.why, place=end.where)

    async def ready(self) -> None:
        """Wait until a process can take a call; raises WorkerError when none can be had."""
        await self._choose()

    async def invoke(self, call: Call) -> CallResult:
        """Run a handler; see `Worker.invoke`. Waits for a restart that is under way, and for the next when that fails."""
        if problem := self._left_out.problem(call.function):
            raise WorkerError(problem)
        seat = await self._choose()
        assert seat.child is not None
        try:
            result = await seat.child.channel.invoke(call)
        except HandlerError:
            # The handler failed, the process did not.
            seat.failures = 0
            raise
        seat.failures = 0
        return result

    async def _choose(self) -> _Seat:
        """The seat for a call: it waits for whichever process comes first, also when a start fails, within reason."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            seat = min(self._seats, key=_Seat.load_now)
            if seat.is_alive():
                return seat
            waits = [asyncio.create_task(each.available()) for each in self._seats]
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            errors = [error for wait in done if (error := wait.exception()) is not None]
            late = not self._is_started or loop.time() - began >= self._patience_s
            if late and len(errors) == len(done):
                raise errors[0]

    async def stacks(self, invocation_id: str | None = None) -> Stacks:
        """Where the code is: of all processes, or of the one that runs an invocation."""
        found = [await seat.stacks() for seat in self._chosen(invocation_id)]
        if len(found) == 1:
            return found[0]
        return Stacks(
            tuple(one for stacks in found for one in stacks.stacks),
            "\n".join(stacks.text for stacks in found if stacks.text),
        )

    async def restart(self, reason: str, invocation_id: str | None = None, why: str = "") -> None:
        """Replace all processes, or the one that runs an invocation; running calls fail.

        Who asks while a process is being replaced waits for that.
        """
        problem = Problem(
            "FJ0515",
            f"the {self.language} worker was restarted: {reason}",
            why="\n".join(filter(None, (_WHY_ALL, why))),
        )
        await asyncio.gather(*(seat.restart(problem) for seat in self._chosen(invocation_id)))

    async def stop(self) -> None:
        """Stop every process at once; idempotent."""
        self._is_started = False
        await asyncio.gather(*(seat.stop() for seat in self._seats))

    def _chosen(self, invocation_id: str | None) -> Sequence[_Seat]:
        if invocation_id is None:
            return self._seats
        return [
            seat
            for seat in self._seats
            if seat.child is not None and seat.child.channel.is_running(invocation_id)
        ]

    async def _prepare(self, child: Running, loading: Set[str]) -> None:
        """Tell a fresh process what its predecessor knew, but for the functions that are being loaded there by who waits for it."""
        if self._indexed:
            await child.channel.index()
        for function in list(self._functions.values()):
            name = function.name
            if name in self._left_out or name in loading:
                continue
            try:
                async with asyncio.timeout(self._load_limit_s):
                    await child.channel.load(function)
            except TimeoutError:
                self._left_out.never_ended(function, "")
                self._tell_of_left_out(name)
                raise _NowLeftOut from None
            except HandlerLoadError as error:
                # What was said when the app was loaded need not be said at each restart.
                if str(error) != self._load_errors.get(name):
                    self._log(WorkerLog(str(error), "error", name, category="system"))
            except WorkerError as error:
                if self._leave_out(error.problems[0]):
                    raise _NowLeftOut from None
                raise


async def _first_error(jobs: Iterable[Awaitable[None]]) -> None:
    results = await asyncio.gather(*jobs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


class _Seat:
    """A place in the pool, and the task that keeps a process in it."""

    def __init__(
        self, starter: _Starter, prepare: Callable[[Running, Set[str]], Awaitable[None]]
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
            except _NowLeftOut:
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
