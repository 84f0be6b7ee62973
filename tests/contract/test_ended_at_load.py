"""A module that ends its process, or never comes to its end, while it is loaded: it is named and left out, and the others run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from funcjson.errors import HandlerLoadError, Problem, WorkerError, render
from funcjson.model import Binding, Call, Direction, Function, Language, WorkerLog
from funcjson.workers.child import WorkerProgram
from funcjson.workers.node import node_program
from funcjson.workers.process import ProcessWorker
from funcjson.workers.python import python_program

BINDINGS = (Binding("event", "signalRTrigger", Direction.IN, {}, ""),)
JS = "module.exports = async () => 'ok';"
PY = "def main(event): return 'ok'"
MODULES = {
    Language.NODE: {
        "ok/index.js": JS,
        "exits/index.js": "console.log('config missing');\nprocess.exit(3);",
        "fine/index.js": JS,
    },
    Language.PYTHON: {
        "ok/__init__.py": PY,
        "exits/__init__.py": "import os\nprint('config missing')\nos._exit(3)",
        "fine/__init__.py": PY,
    },
}


class Pool:
    """A worker, and what it logs."""

    def __init__(self, root: Path, program: WorkerProgram, count: int) -> None:
        self.root = root
        self.logs: list[WorkerLog] = []
        self.language = program.language
        self.worker = ProcessWorker(program, self.logs.append, count=count)

    async def load(self, *scripts: str) -> dict[str, Problem]:
        """Load them all at once, as a host does; the problems of those that do not load."""
        functions = [
            Function(s.split("/")[0], self.root / s.split("/")[0], BINDINGS, self.language, s)
            for s in scripts
        ]
        results = await asyncio.gather(
            *(self.worker.load(each) for each in functions), return_exceptions=True
        )
        problems = {}
        for function, result in zip(functions, results, strict=True):
            if isinstance(result, BaseException):
                assert isinstance(result, HandlerLoadError), result
                (problems[function.name],) = result.problems
        return problems

    async def call(self, name: str) -> str:
        result = await self.worker.invoke(Call(f"id of {name}", name, (("event", {"string": ""}),)))
        return str(next(iter(result.return_value.values())))

    def told(self, text: str) -> list[str]:
        return [each.message for each in self.logs if text in each.message]


@asynccontextmanager
async def pool(
    root: Path,
    files: Mapping[str, str],
    language: Language = Language.NODE,
    count: int = 1,
    limit_s: float = 60.0,
) -> AsyncIterator[Pool]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    if language is Language.NODE:
        program = await node_program(root, os.environ)
    else:
        program = python_program(root, os.environ)
    made = Pool(root, replace(program, load_limit_s=limit_s), count)
    await made.worker.start()
    try:
        yield made
    finally:
        await made.worker.stop()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("language", list(MODULES))
async def test_it_is_named_and_the_others_run(
    tmp_path: Path, language: Language, count: int
) -> None:
    files = MODULES[language]
    async with pool(tmp_path, files, language, count) as made:
        problems = await made.load(*files)
        answers = [await made.call("ok"), await made.call("fine")]
        said = [entry for entry in made.logs if entry.level == "error"]

    assert list(problems) == ["exits"]
    problem = problems["exits"]
    assert problem.code == "FJ0513"
    assert problem.function == "exits"
    assert "'exits' could not be loaded" in problem.what
    assert f"the {language} worker process ended with exit code 3" in problem.what
    assert "must not end the process" in problem.fix
    assert problem.where is not None
    assert problem.where.file == next(name for name in files if name.startswith("exits"))
    assert answers == ["ok", "ok"]
    assert said == [], "who loads it tells it"


async def test_the_place_of_process_exit_is_told_at_load_and_in_a_call(tmp_path: Path) -> None:
    files = {
        "exits/index.js": "const leave = require('../lib/leave');\nleave();",
        "ok/index.js": "const leave = require('../lib/leave');\nmodule.exports = async () => leave();",
        "lib/leave.js": "module.exports = function leave() {\n  process.exit(4);\n};",
    }
    async with pool(tmp_path, files) as made:
        problems = await made.load("exits/index.js", "ok/index.js")
        with pytest.raises(WorkerError) as caught:
            await made.call("ok")

    for problem in (problems["exits"], caught.value.problems[0]):
        assert (problem.where and (problem.where.file, problem.where.line)) == ("lib/leave.js", 2)
        assert "process.exit was called here" in problem.why
        assert "lib/leave.js:2:11" in problem.why
    assert "exits/index.js:2:1" in problems["exits"].why


async def test_what_ends_the_process_later_is_named_too(tmp_path: Path) -> None:
    """Its load may have been answered when it does, while another one is under way."""
    turns = "for (let i = 0; i < %d; i += 1) await new Promise(setImmediate);"
    files = {
        "late/index.js": f"(async () => {{ {turns % 50} process.exit(1) }})();\n{JS}",
        "slow/index.mjs": f"{turns % 100}\nexport default async () => 'ok';",
    }
    async with pool(tmp_path, files) as made:
        problems = await made.load(*files)
        answer = await made.call("slow")
        with pytest.raises(WorkerError) as caught:
            await made.call("late")
        # Who waits for the load tells it, and the log where nobody does any more.
        told = [*made.told("'late' could not be loaded"), *map(render, problems.values())]

    assert answer == "ok"
    assert len(told) == 1
    assert "process.exit was called here" in told[0]
    assert caught.value.problems[0].function == "late"


async def test_an_error_that_nobody_catches_is_named_with_its_place(tmp_path: Path) -> None:
    turns = "for (let i = 0; i < 50; i += 1) await new Promise(setImmediate);"
    files = {
        "late/index.js": f"{JS}\nsetImmediate(() => {{ throw new Error('no database'); }});",
        "rejects/index.js": f"{JS}\n\nPromise.reject(new Error('no queue'));",
        "slow/index.mjs": f"{turns}\nexport default async () => 'ok';",
    }
    async with pool(tmp_path, files) as made:
        problems = await made.load(*files)
        answer = await made.call("slow")
        told = {name: made.told(f"'{name}' could not be loaded") for name in ("late", "rejects")}
        told |= {name: [str(HandlerLoadError(p))] for name, p in problems.items()}

    assert answer == "ok"
    assert "no database" in told["late"][0]
    assert "late/index.js:2:28" in told["late"][0]
    assert "no queue" in told["rejects"][0]
    assert "rejects/index.js:3:16" in told["rejects"][0]


async def test_each_that_never_ends_is_named_and_the_others_run(tmp_path: Path) -> None:
    files = {
        "loop/index.js": "for (;;);",
        "never/index.mjs": "await new Promise(() => {});",
        "ok/index.js": JS,
        "throws/index.js": "throw new Error('as it is');",
    }
    async with pool(tmp_path, files, limit_s=1) as made:
        problems = await made.load(*files)
        answer = await made.call("ok")
        await made.worker.restart("the test wants it")
        again = await made.call("ok")

    assert list(problems) == ["loop", "never", "throws"]
    assert all(f"'{name}' could not be loaded" in each.what for name, each in problems.items())
    assert "did not come to its end" in problems["loop"].what
    assert "did not come to its end" in problems["never"].what
    assert "as it is" in problems["throws"].what
    assert (answer, again) == ("ok", "ok")


async def test_all_that_wait_for_one_module_are_given_up_together(tmp_path: Path) -> None:
    uses = "import '../lib/db.mjs'; export default async () => 'ok';"
    files = {
        "lib/db.mjs": "await new Promise(() => {});",
        **{f"{name}/index.mjs": uses for name in "abcdefgh"},
        "ok/index.js": JS,
    }
    async with pool(tmp_path, files, limit_s=1) as made:
        problems = await made.load(*list(files)[1:])
        answer = await made.call("ok")
        restarts = made.told("was restarted")

    assert list(problems) == [*"abcdefgh"]
    assert all(f"'{name}' could not" in each.what for name, each in problems.items())
    assert answer == "ok"
    assert len(restarts) == 1


@pytest.mark.parametrize("end", ["process.exit(1)", "await new Promise(() => {})"])
async def test_one_that_fails_only_when_it_is_loaded_again_is_left_out_then(
    tmp_path: Path, end: str
) -> None:
    changes = f"""import fs from 'node:fs';
