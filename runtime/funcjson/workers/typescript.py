"""Keeps what the app's own TypeScript compiler made, and the compiler ready: a reload compiles only what changed.

To load the compiler takes longer than all else of a reload. So workers hand over what they compiled in memory, a process of its
own compiles each change, and the next worker finds the result. Text that is not known is compiled by the worker itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from funcjson.errors import FuncJsonError, Problem
from funcjson.workers.base import LogSink
from funcjson.workers.child import Child, WorkerProgram

log = logging.getLogger("funcjson.worker.typescript")

SUFFIXES = (".ts", ".cts", ".mts", ".tsx")


class Compiler(Protocol):
    """A process that compiles: a `Child`."""

    exited: asyncio.Future[Problem]

    @property
    def channel(self) -> CompilerChannel: ...
    async def stop(self) -> None: ...


class CompilerChannel(Protocol):
    """What is asked of it."""

    async def transpile(self, files: Sequence[str]) -> list[tuple[str, str, str]]: ...


StartCompiler = Callable[[WorkerProgram, LogSink], Awaitable[Compiler]]
# To wait longer than the worker itself would take is of no use.
PATIENCE_S = 1.0


class TypeScript:
    """The compiled files of one app, over all its versions: path -> (key of the source, output)."""

    def __init__(self, start_child: StartCompiler = Child.start) -> None:
        self._start_child = start_child
        self._made: dict[str, tuple[str, str]] = {}
        self._starting: asyncio.Task[None] | None = None
        self._compiler: Compiler | None = None
        self._program: WorkerProgram | None = None

    def serve(self, program: WorkerProgram) -> WorkerProgram:
        """The Node worker's program, which uses what is known and hands over what it makes."""
        self._program = program
        known = {file: list(made) for file, made in self._made.items()}
        return replace(
            program,
            options={**program.options, "transpiled": known},
            told={**program.told, "transpiled": self.keep},
        )

    def keep(self, message: Mapping[str, Any]) -> None:
        """A worker compiled a file, so the next change of one will need the compiler."""
        self._made[message["file"]] = (message["key"], message["output"])
        ended = self._compiler is not None and self._compiler.exited.done()
        if self._starting is None or ended:
            self._compiler = None
            self._starting = asyncio.create_task(self._start(), name="typescript")

    async def update(self, paths: Iterable[str]) -> None:
        """Compile what changed, when the compiler is ready; nothing depends on it."""
        files = self._still_there([path for path in paths if path.endswith(SUFFIXES)])
        compiler = self._compiler
        if not files or compiler is None or compiler.exited.done():
            return
        with contextlib.suppress(FuncJsonError, TimeoutError):
            answer = await asyncio.wait_for(compiler.channel.transpile(files), PATIENCE_S)
            for file, key, output in answer:
                self._made[file] = (key, output)

    def _still_there(self, paths: Iterable[str]) -> list[str]:
        """Without those that were deleted, which are forgotten."""
        found = {path: Path(path).exists() for path in paths}
        for path in [path for path, exists in found.items() if not exists]:
            self._made.pop(path, None)
        return [path for path, exists in found.items() if exists]

    async def close(self) -> None:
        """End the compiler's process; idempotent."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        compiler, self._compiler = self._compiler, None
        if compiler is not None:
            await compiler.stop()

    async def _start(self) -> None:
        assert self._program is not None
        program = replace(self._program, options={"compiles": True})
        try:
            self._compiler = await self._start_child(program, lambda _: None)
        except FuncJsonError as error:
            log.debug("The app's compiler is not kept ready: %s", error)
            return
        log.debug("The app's TypeScript compiler is kept ready for changes")
