"""A worker in processes of its own: started, watched, restarted, and told its functions again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set

from funcjson.errors import (
    HandlerError,
    HandlerLoadError,
    Problem,
    WorkerError,
    render,
)
from funcjson.model import Call, CallResult, Function, Language, WorkerLog
from funcjson.workers.base import IndexResult, LogSink, Stacks
from funcjson.workers.child import ENDED_BY_ITSELF, Child, WorkerProgram
from funcjson.workers.left_out import LeftOut, how_it_ended, not_in_time
from funcjson.workers.load_watch import LoadWatch, NeverLoaded
from funcjson.workers.seat import NowLeftOut, Running, Seat, StartChild, Starter

# Seconds before the 1st, 2nd, ... restart in a row; the last one stays. A finished call starts anew.
RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
# A call that no handler has seen yet outlasts starts that fail for so long.
_PATIENCE_S = 5.0
_WHY_ALL = "a handler cannot be stopped without its process, so other calls in it end as well"


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
        starter = Starter(program, log, start_child, restart_delays, sleep)
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
        self._seats = tuple(Seat(starter, self._prepare) for _ in range(count))

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

    async def _load_in(self, seat: Seat, watch: LoadWatch, function: Function) -> None:
        seat.loading.add(function.name)
        try:
            await self._until_loaded(seat, watch, function)
        finally:
            seat.loading.discard(function.name)

    async def _until_loaded(self, seat: Seat, watch: LoadWatch, function: Function) -> None:
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

    async def _give_up(self, seat: Seat, what: str, function: str | None = None) -> None:
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

    async def _choose(self) -> Seat:
        """The seat for a call: it waits for whichever process comes first, also when a start fails, within reason."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            seat = min(self._seats, key=Seat.load_now)
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

    def _chosen(self, invocation_id: str | None) -> Sequence[Seat]:
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
                raise NowLeftOut from None
            except HandlerLoadError as error:
                # What was said when the app was loaded need not be said at each restart.
                if str(error) != self._load_errors.get(name):
                    self._log(WorkerLog(str(error), "error", name, category="system"))
            except WorkerError as error:
                if self._leave_out(error.problems[0]):
                    raise NowLeftOut from None
                raise


async def _first_error(jobs: Iterable[Awaitable[None]]) -> None:
    results = await asyncio.gather(*jobs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
