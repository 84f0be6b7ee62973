"""TypeScript that was not compiled: by the app's own compiler, and what becomes of imports where Node strips the types."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.node_driver import (
    body_of,
    node_app,
    node_that_strips_types,
    request,
    with_packages,
)

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
console.log(JSON.stringify({ default: typeof main === 'function' && !/^class/.test(main) ? await main() : main, ...named }));
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
        # Named in comments, in other people's properties, and as a local of its own.
        ("import {\n  a, // the first\n  d /* , b */\n} from './lib'\nexport const x = [a, d]", {"x": [1, 4]}),
        ("import { a } from './lib'\nexport const x = [{ a }.a, { a: 2 }.a, ((a) => a)(3), ...[a]]", {"x": [1, 2, 3, 1]}),
        ("import Gone from 'not-there'\nexport const x = { Gone: 1 }.Gone", {"x": 1}),
        ("import { default as L } from './lib'; export const x = new L().x", {"x": 5}),
        ("import { 'a' as b } from './lib'; export { b as 'c d' }", {"c d": 1}),
        ("import data from './data.json' with { type: 'json' }\nexport default data.n", {"default": 7}),
        ("import { a } from './lib'\n;[a].push(a)\nimport { T } from 'not-there'\n;(1, [2])", {}),
        (
            "export const { p, q: [r, { s = 1 }], ...rest } = { p: 1, q: [2, {}], t: 3 }, [u, , v = 5] = [4]",
            {"p": 1, "r": 2, "s": 1, "rest": {"t": 3}, "u": 4, "v": 5},
        ),
        ("export let x = (1,\n2), y = x\nlet z = [1, y]\nexport { z }", {"x": 2, "y": 2, "z": [1, 2]}),
        ("export const f = () => {}\nconst g = 1, h = 2\nexport { h, Gone, Gone as Away }", {"h": 2, "Gone": None}),
        ("export default function () { return 5 }\n(1, 2)", {"default": 5}),
        ("export default class { static n = 5 }\n[1].length\nexport const x = 1", {"x": 1}),
        ("export default { a: 1 }\nexport const x = `${`}`}`", {"default": {"a": 1}, "x": "}"}),
        (
            "export const x = [1 / 2 /1].map((a) => { return /'/.test(\"'\") })\nif (x) /`/.test('')\nlet k = 4\n"
            "export const y = {} / 2 /1, z = k++ / 1 /1",
            {"x": [True], "z": 4},
        ),
        ("const o = { class: 1, function: 2, import: 3 }\nexport const x = o.class / o.import / 3", {"x": 1 / 9}),
        ("let n = 1\nexport const x = n\n++n\nexport const y = n", {"x": 1, "y": 2}),
        ("export const x = this === undefined", {"x": True}),
        (
            "export const x = async () => (await import('./lib')).default === (await import('./lib.js')).default\nexport default x",
            {"default": True},
        ),
    ],
)  # fmt: skip
async def test_an_es_module_as_commonjs(tmp_path: Path, code: str, expected: Any) -> None:
    files = {"main.js": code, "lib.js": LIB, "data.json": '{"n": 7}'}
    found = await exports_of(tmp_path, files)

    for name, value in expected.items():
        if value is None:
            assert name not in found
        elif value != {}:
            assert found[name] == value
        else:
            assert name in found


async def test_lines_stay_where_they_are(tmp_path: Path) -> None:
    code = "import {\n  a,\n  b\n} from './lib'\n\nexport default () => new Error().stack.split('\\n')[1]"

    found = await exports_of(tmp_path, {"main.js": code, "lib.js": LIB})

    assert "main.js:6:" in found["default"]


async def test_imports_show_what_the_exporter_has_now(tmp_path: Path) -> None:
    lib = "export let client; export let n = 0\nexport const connect = () => { client = { name: 'c' }; n++ }"
    code = (
        "import * as all from './lib'; import { client, n as times, connect } from './lib'\n"
        "export { client, times as again }\nconst before = [client, times]\nconnect()\n"
        "export default () => ({ before, client, times, all: all.n })"
    )

    found = await exports_of(tmp_path, {"main.js": code, "lib.js": lib})

    after = {"before": [None, 0], "client": {"name": "c"}, "times": 1, "all": 1}
    assert found == {"client": {"name": "c"}, "again": 1, "default": after}


async def test_modules_may_import_each_other(tmp_path: Path) -> None:
    files = {
        "main.js": "import { even } from './even'\nexport default even(5)",
        "even.js": "import odd from './odd'\nexport const even = (n) => n === 0 || odd(n - 1)",
        "odd.js": "import { even } from './even'\nexport default (n) => n !== 0 && even(n - 1)",
    }

    found = await exports_of(tmp_path, files)

    assert found == {"default": False}


async def test_an_import_cannot_be_given_another_value(tmp_path: Path) -> None:
    code = "import { a } from './lib'\nexport default () => { try { a = 2 } catch (e) { return e.name } }"

    found = await exports_of(tmp_path, {"main.js": code, "lib.js": LIB})

    assert found["default"] == "TypeError"


@pytest.mark.parametrize(("kind", "suffix"), [("commonjs", ""), ("module", ".ts")])
async def test_a_node_that_strips_types_runs_what_the_compiler_would(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    lib = """export enum Size { Small = 'small' }
export interface Client { name: string }
export let client: Client | undefined
export const connect = async (): Promise<void> => { client = { name: 'c' } }
"""
    main = f"""import {{ Context, HttpRequest }} from '@azure/no-such-package'
