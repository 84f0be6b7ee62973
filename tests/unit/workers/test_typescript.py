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


def sources(root: Path, *names: str) -> list[str]:
    """Paths of files that are there."""
    for name in names:
        (root / name).touch()
    return [str(root / name) for name in names]


class Stand:
    """A compiler that makes `new KEY` of every file."""

    def __init__(self) -> None:
        self.exited: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
        self.channel = self
        self.asked: list[list[str]] = []
        self.started: asyncio.Queue[None] = asyncio.Queue()
        self.is_stopped = False
        self.is_broken = False

    async def start(self, program: WorkerProgram, log: object) -> Stand:
        assert program.options == {"compiles": True}
        self.exited = asyncio.get_running_loop().create_future()
        self.started.put_nowait(None)
        return self

    async def transpile(self, files: Sequence[str]) -> list[tuple[str, str, str]]:
        self.asked.append(list(files))
        if self.is_broken:
            raise WorkerError(Problem("FJ0512", "it ended"))
        return [(file, "new", "new output") for file in files]

    async def stop(self) -> None:
        self.is_stopped = True


def remove(file: str) -> None:
    Path(file).unlink()


def known(typescript: TypeScript) -> Any:
    return typescript.serve(PROGRAM).options["transpiled"]


def compiled(typescript: TypeScript, file: str) -> None:
    """A worker compiled a file in memory."""
    program = typescript.serve(PROGRAM)
    program.told["transpiled"](
        {"op": "transpiled", "file": file, "key": "old", "output": "old output"}
    )


async def started(file: str) -> tuple[TypeScript, Stand]:
    compiler = Stand()
    typescript = TypeScript(compiler.start)
    compiled(typescript, file)
    await compiler.started.get()
    return typescript, compiler


async def test_the_next_worker_gets_what_the_last_one_compiled(tmp_path: Path) -> None:
    (a,) = sources(tmp_path, "a.ts")
    typescript, _ = await started(a)

    assert typescript.serve(PROGRAM).options == {
        "run_main": True,
        "transpiled": {a: ["old", "old output"]},
    }


async def test_changed_files_are_compiled_ahead(tmp_path: Path) -> None:
    a, b, *others = sources(tmp_path, "a.ts", "b.ts", "host.json", "c.js")
    typescript, compiler = await started(a)
    await typescript.update([b, *others])

    assert compiler.asked == [[b]]
    assert known(typescript) == {a: ["old", "old output"], b: ["new", "new output"]}


async def test_a_file_that_was_deleted_is_forgotten(tmp_path: Path) -> None:
    a, b = sources(tmp_path, "a.ts", "b.ts")
    typescript, compiler = await started(a)
    remove(a)
    await typescript.update([a, b])

    assert compiler.asked == [[b]]
    assert known(typescript) == {b: ["new", "new output"]}


async def test_a_compiler_that_fails_costs_nothing_else(tmp_path: Path) -> None:
    (a,) = sources(tmp_path, "a.ts")
    typescript, compiler = await started(a)
    compiler.is_broken = True
    await typescript.update([a])

    assert known(typescript) == {a: ["old", "old output"]}


async def test_a_compiler_that_ended_is_started_again_when_a_worker_has_to_compile(
    tmp_path: Path,
) -> None:
    (a,) = sources(tmp_path, "a.ts")
    typescript, compiler = await started(a)
    compiled(typescript, a)
    compiler.exited.set_result(Problem("FJ0512", "it ended"))
    await typescript.update([a])
    assert compiler.asked == []
    assert compiler.started.empty()

    compiled(typescript, a)
    await compiler.started.get()
    await typescript.update([a])

    assert compiler.asked == [[a]]


async def test_an_app_that_compiles_nothing_starts_no_compiler(tmp_path: Path) -> None:
    compiler = Stand()
    typescript = TypeScript(compiler.start)
    typescript.serve(PROGRAM)
    await typescript.update(sources(tmp_path, "a.ts"))
    await typescript.close()

    assert compiler.started.empty()
    assert compiler.asked == []


async def test_the_compiler_ends_with_the_host(tmp_path: Path) -> None:
    typescript, compiler = await started(*sources(tmp_path, "a.ts"))
    await typescript.close()

    assert compiler.is_stopped