if (fs.existsSync('second')) {end};
fs.writeFileSync('second', '');
export default async () => 'ok';"""
    files = {"changes/index.mjs": changes, "ok/index.js": JS}
    async with pool(tmp_path, files, limit_s=1) as made:
        problems = await made.load(*files)
        before = [await made.call("changes"), await made.call("ok")]
        await made.worker.restart("the test wants it")
        after = await made.call("ok")
        with pytest.raises(WorkerError, match="'changes' could not be loaded"):
            await made.call("changes")
        told = made.told("'changes' could not be loaded")

    assert problems == {}
    assert (before, after) == (["ok", "ok"], "ok")
    assert len(told) == 1


async def test_code_that_ends_the_process_while_functions_are_looked_for_is_told_once(
    tmp_path: Path,
) -> None:
    files = {
        "package.json": '{"main": "src/*.js"}',
        "src/a.js": "",
        "src/b.js": "\nprocess.exit(5)",
    }
    async with pool(tmp_path, files) as made:
        found = await made.worker.index()
        await made.worker.ready()
        said = [entry.message for entry in made.logs if entry.level == "error"]

    assert found.error == "the node worker process ended with exit code 5"
    assert found.place is not None
    assert (found.place.file, found.place.line) == ("src/b.js", 2)
    assert "process.exit was called here" in found.stack
    assert said == []
