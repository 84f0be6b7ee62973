"""One worker process: started with its own socket, its output read to the end, its exit described."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from funcjson.errors import Problem, WorkerError, WorkerStartError
from funcjson.masking import Mask, secrets_in
from funcjson.model import Language, WorkerLog
from funcjson.workers import black_box
from funcjson.workers.base import LogSink, Stacks
from funcjson.workers.black_box import BlackBox
from funcjson.workers.channel import Channel, End, Message, Told
from funcjson.workers.last_words import Stderr, last_words
from funcjson.workers.load_watch import LIMIT_S, NOTICE_S
from funcjson.workers.python_worker.lines import Lines
from funcjson.workers.stuck_in_system import doing
from funcjson.workers.stuck_process import look
from funcjson.workers.wire import FD_VARIABLE, Decoder, encode

_UTF8 = codecs.getincrementaldecoder("utf-8")
ENDED_BY_ITSELF = "FJ0512"
# How its text goes on where a call, or what was being loaded, was lost with it.
WHILE_NEEDED = " while it was needed"
_NOTHING = End()
_NO_STACK = (
    "There is no stack: the main thread is in a call that has not come back to JavaScript, as readFileSync of a pipe, so nobody "
    "can ask it where it is."
)
_READ_SIZE = 262144
_PIPES = {1: "stdout", 2: "stderr"}
_ANSWERS_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class WorkerProgram:
    """How to start the worker of an app. `environment` is the whole one; `options` go into "init".

    `explain` may turn the worker's "failed" answer to "init" into a Problem of its own, and `unfit` says why there was no answer,
    when that is the interpreter's fault; `told` gets what it tells without being asked, by its `op`.
    """

    language: Language
    command: Sequence[str]
    app_root: Path
    environment: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    explain: Callable[[Message], Problem | None] = lambda _: None
    unfit: Callable[[], Problem | None] = lambda: None
    start_timeout_s: float = 60.0
    load_notice_s: float = NOTICE_S
    load_limit_s: float = LIMIT_S
    told: Told = field(default_factory=dict)


class Child:
    """A running process and the channel to it. `exited` gets a Problem when both have ended."""

    def __init__(self, program: WorkerProgram, log: LogSink) -> None:
        loop = asyncio.get_running_loop()
        self.program = program
        self.exited: asyncio.Future[Problem] = loop.create_future()
        self.runtime = ""
        self._loop = loop
        self._log = log
        self._socket: asyncio.Transport | None = None
        self._process: asyncio.SubprocessTransport | None = None
        self._cause: Problem | None = None
        self._stderr = Stderr()
        self._frames: _Frames | None = None
        # The same socket once more: a write that fails closes the other, with what is still to be read.
        self._unread: socket.socket | None = None
        self._black_box = _black_box() if program.language is Language.PYTHON else None
        self.channel = Channel(self._write, log, program.app_root, self._stderr, program.told)

    @classmethod
    async def start(cls, program: WorkerProgram, log: LogSink) -> Child:
        """Start a process and wait until it is ready. Raises WorkerStartError, with no process left."""
        child = cls(program, log)
        try:
            await child._spawn()
            answer = await asyncio.wait_for(
                child.channel.init(str(program.language), dict(program.options)),
                program.start_timeout_s,
            )
        except BaseException as error:
            await child.kill()
            why = child._why_not_started(error)
            if why is None:
                raise
            unfit = await asyncio.to_thread(program.unfit)
            raise WorkerStartError(unfit or child._not_started(why)) from error
        if answer["op"] == "failed":
            await child.kill()
            said = f"{answer.get('type')}: {answer.get('message')}\n{answer.get('stack') or ''}"
            raise WorkerStartError(program.explain(answer) or child._not_started(said.rstrip()))
        child.runtime = str(answer.get("runtime") or "")
        return child

    async def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            self._unread = ours.dup()
            environment = {**self.program.environment, FD_VARIABLE: str(theirs.fileno())}
            shared = [theirs.fileno()]
            if self._black_box is not None:
                environment[black_box.FD_VARIABLE] = str(self._black_box.fd)
                shared.append(self._black_box.fd)
            process, _ = await self._loop.subprocess_exec(
                lambda: Output(self),
                *self.program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self.program.app_root,
                env=environment,
                pass_fds=shared,
                # Ctrl-C in the terminal is for the host, which then stops its workers.
                process_group=0,
            )
            self._process = process
            transport, self._frames = await self._loop.create_connection(
                lambda: _Frames(self), sock=ours
            )
            self._socket = transport
        except BaseException:
            ours.close()
            self._close_unread()
            self._close_black_box()
            raise
        finally:
            theirs.close()

    def _write(self, message: Message) -> None:
        if self._socket is not None and not self._socket.is_closing():
            self._socket.write(encode(message))

    async def stacks(self) -> Stacks:
        """Where its code is. Raises WorkerError when it is lost."""
        try:
            return await asyncio.wait_for(self.channel.stacks(), _ANSWERS_WITHIN_S)
        except TimeoutError:
            box, process = self._black_box, self._process
            if process is None or not self.runtime:
                return Stacks()
            pid, root = process.get_pid(), self.program.app_root
            if box is None:
                return Stacks(text=await asyncio.to_thread(self._doing, pid))
            # It may end meanwhile.
            with contextlib.suppress(OSError):
                return await look(pid, box, self.channel.running, root)
            return Stacks()

    def _doing(self, pid: int) -> str:
        # A command of a child process may have a secret.
        mask = Mask(secrets_in(self.program.environment.items()))
        return f"{_NO_STACK}\n{mask.text(doing(pid))}".rstrip()

    # -- the end ---------------------------------------------------------------------------------

    async def stop(self, patience_s: float = 1.5) -> None:
        """Ask it to exit, and kill it when it does not; idempotent."""
        self._cause = self._cause or Problem(
            "FJ0515", f"the {self.program.language} worker was stopped"
        )
        self.channel.stop()
        self.channel.close(self._cause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.exited), patience_s)
        await self.kill()

    async def kill(self, cause: Problem | None = None) -> None:
        """End it now, with what it started; running calls fail with `cause`. Idempotent."""
        self._cause = self._cause or cause
        process = self._process
        if process is None:
            return
        if process.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.get_pid(), signal.SIGKILL)
        await asyncio.shield(self.exited)

    def connection_lost(self) -> None:
        """The socket closed: the process ends or has ended, so see that it does."""
        process = self._process
        if process is not None and process.get_returncode() is None:
            self._loop.call_later(1.0, self._end_leftover)

    def _end_leftover(self) -> None:
        process = self._process
        if process is not None and process.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def process_exited(self) -> None:
        # What it wrote before may still be in the pipes; a process that it left behind may keep them
        # open for ever.
        self._loop.call_later(0.25, self.finish)

    def finish(self) -> None:
        """Its pipes are read: read the socket to its end, too, and report that it ended."""
        if self.exited.done():
            return
        self._read_rest()
        self.channel.end_lines()
        problem = self._cause or self._exit_problem()
        # First, so that who watches for the end knows of it before the callers whose calls fail.
        self.exited.set_result(problem)
        self.channel.close(problem)
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.close()
        self._close_black_box()

    def _close_black_box(self) -> None:
        if self._black_box is not None:
            self._black_box.close()

    def _read_rest(self) -> None:
        """Take what a process that has ended left in its socket."""
        with contextlib.suppress(OSError):
            while self._unread and self._frames and (data := self._unread.recv(_READ_SIZE)):
                self._frames.data_received(data)
        self._close_unread()

    def _close_unread(self) -> None:
        if self._unread is not None:
            self._unread.close()

    def _exit_problem(self) -> Problem:
        code = self._process.get_returncode() if self._process is not None else None
        end = self.channel.end()
        return exit_problem(self.program.language, code, self.channel.last_stderr(), end)

    def _why_not_started(self, error: BaseException) -> str | None:
        if isinstance(error, TimeoutError):
            return f"it was not ready after {self.program.start_timeout_s:g} s"
        if isinstance(error, OSError):
            return str(error)
        if isinstance(error, WorkerError):
            return f"{error.problems[0].what}\n{error.problems[0].why}"
        return None

    def _not_started(self, why: str) -> Problem:
        lines = "\n".join(self._stderr.all())
        if lines and lines not in why:
            why = f"{why}\n{lines}"
        return Problem(
            "FJ0510",
            f"the {self.program.language} worker could not be started",
            why=why.strip(),
            fix=f"see whether this runs: {self.program.command[0]} --version",
        )

    # -- its output ------------------------------------------------------------------------------

    def line(self, pipe: int, text: str) -> None:
        """One line that the process wrote to stdout or stderr."""
        level = "information"
        if pipe == 2:
            self._stderr.add(text)
            level = level_of_stderr(text)
        self._log(WorkerLog(text, level, category="console"))


def _black_box() -> BlackBox | None:
    # A system without such files has workers all the same.
    with contextlib.suppress(OSError):
        return BlackBox()
    return None


def exit_problem(
    language: Language, code: int | None, stderr: Iterable[str], known: End = _NOTHING
) -> Problem:
    """A process that was needed has ended with an exit code; `stderr` are its last lines. Its function is the one that was being
    loaded, "" for the app's entry files."""
    lines, end = last_words(stderr)
    how = end.how if end is not None else f"with {_describe(code)}"
    told = "\n".join(lines)
    last_lines = f"its last lines on stderr:\n{told}" if told else ""
    return Problem(
        ENDED_BY_ITSELF,
        f"the {language} worker process ended {how}{WHILE_NEEDED}",
        known.place,
        "\n".join(filter(None, (known.said, last_lines))) or "it wrote nothing to stderr",
        end.advice if end is not None else _advice(code, known),
        function=known.loaded,
        azure=f"{language} exited with code {code}",
    )


