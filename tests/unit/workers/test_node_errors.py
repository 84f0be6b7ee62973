"""What a JavaScript error tells: its place in the source, the errors within it, and whatever can be thrown."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.node_driver import node_app, request, with_packages

from funcjson.workers.node import find_node


async def thrown_by(root: Path, files: dict[str, str], **load: Any) -> dict[str, Any]:
    async with node_app(root, files) as node:
        loaded = await node.load(**load)
        return await node.invoke() if loaded["op"] == "loaded" else loaded


def place(failed: dict[str, Any]) -> tuple[str, int, int]:
    return failed["file"], failed["line"], failed["column"]


@pytest.mark.parametrize(
    "value",
    [
        "{ get message() { throw new Error('mine') } }",
        "new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })",
        "Object.defineProperty(new Error('x'), 'stack', { get() { throw 3 } })",
        "Object.defineProperty(new Error('x'), 'message', { get() { throw 4 } })",
        "Object.assign(new Error('x'), { stack: {} })",
        "Object.assign(new Error('x'), { cause: new Proxy(new Error(), { get() { throw 5 } }) })",
        "Object.assign(new Error('x'), { errors: new Proxy([], { get() { throw 6 } }) })",
        "Object.assign(Object.create(null), { [Symbol.toPrimitive]: 1, message: {} })",
    ],
)
async def test_what_cannot_be_read_fails_its_call_only(tmp_path: Path, value: str) -> None:
    files = {
        "f/index.js": f"module.exports = async () => {{ throw {value} }}",
        "g/index.js": "module.exports = async (c) => { c.res = { body: 'ok' } }",
    }
    async with node_app(tmp_path, files) as node:
        await node.load("f")
        await node.load("g", script_file="g/index.js")
        failed = await node.invoke("f")
        after = await node.invoke("g")

    assert failed["op"] == "failed"
    assert failed["message"]
    assert after["op"] == "result"


async def test_json_that_user_code_replaces_is_still_json_for_the_host(tmp_path: Path) -> None:
    code = """module.exports = async (c) => {
  JSON.stringify = () => 'mine'; JSON.parse = () => 'mine';
  console.log('said'); c.res = { body: 'ok' };
};"""
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        result = await node.invoke()
        again = await node.invoke()

    assert (result["op"], again["op"]) == ("result", "result")


async def test_a_process_exit_that_user_code_replaces_keeps_no_worker_alive(tmp_path: Path) -> None:
    code = "setInterval(() => {}, 1000); module.exports = async () => { process.exit = () => {} }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        await node.invoke()
        node.hang_up()

        assert await asyncio.wait_for(node.process.wait(), 10) == 0


async def test_the_errors_within_an_error_are_told_and_give_the_place(tmp_path: Path) -> None:
    code = """const refuse = (why) => Promise.reject(why);
module.exports = async () => {
  await Promise.any([refuse('mirror A: 403'), refuse(new Error('mirror B', { cause: new Error('timeout') }))]);
};"""
    failed = await thrown_by(tmp_path, {"f/index.js": code})
    lines = failed["stack"].splitlines()

    assert failed["type"] == "AggregateError"
    assert lines[0] == "AggregateError: All promises were rejected"
    assert "  [errors]: mirror A: 403" in lines
    assert "  [errors]: Error: mirror B" in lines
    assert "  [cause]: Error: timeout" in lines
    line = code.splitlines()[2]
    assert place(failed) == (str(tmp_path / "f/index.js"), 3, line.index("new Error") + 1)


async def test_an_error_that_is_its_own_cause_ends(tmp_path: Path) -> None:
    code = "module.exports = async () => { const e = new Error('x'); e.cause = e; e.errors = [e]; throw e }"
    failed = await thrown_by(tmp_path, {"f/index.js": code})

    assert failed["stack"].count("Error: x") == 1


SOURCE = """interface Order { id: string }

type Fail = (order: Order) => never;

const fail: Fail = ({ id }) => { throw new Error(`no ${id}`); };

