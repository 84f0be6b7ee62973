"""TypeScript that was not compiled: by the app's own compiler, and what becomes of imports where Node strips the types."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.node_driver import body_of, node_app, request, with_packages

from funcjson.workers.node import find_node

NODE = Path(__file__).parents[3] / "runtime" / "funcjson" / "workers" / "node"
TYPED = """import { AzureFunction, Context } from "@azure/no-such-package"
import { shout, Size } from "../lib/shout.js"

const run: AzureFunction = async function (context: Context): Promise<void> {
  const asked = (context as any).req.query.fail as string | undefined
  if (asked) throw new Error(asked)
  context.res = { body: shout<string>('hi') + Size.Large }
}
export default run
"""
SHOUT = """export enum Size { Small, Large }
export const shout = <T extends string>(text: T): string => text.toUpperCase()
"""


async def test_the_apps_own_compiler_is_used(tmp_path: Path) -> None:
    with_packages(tmp_path)
    files = {"f/index.ts": TYPED, "lib/shout.ts": SHOUT}
    async with node_app(tmp_path, files) as node:
        loaded = await node.load(script_file="f/index.ts")
        result = await node.invoke()
        failed = await node.invoke("f", ("req", {"http": request(query={"fail": "no"})}))

    assert loaded["op"] == "loaded", loaded
    assert body_of(result) == "HI1"
    # Told where it stands in the source.
    assert (failed["file"], failed["line"]) == (str(tmp_path / "f/index.ts"), 6)


async def test_a_syntax_error_is_told_with_its_place(tmp_path: Path) -> None:
    with_packages(tmp_path)
    async with node_app(tmp_path, {"f/index.ts": "const a = 1\nconst b = ;\n"}) as node:
        failed = await node.load(script_file="f/index.ts")

    assert failed["op"] == "failed"
    assert "Expression expected" in failed["message"]
    assert f"{tmp_path}/f/index.ts:2:11" in failed["stack"]


@pytest.mark.parametrize(
    ("main", "file"),
    [
        ("dist/src/functions/*.js", "src/functions/f.ts"),
        ("dist/{index.js,functions/*.js}", "src/functions/f.ts"),
        ("dist/index.js", "index.ts"),
        ("src/functions/*.ts", "src/functions/f.ts"),
    ],
)
async def test_main_of_an_app_that_was_not_compiled(tmp_path: Path, main: str, file: str) -> None:
    with_packages(tmp_path)
    code = """import { app, HttpRequest, HttpResponseInit } from '@azure/functions'
app.http('f', { handler: async (r: HttpRequest): Promise<HttpResponseInit> => ({ body: 'ts' }) })
"""
    files = {"package.json": json.dumps({"main": main}), file: code, "src/functions/f.d.ts": "!"}
    async with node_app(tmp_path, files) as node:
        indexed = await node.ask("index")

    assert indexed["error"] is None
    assert [(f["name"], f["script_file"], f["line"]) for f in indexed["functions"]] == [
        ("f", file, 2)
    ]


RUN = """
import fs from 'node:fs'; import Module, { createRequire } from 'node:module';
import { toCommonJs } from '%s/commonjs.mjs';
Module._extensions['.js'] = (module, file) => module._compile(toCommonJs(fs.readFileSync(file, 'utf8')), file);
const { default: main, ...named } = createRequire(process.cwd() + '/x')('./main.js');
console.log(JSON.stringify({ default: typeof main === 'function' ? await main() : main, ...named }));
"""


async def exports_of(root: Path, files: dict[str, str]) -> Any:
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    node = await find_node()
    process = await asyncio.create_subprocess_exec(
        node.path,
        "--input-type=module",
        "-e",
        RUN % NODE,
        cwd=root,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


LIB = "export const a = 1, b = [2, { c: 3 }], d = 4;\nexport default class Lib { x = 5 }\nexport function f() { return g }\nlet g = 6;"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("export default 5", {"default": 5}),
        ("export default async () => 5", {"default": 5}),
        ("export default async function () { return 5 }", {"default": 5}),
        ("const run = () => 5\nexport default run", {"default": 5}),
        ("export default run; function run() { return 5 }", {"default": 5}),
        ("import { a, b as x, d } from './lib'\nexport default a + x[1].c + d", {"default": 8}),
        ("import L, { f } from './lib.js'; export const n = new L().x + f()", {"n": 11}),
        ("import * as lib from './lib'\nexport { lib as default }", {"default": {}}),
        ("import * as lib from './lib'\nexport default Object.keys(lib).length", {"default": 5}),
        ("export { a, d as e } from './lib'", {"a": 1, "e": 4}),
        ("export * from './lib'", {"a": 1, "b": [2, {"c": 3}], "d": 4}),
        ("export * as all from './lib'\nexport let x = 1; x++", {"all": {}, "x": 2}),
        ("import './lib'\nexport var x = require('./lib').a", {"x": 1}),
        ("import fs from 'fs'; export default typeof fs.readFileSync", {"default": "function"}),
        ("import {\n  Gone,\n  Away as Too,\n} from 'not-there'\nexport const x = 1", {"x": 1}),
        ("// import x from 'not-there'\nexport const x = \"import y from 'z'\"", {"x": "import y from 'z'"}),
        ("export const x = `${`export default ${1}`} {`", {"x": "export default 1 {"}),
        ("export const x = /[/]import \\{/.test('/import {'), y = 4 / 2 / 1", {"x": True, "y": 2}),
        ("export const at = new Error().stack.split(':').at(-20) && 1\nexport const l = 2", {"at": 1, "l": 2}),
        ("#!/usr/bin/env node\nexport const x = 1", {"x": 1}),
        ("exports.x = 1", {"x": 1}),
        ("const o = { import: 1, export: 2 }; exports.x = o.import + o.export", {"x": 3}),
        ("export const x = async () => (await import('fs')).default\nexport const y = 1", {"y": 1}),
    ],
)  # fmt: skip
async def test_an_es_module_as_commonjs(tmp_path: Path, code: str, expected: Any) -> None:
    found = await exports_of(tmp_path, {"main.js": code, "lib.js": LIB})

    for name, value in expected.items():
        if value != {}:
            assert found[name] == value
        else:
            assert name in found


async def test_lines_stay_where_they_are(tmp_path: Path) -> None:
    code = "import {\n  a,\n  b\n} from './lib'\n\nexport default () => new Error().stack.split('\\n')[1]"

    found = await exports_of(tmp_path, {"main.js": code, "lib.js": LIB})

    assert "main.js:6:" in found["default"]
