"""What was compiled in memory is kept for the next worker, and changed files are compiled ahead of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from funcjson.errors import Problem, WorkerError
from funcjson.model import Language
from funcjson.workers.child import WorkerProgram
from funcjson.workers.typescript import TypeScript

PROGRAM = WorkerProgram(Language.NODE, ("node",), Path("/app"), {}, {"run_main": True})
A, B = "/app/a.ts", "/app/b.ts"


class Stand:
    """A compiler that makes `new KEY` of every file."""

    def __init__(self) -> None:
        self.exited: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
        self.channel = self
        self.asked: list[list[str]] = []
        self.started = asyncio.Event()
        self.is_stopped = False
        self.is_broken = False

    async def start(self, program: WorkerProgram, log: object) -> Stand:
        assert program.options == {"compiles": True}
        self.started.set()
        return self

    async def transpile(self, files: Sequence[str]) -> list[tuple[str, str, str]]:
        self.asked.append(list(files))
        if self.is_broken:
            raise WorkerError(Problem("FJ0512", "it ended"))
        return [(file, "new", "new output") for file in files]

    async def stop(self) -> None:
        self.is_stopped = True


def known(typescript: TypeScript) -> Any:
    return typescript.serve(PROGRAM).options["transpiled"]


async def started() -> tuple[TypeScript, Stand]:
    compiler = Stand()
    typescript = TypeScript(compiler.start)
    program = typescript.serve(PROGRAM)
    assert program.transpiled is not None
    program.transpiled({"op": "transpiled", "file": A, "key": "old", "output": "old output"})
    await compiler.started.wait()
    return typescript, compiler


async def test_the_next_worker_gets_what_the_last_one_compiled() -> None:
    typescript, _ = await started()

    assert typescript.serve(PROGRAM).options == {
        "run_main": True,
        "transpiled": {A: ["old", "old output"]},
    }


async def test_changed_files_are_compiled_ahead() -> None:
    typescript, compiler = await started()
    await typescript.update([B, "/app/host.json", "/app/c.js"])

    assert compiler.asked == [[B]]
    assert known(typescript) == {A: ["old", "old output"], B: ["new", "new output"]}


async def test_a_compiler_that_fails_costs_nothing_else() -> None:
    typescript, compiler = await started()
    compiler.is_broken = True
    await typescript.update([A])

    assert known(typescript) == {A: ["old", "old output"]}


async def test_an_app_that_compiles_nothing_starts_no_compiler() -> None:
    compiler = Stand()
    typescript = TypeScript(compiler.start)
    typescript.serve(PROGRAM)
    await typescript.update([A])
    await typescript.close()

    assert not compiler.started.is_set()
    assert compiler.asked == []


async def test_the_compiler_ends_with_the_host() -> None:
    typescript, compiler = await started()
    await typescript.close()

    assert compiler.is_stopped
