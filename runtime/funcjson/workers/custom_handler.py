"""Custom handlers: a program of any language that answers HTTP on a port which the host tells it."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import math
import os
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
from yarl import URL

from funcjson.errors import (
    FuncJsonError,
    HandlerError,
    Location,
    Problem,
    WorkerError,
    WorkerStartError,
)
from funcjson.model import Call, CallResult, Function, Language, RequestSource, WorkerLog
from funcjson.settings import Settings
from funcjson.workers import custom_handler_payload as payload
from funcjson.workers.base import IndexResult, LogSink
from funcjson.workers.child import Output, WorkerProgram, exit_problem
from funcjson.workers.custom_handler_program import PORT_VARIABLE, HandlerProgram, find_program
from funcjson.workers.process import ProcessWorker

ADDRESS = "127.0.0.1"
# The documented limit for a handler to listen.
START_TIMEOUT_S = 60.0
# Then whoever waits for the app is told what it waits for.
_PATIENCE_S = 3.0
_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_KEPT_LINES = 20
_KEPT_BODY = 2000
# aiohttp adds these by itself; a handler gets what the caller sent and nothing more.
_NOT_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


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


class HandlerLink:
    """Calls to one handler process over HTTP, each on a connection of its own."""

    def __init__(
        self,
        port: int,
        handler: HandlerProgram,
        exited: asyncio.Future[Problem],
        log: LogSink,
        patience_s: float = 1.0,
    ) -> None:
        self._base = f"http://{ADDRESS}:{port}"
        self._handler = handler
        self._exited = exited
        self._log = log
        self._patience_s = patience_s
        self._functions: dict[str, Function] = {}
        self._running: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many calls have no answer yet."""
        return len(self._running)

    def is_running(self, invocation_id: str) -> bool:
        return invocation_id in self._running

    async def load(self, function: Function) -> None:
        """Remember it: the program finds its handlers by itself."""
        self._functions[function.name] = function

    async def index(self) -> IndexResult:
        """Nothing: the functions of such an app are in folders."""
        return IndexResult()

    async def stacks(self) -> str:
        """Unknown: the program is not ours to look into."""
        return ""

    async def invoke(self, call: Call) -> CallResult:
        """Run a handler. Raises HandlerError, or WorkerError when the program ends."""
        if self._exited.done():
            raise WorkerError(self._exited.result())
        function = self._functions.get(call.function)
        if function is None:
            raise HandlerError(Problem("FJ0513", f"the function '{call.function}' is not loaded"))
        self._running.add(call.invocation_id)
        passes_on = self._handler.passes_on and payload.is_http_only(function)
        ask = self._pass_on if passes_on else self._post
        asking = asyncio.ensure_future(ask(function, call))
        either: set[asyncio.Future[CallResult] | asyncio.Future[Problem]] = {asking, self._exited}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise WorkerError(self._exited.result())
            return asking.result()
        except aiohttp.ClientError as error:
            if _is_cut_off(call):
                raise _caller_left(function) from error
            raise await self._lost(function, error) from error
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            self._running.discard(call.invocation_id)

    async def _post(self, function: Function, call: Call) -> CallResult:
        text = json.dumps(payload.invocation(call), ensure_ascii=False)
        headers = {
            **payload.call_headers(call),
            "Content-Type": "application/json; charset=utf-8",
        }
        url = URL(f"{self._base}/{function.name}")
        async with (
            _session() as session,
            session.post(url, data=text.encode("utf-8", "replace"), headers=headers) as response,
        ):
            body = await response.read()
            status, reason = response.status, response.reason or ""
            content_type = response.headers.get("Content-Type", "")
        if not 200 <= status <= 299:
            raise _refused(function, status, reason, body)
        try:
            answer = payload.read_answer(function, content_type, body)
        except payload.AnswerError as error:
            raise _unreadable(function, error, body) from error
        for line in answer.logs:
            self._log(WorkerLog(line, "information", function.name, call.invocation_id))
        for hint in answer.hints:
            self._log(
                WorkerLog(hint, "warning", function.name, call.invocation_id, category="system")
            )
        return answer.result

    async def _pass_on(self, function: Function, call: Call) -> CallResult:
        """The original request goes out as it arrives, and the answer comes back as it is made."""
        request = payload.passed_on(call, f"/{function.name}" if self._handler.by_name else None)
        url = URL(f"{self._base}{request.target}", encoded=True)
        async with (
            _session() as session,
            session.request(
                request.method,
                url,
                headers=[*request.headers, *_length(call)],
                data=_pieces(call.source, session)
                if call.source is not None
                else request.body or None,
                allow_redirects=False,
            ) as response,
        ):
            headers = list(response.headers.items())
            if call.sink is None:
                return payload.read_passed_on(
                    function, response.status, headers, await response.read()
                )
            with contextlib.suppress(ConnectionError):  # of the caller: the program need not go on
                await call.sink.begin(response.status, payload.kept_headers(headers))
                async for piece in response.content.iter_any():
                    await call.sink.write(piece)
            if _is_cut_off(call):
                raise aiohttp.ClientPayloadError
            return CallResult({})

    async def _lost(
        self, function: Function, error: aiohttp.ClientError
    ) -> HandlerError | WorkerError:
        """The connection broke: usually since the program ends, which is known a little later."""
        await asyncio.wait({self._exited}, timeout=self._patience_s)
        if self._exited.done():
            return WorkerError(self._exited.result())
        return HandlerError(
            Problem(
                "FJ0525",
                f"the custom handler did not answer the call of '{function.name}'",
                function.locate(""),
                why=str(error) or type(error).__name__,
                fix="the program runs on, so see its own log for this call",
                function=function.name,
            ),
            message=str(error) or type(error).__name__,
        )