def level_of_stderr(line: str) -> str:
    """stderr holds warnings, progress bars and errors alike: the words decide."""
    lower = line.lower()
    if "warn" in lower:
        return "warning"
    if "error" in lower or "exception" in lower or lower.startswith("traceback"):
        return "error"
    return "information"


_SENT_ADVICE = {
    -signal.SIGKILL: "SIGKILL usually means that the system ran out of memory",
    **dict.fromkeys(
        (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP),
        "somebody sent it this signal: a handler, another program, or a person",
    ),
}


def _describe(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _advice(code: int | None, known: End) -> str:
    if known.place is not None:
        return "correct the code at this place: it ended the process, with all calls in it; it is started again"
    if code in _SENT_ADVICE:
        return f"{_SENT_ADVICE[code]}; it is started again"
    if code is not None and code < 0:
        return "a native library crashed; it is started again"
    return "see whether a handler ends the process; it is started again"


class _Frames(asyncio.Protocol):
    """The socket: bytes to messages."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._decoder = Decoder()

    def data_received(self, data: bytes) -> None:
        receive = self._child.channel.receive
        for message in self._decoder.feed(data):
            receive(message)

    def connection_lost(self, error: Exception | None) -> None:
        self._child.connection_lost()


class Owner(Protocol):
    """Who is told what a process writes, and that it has ended."""

    def line(self, pipe: int, text: str) -> None:
        """A line that it wrote to pipe 1 (stdout) or 2 (stderr)."""

    def process_exited(self) -> None:
        """It has ended; its pipes may still be open."""

    def finish(self) -> None:
        """It has ended and its pipes are read."""


class Output(asyncio.SubprocessProtocol):
    """The pipes: bytes to lines of any length."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._decoders = {pipe: _UTF8("replace") for pipe in _PIPES}
        self._lines = {pipe: Lines() for pipe in _PIPES}

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        text = self._decoders[fd].decode(cast(bytes, data))
        for line in self._lines[fd].take(text):
            self._owner.line(fd, line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        lines = self._lines[fd]
        for line in lines.take(self._decoders[fd].decode(b"", final=True)):
            self._owner.line(fd, line)
        if rest := lines.rest():
            self._owner.line(fd, rest)

    def process_exited(self) -> None:
        self._owner.process_exited()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.finish()
