"""Where a load error is: the real file, line and column, in every programming model."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.host_world import running
from tests.contract.test_apps import app, get, python

from funcjson.errors import Problem

V2 = "import azure.functions as func\napp = func.FunctionApp(func.AuthLevel.ANONYMOUS)\n"
V4 = "const { app } = require('@azure/functions');\n"
TS = "import { app } from '@azure/functions';\n"


def package(main: str, more: str = "") -> str:
    return f'{{"main": "{main}"{more}, "dependencies": {{"@azure/functions": "^4.0.0"}}}}'


PLACES = {
    "v2: a syntax error": ({"function_app.py": V2 + "def x("}, "function_app.py:3:6"),
    "v2: an error in a blueprint": (
        {"function_app.py": "import shop.orders\n", "shop/orders.py": "\nraise ValueError(1)\n"},
        "shop/orders.py:2:1",
    ),
    "v2: no trigger": (
        {"function_app.py": V2 + "\n@app.function_name('f')\ndef f(req):\n    pass\n"},
        "function_app.py:4:1",
    ),
    "v2: one name twice": (
        {
            "function_app.py": V2
            + "\n@app.route('a')\ndef f(req):\n    pass\n\n@app.route('b')\ndef f(req):\n    pass\n"
        },
        "function_app.py:8:1",
    ),
    "v2: a second trigger": (
        {
            "function_app.py": V2
            + "\n@app.route('a')\n@app.timer_trigger('t', '* * * * * *')\ndef f(req):\n    pass\n"
        },
        "function_app.py:4:2",
    ),
    "v2: a wrong annotation": (
        {"function_app.py": V2 + "\n@app.route('a')\ndef f(req: int):\n    pass\n"},
        "function_app.py:4:1",
    ),
    "v2: an annotation that names nothing": (
        {"function_app.py": V2 + "\n@app.route('a')\ndef f(req: 'NoSuch'):\n    pass\n"},
        "function_app.py:4:1",
    ),
    "v4: an error in an entry file": (
        {"package.json": package("src/*.js"), "src/a.js": "\n  throw new Error('no')"},
        "src/a.js:2:9",
    ),
    "v4: a syntax error": (
        {"package.json": package("src/*.js"), "src/a.js": V4 + "const a = ;"},
        "src/a.js:2:11",
    ),
    "v4: a package that is not there": (
        {"package.json": package("src/*.js"), "src/a.js": "\nrequire('nope')"},
        "src/a.js:2:1",
    ),
    "v4: an error in a file that an entry file loads": (
        {
            "package.json": package("src/*.js"),
            "src/a.js": "require('./lib/util')",
            "src/lib/util.js": "throw new Error('no')",
        },
        "src/lib/util.js:1:7",
    ),
    "v4: a function without a handler": (
        {"package.json": package("src/*.js"), "src/a.js": V4 + "\napp.http('x', {});"},
        "src/a.js:3:5",
    ),
    "typescript: a syntax error": (
        {
            "package.json": package("dist/src/functions/*.js"),
            "tsconfig.json": '{"compilerOptions": {"outDir": "dist", "rootDir": "."}}',
            "src/functions/a.ts": TS + "const x: = 1;",
        },
        "src/functions/a.ts:2:10",
    ),
    "typescript: an error": (
        {
            "package.json": package("dist/src/functions/*.js"),
            "tsconfig.json": '{"compilerOptions": {"outDir": "dist", "rootDir": "."}}',
            "src/functions/a.ts": "import { util } from '../lib/util';\nconst a: string = util();",
            "src/lib/util.ts": "interface A { a: 1 }\n"
            "export const util = (): string => { throw new Error('no'); };",
        },
        "src/lib/util.ts:2:43",
    ),
    "v1: an annotation that names nothing": (
        python("f", "\ndef main(req: 'NoSuch'):\n    pass\n"),
        "f/__init__.py:2:1",
    ),
    "v1: an annotation of a wrong output": (
        python(
            "f",
            "import typing\nimport azure.functions as func\n"
            "def main(req, msg: func.Out[typing.List[str]]):\n    pass\n",
            {"type": "httpTrigger", "direction": "in", "name": "req"},
            {"type": "signalR", "direction": "out", "name": "msg", "hubName": "chat"},
        ),
        "f/__init__.py:3:1",
    ),
}


def place(problem: Problem) -> str:
    where = problem.where
    assert where is not None
    return f"{where.file}:{where.line}:{where.column}"


@pytest.mark.parametrize("name", PLACES)
async def test_a_load_error_names_its_file_and_line(tmp_path: Path, name: str) -> None:
    files, expected = PLACES[name]
    if "typescript" in name:
        files = files | {"unused.txt": "@azure/functions"}
    async with running(tmp_path, app() | files) as world:
        found = {place(p): p for p in world.problems() if p.code in ("FJ0148", "FJ0513", "FJ0149")}

    assert list(found) == [expected]
    why = found[expected].why
    assert "site-packages" not in why and "typing.py" not in why


async def test_an_error_at_run_time_of_uncompiled_typescript_is_in_the_source(
    tmp_path: Path,
) -> None:
    files = {
        "package.json": package("dist/src/functions/*.js"),
        "tsconfig.json": '{"compilerOptions": {"outDir": "dist", "rootDir": ".", "sourceRoot": "/x"}}',
        "src/functions/a.ts": TS + "app.get('a', { handler: async (): Promise<never> => {\n"
        "  const why: string = 'no';\n  throw new Error(why);\n} });\n",
    }
    async with running(tmp_path, app() | files) as world:
        await get(world, "/api/a")
        trace = await world.invoked()

    assert [place(problem) for problem in trace.problems] == ["src/functions/a.ts:4:9"]


@pytest.mark.parametrize("hook", ["", "app.hook.preInvocation(() => {});\n"])
async def test_a_call_of_a_function_without_a_handler_says_so(tmp_path: Path, hook: str) -> None:
    files = {"package.json": package("src/*.js"), "src/a.js": V4 + hook + "app.http('x', {});"}
    async with running(tmp_path, app() | files) as world:
        answer = await get(world, "/api/x")
        trace = await world.invoked()

    assert answer == (500, "")
    assert ["handler is not a function" in p.what for p in trace.problems] == [True]
