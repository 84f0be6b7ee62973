"""The host's side of the wire, over any transport: answers matched, logs passed, failures as errors."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcjson.errors import (
    FuncJsonError,
    HandlerError,
    HandlerLoadError,
    Location,
    Problem,
    WorkerError,
)
from funcjson.model import Call, CallResult, Function, ResponseSink, WorkerLog
from funcjson.workers.base import IndexedFunction, IndexResult, LogSink, Stack, Stacks
from funcjson.workers.last_words import Stderr
from funcjson.workers.load_fixes import handler_fix, load_fix
from funcjson.workers.open_lines import OpenLines
from funcjson.workers.request_pump import RequestPump
from funcjson.workers.response_pump import ResponsePump
from funcjson.workers.wire import VERSION

Message = dict[str, Any]
Told = Mapping[str, Callable[[Message], None]]
# A newer worker may send more, which is not an answer to anything asked here.
_ANSWERS = frozenset(("ready", "loaded", "indexed", "result", "failed", "stacks", "transpiled"))
_PIECES = frozenset(("response", "body"))
_STACKS = "stacks-"


@dataclass(frozen=True, slots=True)
class End:
    """What is known of how a process ended: the function that was being loaded ("" for the app's entry files), what the process
    itself said of it, and where its code was."""

    loaded: str | None = None
    said: str = ""
    place: Location | None = None


class Channel:
    """One connection to one worker, on one event loop.

    `send` takes a message for the worker; `stderr` gets each line that user code printed
    there, `told` what the worker tells without being asked, by its `op`. The owner passes what the worker
    sends to `receive`, and calls `close` once when nothing more can come: every call that still
    waits then fails with that error.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        log: LogSink,
        app_root: Path,
        stderr: Stderr | None = None,
        told: Told | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._log = log
        self._app_root = app_root
        self._stderr = stderr if stderr is not None else Stderr()
        self._clock = clock
        self._told = told or {}
        self._numbers = itertools.count(1)
        # The function of each invocation that has no result yet.
        self.running: dict[str, str] = {}
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        # How many lines of stderr there were when a request was sent.
        self._marks: dict[str, int] = {}
        # Of the requests among them that load code: the function, "" for the app's entry files.
        self._loading: dict[str, str] = {}
        self._last_message: Message | None = None
        self._pumps: dict[str, ResponsePump] = {}
        self._uploads: dict[str, RequestPump] = {}
        self._open_lines = OpenLines(self._show)
        self._closed: Problem | None = None
        # What the worker said by itself about a loop that does not go round: since when, and where it is.
        self._blocked: tuple[float, str] | None = None

    @property
    def waiting(self) -> int:
        """How many requests have no answer yet."""
        return len(self._waiting)

    def is_running(self, invocation_id: str) -> bool:
        return invocation_id in self._waiting

    def last_stderr(self) -> list[str]:
        """What was written to stderr since the oldest request that has no answer began; all of it when there is none."""
        return self._stderr.since(min(self._marks.values(), default=0), self.is_running)

    def end(self) -> End:
        """What is known of the end of a process that has ended by itself."""
        said = self._last_message
        loading = list(self._loading.values())
        if said is None:
            # It loads one module at a time, so the first is the one that ran.
            return End(loaded=loading[0] if loading else None)
        name = said.get("function") or ""
        known = bool(loading) and (bool(name) or "" in loading)
        return End(name if known else None, str(said.get("text") or ""), self._place(said))

    # -- what the worker sends -------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """Take one message of the worker."""
        op = message.get("op")
        if op == "log":
            if "line" in message:
                self._open_lines.take(message)
            else:
                self._show(message)
            return
        if op == "stacks" and message.get("id") is None:
            since = self._clock() - float(message.get("busy_s") or 0)
            self._take_blocked(since, str(message.get("text") or ""))
            return
        if message.get("id") is None and (told := self._told.get(str(op))) is not None:
            told(message)
            return
        if op == "ends":
            self._last_message = message
            return
        if op in _PIECES and (pump := self._pumps.get(message["id"])) is not None:
            pump.put(message)
            return
        if op == "taken" and (upload := self._uploads.get(message["id"])) is not None:
            upload.taken(message["size"])
            return
        if op not in _ANSWERS:
            return
        # It answers, so its loop goes round again.
        self._blocked = None
        # Answers about the start have no id.
        identifier = message.get("id") or "init"
        self._marks.pop(identifier, None)
        self._loading.pop(identifier, None)
        future = self._waiting.pop(identifier, None)
        if future is not None and not future.done():
            future.set_result(message)

    def _show(self, message: Message) -> None:
        """Log a line."""
        if message.get("stream") == "stderr":
            self._stderr.add(message["message"], message.get("invocation_id"))
        self._log(
            WorkerLog(
                message["message"],
                message.get("level", "information"),
                message.get("function"),
                message.get("invocation_id"),
                message.get("category", "user"),
            )
        )

    def end_lines(self) -> None:
        """Log what was begun: the worker writes no more."""
        self._open_lines.end()

    def close(self, problem: Problem) -> None:
        """Fail what waits and everything asked from now on."""
        self.end_lines()
        if self._closed is None:
            self._closed = problem
        waiting, self._waiting = self._waiting, {}
        self._marks.clear()
        for future in waiting.values():
            if not future.done():
                future.set_exception(WorkerError(problem))

    def ask(self, identifier: str, message: Message) -> asyncio.Future[Message]:
        """Send a request; the future has its answer. Raises WorkerError when closed."""
        if self._closed is not None:
            raise WorkerError(self._closed)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._send(message)
        self._waiting[identifier] = future
        self._marks[identifier] = self._stderr.written
        return future

    # -- what the host asks ----------------------------------------------------------------------

    async def init(self, language: str, options: Message) -> Message:
        """The worker's "ready" or "failed" message."""
        return await self.ask(
            "init",
            {
                "op": "init",
                "version": VERSION,
                "app_root": str(self._app_root),
                "language": language,
                "options": options,
            },
        )

    async def load(self, function: Function) -> None:
        """Load a handler. Raises HandlerLoadError."""
        identifier = f"load-{next(self._numbers)}"
        self._loading[identifier] = function.name
        answer = await self.ask(
            identifier,
            {
                "op": "load",
                "id": identifier,
                "function": {
                    "name": function.name,
                    "directory": str(function.directory),
                    "script_file": function.script_file,
                    "entry_point": function.entry_point,
                    "code_first": function.code_first,
                    "bindings": [
                        {
                            **binding.properties,
                            "name": binding.name,
                            "type": binding.type,
                            "direction": str(binding.direction),
                        }
                        for binding in function.bindings
                    ],
                },
            },
        )
        if answer["op"] == "failed":
            raise self._load_error(function, answer)

    async def index(self) -> IndexResult:
        """Find code-first functions."""
        identifier = f"index-{next(self._numbers)}"
        self._loading[identifier] = ""
        answer = await self.ask(identifier, {"op": "index", "id": identifier})
        if answer["op"] == "failed":
            return IndexResult(
                error=_said(answer), stack=answer.get("stack") or "", place=self._place(answer)
            )
        functions = tuple(
            IndexedFunction(
                item["name"],
                item["document"],
                item["script_file"],
                item.get("line") or 0,
                item.get("entry_point"),
            )
            for item in answer.get("functions") or ()
        )
        return IndexResult(
            functions,
            answer.get("error"),
            answer.get("stack") or "",
            tuple(self._warning(warning) for warning in answer.get("warnings") or ()),
            bool(answer.get("streams")),
            self._place(answer),
        )

    async def transpile(self, files: Sequence[str]) -> list[tuple[str, str, str]]:
        """What the app's TypeScript compiler makes of files: (path, key of the source, output)."""
        identifier = f"transpile-{next(self._numbers)}"
        answer = await self.ask(
            identifier, {"op": "transpile", "id": identifier, "files": list(files)}
        )
        return [(file, key, output) for file, key, output in answer.get("files") or ()]

    async def invoke(self, call: Call) -> CallResult:
        """Run a handler. Raises HandlerError, or WorkerError when the worker is lost."""
        cut: Exception | None = None
        if call.sink is None and call.source is None:
            answer = await self._ask_to_invoke(call)
        else:
            answer, cut = await self._invoke_with_streams(call)
        if answer["op"] == "failed":
            raise self._handler_error(call.function, answer, cut)
        return CallResult(answer.get("outputs") or {}, answer.get("return") or {})

    async def _ask_to_invoke(self, call: Call) -> Message:
        self.running[call.invocation_id] = call.function
        try:
            return await self._ask_to_run(call)
        finally:
            del self.running[call.invocation_id]

    async def _ask_to_run(self, call: Call) -> Message:
        retry = call.retry
        message: Message = {
            "op": "invoke",
            "id": call.invocation_id,
            "function": call.function,
            "inputs": call.inputs,
            "metadata": call.trigger_metadata or {},
            "retry": [retry.retry_count, retry.max_retry_count, retry.exception, retry.stack]
            if retry is not None
            else None,
            "trace_parent": call.trace_parent,
        }
        if call.sink is not None:
            message["stream"] = True
        return await self.ask(call.invocation_id, message)

    async def _invoke_with_streams(self, call: Call) -> tuple[Message, Exception | None]:
        """As without; a body in pieces comes from the source, a response in pieces is whole before this returns.

        Also why the rest of the body did not come, if so.
        """
        identifier = call.invocation_id
        upload: RequestPump | None = None
        tasks: list[asyncio.Task[None]] = []
        try:
            if call.source is not None:
                upload = self._uploads[identifier] = RequestPump(
                    call.source, identifier, self._send
                )
                # It begins to run when this waits, which is after the call was sent.
                tasks.append(asyncio.create_task(upload.run(), name=f"body of {call.function}"))
            if call.sink is None:
                answer = await self._ask_to_invoke(call)
                return answer, upload.failure if upload is not None else None
            pump = self._pumps[identifier] = self._response_pump(call.sink, identifier)
            passing = asyncio.create_task(pump.run(), name=f"response of {call.function}")
            tasks.append(passing)
            answer = await self._ask_to_invoke(call)
            pump.end()
            await passing
            return answer, upload.failure if upload is not None else None
        finally:
            self._pumps.pop(identifier, None)
            self._uploads.pop(identifier, None)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _response_pump(self, sink: ResponseSink, identifier: str) -> ResponsePump:
        return ResponsePump(
            sink,
            lambda size: self._send({"op": "taken", "id": identifier, "size": size}),
            lambda: self._send({"op": "cancel", "id": identifier}),
        )

    async def stacks(self) -> Stacks:
        """Where the worker's code is."""
        if self._blocked is not None:
            return Stacks(text=self._busy(*self._blocked))
        identifier = f"{_STACKS}{next(self._numbers)}"
        answer = await self.ask(identifier, {"op": "stacks", "id": identifier})
        return Stacks(
            tuple(self._stack(row) for row in answer.get("stacks") or ()),
            str(answer.get("text") or ""),
            waits=bool(answer.get("waits")),
        )

    def _stack(self, row: Message) -> Stack:
        call = row.get("invocation_id"), row.get("function")
        return Stack(row["title"], row["text"], *call, self._place(row))

    def _busy(self, since: float, stack: str) -> str:
        return f"The event loop of the worker has been busy for {self._clock() - since:.1f} s, here:\n{stack}"

    def _take_blocked(self, since: float, stack: str) -> None:
        self._blocked = since, stack
        text = self._busy(since, stack)
        for identifier in [key for key in self._waiting if key.startswith(_STACKS)]:
            self._marks.pop(identifier, None)
            future = self._waiting.pop(identifier)
            if not future.done():
                future.set_result({"op": "stacks", "text": text})

    def stop(self) -> None:
        """Ask the worker to exit."""
        self._send({"op": "stop"})

    # -- failures --------------------------------------------------------------------------------

    def _load_error(self, function: Function, answer: Message) -> HandlerLoadError:
        said = _said(answer)
        return HandlerLoadError(
            Problem(
                "FJ0513",
                f"the handler of '{function.name}' could not be loaded: {_brief(said)}",
                self._place(answer) or _script(function),
                _why(said, answer),
                load_fix(said),
                function=function.name,
                azure=f"Result: Failure\nException: {said}",
            )
        )

    def _handler_error(self, function: str, answer: Message, cut: Exception | None) -> HandlerError:
        said = _said(answer)
        why, fix = _cut_off(cut)
        stack = answer.get("stack") or ""
        return HandlerError(
            Problem(
                "FJ0514",
                f"'{function}' raised {_first_line(said).removesuffix(': ')}",
                self._place(answer),
                why,
                fix or handler_fix(said, bool(answer.get("file"))),
                function=function,
                azure=f"Result: Failure\nException: {said}",
            ),
            message=said,
            stack=stack,
        )

    def _warning(self, said: str | Message) -> tuple[str, Location | None]:
        return (said, None) if isinstance(said, str) else (said["message"], self._place(said))

    def _place(self, answer: Message) -> Location | None:
        file = answer.get("file")
        if not file:
            return None
        inside = str(file).startswith(str(self._app_root) + os.sep)
        name = os.path.relpath(file, self._app_root) if inside else str(file)
        line, column = answer.get("line") or 0, answer.get("column") or 0
        return Location(name.replace(os.sep, "/"), line, column)


def _cut_off(cut: Exception | None) -> tuple[str, str]:
    """Why a handler did not get the whole body, and the fix, where there is one."""
    if cut is None:
        return "", ""
    problem = cut.problems[0] if isinstance(cut, FuncJsonError) else None
    said, fix = (
        (str(cut), "") if problem is None else (f"{problem.what}: {problem.why}", problem.fix)
    )
    return f"the rest of the request's body did not come: {said}", fix


def _script(function: Function) -> Location | None:
    return Location(function.script_file) if function.script_file else None


def _said(answer: Message) -> str:
    return f"{answer.get('type') or 'Error'}: {answer.get('message') or ''}"


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]


# The real Python worker's advice on a failed import; it goes on with the whole of sys.path.
_ADVICE = ". Cannot find module. Please check the requirements.txt"


def _brief(text: str) -> str:
    return _first_line(text).split(_ADVICE, 1)[0]


def _why(said: str, answer: Message) -> str:
    rest = said.split("\n", 1)[1] if "\n" in said else ""
    return "\n".join(part for part in (rest, (answer.get("stack") or "").rstrip()) if part)