def _length(call: Call) -> list[tuple[str, str]]:
    """What the caller said of a body in pieces: a small server may read no other."""
    if call.source is None:
        return []
    message = next(value["http"] for _, value in call.inputs if "http" in value)
    length = message["headers"].get("content-length")
    return [("Content-Length", length)] if length is not None else []


async def _pieces(source: RequestSource, session: aiohttp.ClientSession) -> AsyncIterator[bytes]:
    try:
        while piece := await source.read():
            yield piece
    except (ConnectionError, FuncJsonError):
        # The program, which may be answering already, must see that no more comes.
        await session.close()
        raise


def _session() -> aiohttp.ClientSession:
    """For one call: small servers close connections when they like, and a POST is not sent twice."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_NOT_OURS,
        max_line_size=65536,
        max_field_size=65536,
    )


def _is_cut_off(call: Call) -> bool:
    return call.source is not None and call.source.passed.state == "broken off"


def _caller_left(function: Function) -> HandlerError:
    what = f"the caller of '{function.name}' did not send its whole body"
    why = "the body passes on to the custom handler as it arrives, so the call ended with it"
    return HandlerError(
        Problem("FJ0525", what, function.locate(""), why, function=function.name), message=what
    )


def _refused(function: Function, status: int, reason: str, body: bytes) -> HandlerError:
    said = f"Response status code does not indicate success: {status} ({reason})."
    text = body[:_KEPT_BODY].decode("utf-8", "replace").strip()
    fix = "see the program's own log for this call; a response to the caller belongs in 'Outputs'"
    if status == 404:
        fix = f"let the program answer POST /{function.name}: the path is the function's name only"
    return HandlerError(
        Problem(
            "FJ0524",
            f"the custom handler answered the call of '{function.name}' with {status} {reason}",
            function.locate(""),
            why=f"its answer says:\n{text}" if text else "its answer has no body",
            fix=fix,
            function=function.name,
            azure=said,
        ),
        message=said,
    )


def _unreadable(function: Function, error: payload.AnswerError, body: bytes) -> HandlerError:
    text = body[:_KEPT_BODY].decode("utf-8", "replace").strip()
    return HandlerError(
        Problem(
            "FJ0525",
            f"the custom handler's answer to the call of '{function.name}' cannot be read: {error}",
            function.locate(""),
            why=f"its answer is:\n{text}" if text else "the host reads the results from the body",
            fix='answer with Content-Type: application/json and {"Outputs": {...}, "Logs": [...], '
            '"ReturnValue": null}',
            function=function.name,
            azure=error.azure or None,
        ),
        message=str(error),
    )
