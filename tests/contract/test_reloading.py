"""What a running host takes of a change: all that is good, and each broken function's last good version."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.conformance.host_world import World, running
from tests.contract.test_apps import app, get, javascript, python
from tests.e2e.processes import wait_gone

V4 = '{"name": "x", "main": "src/*.%s", "dependencies": {"@azure/functions": "^4.0.0"}}'
NOT_TAKEN = "The change was not taken: the last good version goes on running."


def v4(name: str, said: str) -> str:
    return f"""const {{ app }} = require('@azure/functions');
app.get('{name}', {{ handler: async () => ({{ body: '{said}' }}) }});
"""


def typescript(name: str, said: str) -> str:
    return f"""import {{ app }} from '@azure/functions';
const said: string = '{said}';
app.get('{name}', {{ handler: async () => ({{ body: said }}) }});
"""


def v2(**routes: str) -> str:
    functions = [
        f"@app.route('{name}')\ndef {name}(req):\n    return '{said}'\n"
        for name, said in routes.items()
    ]
    return "import azure.functions as func\napp = func.FunctionApp(func.AuthLevel.ANONYMOUS)\n" + (
        "\n".join(functions)
    )


def v3(said: str) -> str:
    return f"module.exports = async (context) => {{ context.res = {{ body: '{said}' }} }}"


def v1(said: str) -> str:
    return f"def main(req):\n    return '{said}'\n"


@asynccontextmanager
async def watched(root: Path, files: Mapping[str, str]) -> AsyncIterator[World]:
    async with running(root, files, reload=True) as world:
        yield world


async def saved(world: World, file: str, text: str, until: str) -> str:
    """Save a file and wait for the line that tells what came of it."""
    world.lines.texts.clear()
    path = world.host.options.app_root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return await world.lines.containing(until)


CODE_FIRST = {
    "javascript": (
        {"package.json": V4 % "js", "src/a.js": v4("a", "good"), "src/b.js": v4("b", "good")},
        "src/b.js",
        "const { app } =",
        v4("b", "mended"),
    ),
    "a javascript module that throws": (
        {"package.json": V4 % "js", "src/a.js": v4("a", "good"), "src/b.js": v4("b", "good")},
        "src/b.js",
        "throw new Error('no')",
        v4("b", "mended"),
    ),
    "typescript": (
        {
            "package.json": V4 % "ts",
            "src/a.ts": typescript("a", "good"),
            "src/b.ts": typescript("b", "good"),
        },
        "src/b.ts",
        "const x: = 1",
        typescript("b", "mended"),
    ),
    "python": (
        {"function_app.py": v2(a="good", b="good")},
        "function_app.py",
        v2(a="good", b="good") + "def x(",
        v2(a="good", b="mended"),
    ),
    "an empty python file": (
        {"function_app.py": v2(a="good", b="good")},
        "function_app.py",
        "",
        v2(a="good", b="mended"),
    ),
}


@pytest.mark.parametrize("name", CODE_FIRST)
async def test_code_that_cannot_be_read_for_functions_leaves_the_last_good_version(
    tmp_path: Path, name: str
) -> None:
    files, file, broken, mended = CODE_FIRST[name]
    async with watched(tmp_path, app() | files) as world:
        said = await saved(world, file, broken, "The change was not taken")
        during = [await get(world, "/api/a"), await get(world, "/api/b")]
        await saved(world, file, mended, "Reloaded in")
        after = [await get(world, "/api/a"), await get(world, "/api/b")]

    assert said.startswith(NOT_TAKEN)
    assert "error[FJ0148]" in said
    assert during == [(200, "good"), (200, "good")]
    assert after == [(200, "good"), (200, "mended")]


async def test_a_change_that_waits_for_another_to_be_mended_is_named(tmp_path: Path) -> None:
    files, *_ = CODE_FIRST["javascript"]
    async with watched(tmp_path, app() | files) as world:
        await saved(world, "src/b.js", "const { app } =", NOT_TAKEN)
        said = await saved(world, "src/a.js", v4("a", "waits"), NOT_TAKEN)
        before = await get(world, "/api/a")
        await saved(world, "src/b.js", v4("b", "mended"), "Reloaded in")
        after = await get(world, "/api/a")

    assert "src/a.js, src/b.js" in said.splitlines()[1]
    assert (before, after) == ((200, "good"), (200, "waits"))


FOLDERS = {
    "python": (
        python("h", v1("h good")) | python("say", v1("say good")),
        ("h/__init__.py", "def main(req", v1("h mended")),
        ("say/__init__.py", v1("say changed")),
    ),
    "javascript": (
        javascript("h", v3("h good")) | javascript("say", v3("say good")),
        ("h/index.js", "module.exports = async (", v3("h mended")),
        ("say/index.js", v3("say changed")),
    ),
    "function.json": (
        python("h", v1("h good")) | python("say", v1("say good")),
        ("h/function.json", "{", python("h", "")["h/function.json"] + "\n"),
        ("say/__init__.py", v1("say changed")),
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
async def test_a_broken_function_keeps_its_last_good_version_and_the_others_go_on_changing(
    tmp_path: Path, name: str
) -> None:
    files, (file, broken, mended), (other, changed) = FOLDERS[name]
    async with watched(tmp_path, app() | files) as world:
        first = await saved(world, file, broken, "The change was not taken")
        reloaded = await saved(world, other, changed, "Reloaded in")
        said = "\n".join(world.logs)
        during = [await get(world, "/api/h"), await get(world, "/api/say")]
        later = await saved(world, file, mended, "Reloaded in")
        after = [await get(world, "/api/h"), await get(world, "/api/say")]

    assert "error[FJ" in first
    assert "'h' goes on in its last good version" in reloaded
    assert "error[FJ" not in said, "what was said once is not said again"
    assert during == [(200, "h good"), (200, "say changed")]
    assert "last good" not in later
    assert after[1] == (200, "say changed")
    assert after[0] == (200, "h good" if name == "function.json" else "h mended")


async def test_what_is_broken_and_what_is_good_may_come_in_one_save(tmp_path: Path) -> None:
    files = python("h", v1("h good")) | python("say", v1("say good"))
    async with watched(tmp_path, app() | files) as world:
        root = world.host.options.app_root
        (root / "say/__init__.py").write_text(v1("say changed"))
        reloaded = await saved(world, "h/__init__.py", "def main(req", "Reloaded in")
        said = await world.lines.containing("The change was not taken for 'h'")
        answers = [await get(world, "/api/h"), await get(world, "/api/say")]

    assert "'h' goes on in its last good version" in reloaded
    assert "h/__init__.py:1:" in said
    assert answers == [(200, "h good"), (200, "say changed")]


async def test_a_function_that_never_was_good_is_in_error_and_said_to_be(tmp_path: Path) -> None:
    async with watched(tmp_path, app() | python("say", v1("say good"))) as world:
        root = world.host.options.app_root
        files = python("new", "def main(req")
        (root / "new").mkdir()
        (root / "new/function.json").write_text(files["new/function.json"])
        await saved(world, "new/__init__.py", files["new/__init__.py"], "Reloaded in")
        said = await world.lines.containing("'new' is in error")
        during = [await get(world, "/api/new"), await get(world, "/api/say")]
        await saved(world, "new/__init__.py", v1("new"), "Reloaded in")
        after = await get(world, "/api/new")

    assert "error[FJ0513]" in said
    assert during == [(500, ""), (200, "say good")]
    assert after == (200, "new")


async def test_a_kept_function_stays_through_several_changes_and_its_worker_ends_with_it(
    tmp_path: Path,
) -> None:
    pid = "import os\ndef main(req):\n    return str(os.getpid())\n"
    files = python("h", pid) | python("say", v1("1"))
    async with watched(tmp_path, app() | files) as world:
        _, worker = await get(world, "/api/h")
        await saved(world, "h/__init__.py", "def main(req", "The change was not taken")
        for said in ("2", "33", "444"):
            await saved(world, "say/__init__.py", v1(said), "Reloaded in")
            assert await get(world, "/api/say") == (200, said)
        kept = await get(world, "/api/h")
        await saved(world, "h/__init__.py", pid + "\n", "Reloaded in")
        _, fresh = await get(world, "/api/h")
        left = await asyncio.to_thread(wait_gone, [int(worker)])

    assert kept == (200, worker)
    assert fresh != worker
    assert left == []


async def test_a_route_that_a_broken_function_still_needs_is_not_given_to_another(
    tmp_path: Path,
) -> None:
    files = python("h", v1("h good")) | python("say", v1("say good"))
    async with watched(tmp_path, app() | files) as world:
        await saved(world, "h/__init__.py", "def main(req", "The change was not taken")
        taken = files["say/function.json"].replace('"anonymous"', '"anonymous", "route": "h"')
        said = await saved(world, "say/function.json", taken, "The change was not taken")
        answers = [await get(world, "/api/h"), await get(world, "/api/say")]

    assert said.startswith(NOT_TAKEN)
    assert "FJ0513" in said
    assert answers == [(200, "h good"), (200, "say good")]


async def test_a_save_during_a_reload_takes_its_place(tmp_path: Path) -> None:
    """The first version never finishes loading; without the second save nothing would come of it."""
    forever = "import threading\nthreading.Event().wait()\n" + v1("never")
    async with watched(tmp_path, app() | python("h", v1("first"))) as world:
        await saved(world, "h/__init__.py", forever, "File change detected")
        await saved(world, "h/__init__.py", v1("second"), "Reloaded in")
        answer = await get(world, "/api/h")

    assert answer == (200, "second")


async def test_a_reload_does_not_wait_for_a_call_in_the_version_before(tmp_path: Path) -> None:
    slow = (
        "import threading\ndef main(req):\n    print('slow runs')\n    threading.Event().wait()\n"
    )
    async with watched(tmp_path, app() | python("slow", slow) | python("h", v1("1"))) as world:
        call = asyncio.create_task(get(world, "/api/slow"))
        await world.lines.containing("slow runs")
        await saved(world, "h/__init__.py", v1("22"), "Reloaded in")
        async with asyncio.timeout(5):  # a call of the old version may take 10 s
            await saved(world, "h/__init__.py", v1("333"), "Reloaded in")
        answer = await get(world, "/api/h")
        call.cancel()

    assert answer == (200, "333")


async def test_typescript_is_compiled_for_a_reload_by_a_compiler_that_is_kept_ready(
    tmp_path: Path,
) -> None:
    """The worker that serves a change has not loaded the compiler, which takes longer than all else."""
    has_compiler = """import { app } from '@azure/functions';