import {{
  client, // until it is connected there is none
  Client, connect, Size,
}} from '../lib/shop{suffix}'
export default async function (context: Context, request: HttpRequest): Promise<void> {{
  await connect()
  if ((request.query as any).fail) throw new Error('no')
  const found: Client = client
  context.res = {{ body: [found.name, Size.Small].join() }}
}}
"""
    files = {
        "package.json": json.dumps({"type": kind}),
        "f/index.ts": main,
        "lib/shop.ts": lib,
    }
    async with node_app(tmp_path, files, node_that_strips_types()) as node:
        loaded = await node.load(script_file="f/index.ts")
        result = await node.invoke()
        failed = await node.invoke("f", ("req", {"http": request(query={"fail": "no"})}))

    assert loaded["op"] == "loaded", loaded
    assert body_of(result) == "c,small"
    assert (failed["file"], failed["line"]) == (str(tmp_path / "f/index.ts"), 8)


WITHOUT = """
import { withoutTypeImports } from '%s/type_imports.mjs';
console.log(JSON.stringify(withoutTypeImports(process.argv[1])));
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import { app, T } from 'x'\napp()", "import { app as app } from 'x'\napp()"),
        ("import { T } from 'x'\nimport 'y'", ";\nimport 'y'"),
        ("import D, { T } from 'x' with { a: 'b' };\nD()", "import D from 'x' with { a: 'b' };\nD()"),
        ("import D, * as all from 'x'\nall()", "import * as all from 'x'\nall()"),
        ("import {\n  a,\n  T\n} from 'x'\nexport { a, U }", "import { a as a } from \n\n\n'x'\nexport { a as a };"),
        ("import { 'a b' as c, T } from 'x'\nc()", "import { \"a b\" as c } from 'x'\nc()"),
        ("import { a } from 'x'\nexport { T } from 'y'\na()", "import { a } from 'x'\nexport { T } from 'y'\na()"),
    ],
)  # fmt: skip
async def test_imports_of_types_go(code: str, expected: str) -> None:
    node = await find_node()
    process = await asyncio.create_subprocess_exec(
        node.path,
        "--input-type=module",
        "-e",
        WITHOUT % NODE,
        code,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    assert json.loads(out) == expected