export default async function (context: { bindings: unknown }): Promise<void> {
    fail({ id: 'tea' });
}
"""
BUILD = """
const [, kind] = process.argv;
const ts = require('typescript'), fs = require('fs');
const { outputText, sourceMapText } = ts.transpileModule(fs.readFileSync('src/f/index.ts', 'utf8'), {
  fileName: 'index.ts', compilerOptions: { module: 'commonjs', target: 'es2020', sourceMap: true },
});
const map = JSON.stringify({ ...JSON.parse(sourceMapText), sources: ['../../src/f/index.ts'] });
const inline = 'data:application/json;base64,' + Buffer.from(map).toString('base64');
fs.mkdirSync('dist/f', { recursive: true });
fs.writeFileSync('dist/f/index.js', kind === 'inline' ? outputText.replace('index.js.map', inline) : outputText);
if (kind === 'file') fs.writeFileSync('dist/f/index.js.map', map);
"""


async def built(root: Path, kind: str = "file") -> None:
    """Compile the source of a function, as a build does."""
    with_packages(root)
    (root / "src/f").mkdir(parents=True)
    (root / "src/f/index.ts").write_text(SOURCE, encoding="utf-8")
    node = await find_node()
    process = await asyncio.create_subprocess_exec(node.path, "-e", BUILD, kind, cwd=root)
    assert await process.wait() == 0


@pytest.mark.parametrize("kind", ["file", "inline"])
async def test_the_place_in_compiled_code_is_that_of_the_source(tmp_path: Path, kind: str) -> None:
    await built(tmp_path, kind)
    failed = await thrown_by(tmp_path, {}, script_file="dist/f/index.js")

    source = tmp_path / "src/f/index.ts"
    lines = SOURCE.splitlines()
    assert place(failed) == (str(source), 5, lines[4].index("new Error") + 1)
    assert f"({source}:8:{lines[7].index('fail') + 1})" in failed["stack"]
    assert "dist" not in failed["stack"]


@pytest.mark.parametrize("wrong", ["no map", "not json", "no source"])
async def test_without_a_map_that_leads_to_a_file_the_place_is_that_of_the_build(
    tmp_path: Path, wrong: str
) -> None:
    await built(tmp_path)
    map_file = tmp_path / "dist/f/index.js.map"
    if wrong == "no map":
        map_file.unlink()
    elif wrong == "not json":
        map_file.write_text("<html>", encoding="utf-8")
    else:
        (tmp_path / "src/f/index.ts").unlink()
    failed = await thrown_by(tmp_path, {}, script_file="dist/f/index.js")

    compiled = (tmp_path / "dist/f/index.js").read_text(encoding="utf-8").splitlines()
    (line,) = [at for at, text in enumerate(compiled, 1) if "new Error" in text]
    assert place(failed)[:2] == (str(tmp_path / "dist/f/index.js"), line)


async def test_a_bundler_may_name_its_sources_by_an_url(tmp_path: Path) -> None:
    await built(tmp_path)
    map_file = tmp_path / "dist/f/index.js.map"
    made = json.loads(map_file.read_text(encoding="utf-8"))
    made["sources"] = ["webpack://my-app/./src/f/index.ts"]
    map_file.write_text(json.dumps(made), encoding="utf-8")
    failed = await thrown_by(tmp_path, {}, script_file="dist/f/index.js")

    assert place(failed)[:2] == (str(tmp_path / "src/f/index.ts"), 5)


async def test_frames_of_the_library_are_not_shown_by_the_name_of_its_source(
    tmp_path: Path,
) -> None:
    with_packages(tmp_path)
    code = """import { app } from '@azure/functions';
app.http('f', { handler: async (): Promise<never> => { throw new Error('no'); } });
"""
    files = {"package.json": '{"main": "src/*.ts"}', "src/f.ts": code}
    async with node_app(tmp_path, files) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        failed = await node.invoke("f", (name, {"http": request()}))
    frames = [line for line in failed["stack"].splitlines() if line.lstrip().startswith("at ")]

    assert frames == [
        f"    at handler ({tmp_path}/src/f.ts:2:{code.splitlines()[1].index('new') + 1})"
    ]


async def test_a_loop_that_only_a_library_keeps_busy_is_shown_with_its_frames(
    tmp_path: Path,
) -> None:
    files = {
        "node_modules/@azure/functions/spin.js": "module.exports = function spin() { for (;;); }",
        "f/index.js": """const spin = require('@azure/functions/spin');
module.exports = async () => { setImmediate(spin); await new Promise(() => {}); };""",
    }
    async with node_app(tmp_path, files, blocked_ms=100, blocked_log_ms=100) as node:
        await node.load()
        call = asyncio.ensure_future(node.invoke())
        line = await node.log_with("has been busy for")
        call.cancel()

    assert "at spin" in line["message"]
    assert "node_worker" not in line["message"]


async def test_of_the_modules_that_required_a_missing_one_only_the_users_are_named(
    tmp_path: Path,
) -> None:
    files = {"f/index.js": "require('../lib/a')", "lib/a.js": "require('./gone')"}
    failed = await thrown_by(tmp_path, files)

    assert f"- {tmp_path}/f/index.js" in failed["stack"]
    assert "handlers.mjs" not in failed["stack"]