import { said } from './said';
declare const require: { cache: object };
const loaded = (): boolean => Object.keys(require.cache).some((file) => file.includes('/typescript/'));
app.get('a', { handler: async () => ({ body: `${said} ${loaded()}` }) });
"""
    said = "export const said: string = '%s';\n"
    files = {"package.json": V4 % "ts", "src/a.ts": has_compiler, "src/said.ts": said % "first"}
    async with watched(tmp_path, app() | files) as world:
        first = await get(world, "/api/a")
        await world.lines.containing("TypeScript compiler is kept ready")
        await saved(world, "src/said.ts", said % "second", "Reloaded in")
        second = await get(world, "/api/a")
        await saved(world, "src/said.ts", "export const said: = 1", "The change was not taken")
        await saved(world, "src/said.ts", said % "third", "Reloaded in")
        third = await get(world, "/api/a")
        await saved(world, "tsconfig.json", '{"compilerOptions": {"target": "es2019"}}', "Reloaded")
        fourth = await get(world, "/api/a")

    assert (first, second) == ((200, "first true"), (200, "second false"))
    assert (third, fourth) == ((200, "third false"), (200, "third true"))


async def test_a_change_of_typescript_that_was_built_before_says_that_it_needs_a_build(
    tmp_path: Path,
) -> None:
    files = {
        "package.json": V4.replace("src/*.%s", "dist/*.js"),
        "dist/a.js": v4("a", "built"),
        "src/a.ts": typescript("a", "source"),
    }
    async with watched(tmp_path, app() | files) as world:
        said = await saved(world, "src/a.ts", typescript("a", "changed"), "npm run build")
        answer = await get(world, "/api/a")

    assert said.startswith("src/a.ts is not live")
    assert answer == (200, "built")


async def test_an_app_whose_build_is_missing_is_told_that_its_sources_are_run(
    tmp_path: Path,
) -> None:
    package = V4.replace("src/*.%s", "dist/src/*.js").replace('"main"', '\n  "main"')
    async with running(
        tmp_path, app() | {"package.json": package, "src/a.ts": typescript("a", "source")}
    ) as world:
        (problem,) = world.problems()
        answer = await get(world, "/api/a")

    assert answer == (200, "source")
    assert (problem.code, str(problem.severity)) == ("FJ0140", "warning")
    assert problem.where is not None
    assert (problem.where.file, problem.where.line, problem.where.column) == ("package.json", 2, 11)
    assert "src/a.ts is run as it is" in problem.what
    assert "__dirname is the folder of the source" in problem.why


def tick(*lines: str) -> dict[str, str]:
    trigger = {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 0 29 2 *"}
    return {
        "tick/function.json": json.dumps({"bindings": [{**trigger, "runOnStartup": True}]}),
        "tick/__init__.py": "\n".join(lines),
    }


async def test_a_timer_function_that_runs_comes_to_its_end_while_the_app_is_reloaded(
    tmp_path: Path,
) -> None:
    slow = (
        "import logging, pathlib, time",
        "def main(t):",
        "    logging.warning('begun')",
        f"    while not pathlib.Path({str(tmp_path / 'may end')!r}).exists():",
        "        time.sleep(0.01)",
        "    logging.warning('old: end')",
    )
    quick = "import logging\ndef main(t):\n    logging.warning('new: ran')\n"
    async with watched(tmp_path, app() | tick(*slow)) as world:
        await world.lines.containing("begun")
        (old,) = world.host.recorder
        await saved(world, "tick/__init__.py", quick, "Reloaded in")
        await world.lines.containing("new: ran")
        (tmp_path / "may end").touch()
        await world.lines.containing("old: end")
        await world.lines.containing(f"(Succeeded, Id={old.id}")
