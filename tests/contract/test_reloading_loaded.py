"""What an app has loaded is watched, wherever it lies: in a monorepo, behind links, and what is no code by its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.conformance.host_world import running
from tests.contract.test_apps import app, get, javascript, python
from tests.contract.test_reloading import V4, saved

LINK = "link to "
SHARED = {
    "packages/shared/package.json": '{"name": "@org/shared", "exports": {".": {"import": "./lib/index.mjs", '
    '"require": "./lib/index.cjs"}, "./*": "./lib/*.mjs"}}',
    "app/node_modules/@org/shared": f"{LINK}../../../packages/shared",
}


def v3(require: str) -> dict[str, str]:
    code = (
        f"const text = {require};\nmodule.exports = async (c) => {{ c.res = {{ body: text }} }};\n"
    )
    return _inside(javascript("h", code))


def v3_module(*imports: str) -> dict[str, str]:
    code = "\n".join((*imports, "export default async (c) => { c.res = { body: text } };\n"))
    return _inside(
        {key.replace("index.js", "index.mjs"): text for key, text in javascript("h", code).items()}
    )


def v1(*lines: str, at_call: str = "pass") -> dict[str, str]:
    code = "\n".join((*lines, "def main(req):", f"    {at_call}", "    return TEXT", ""))
    return _inside(python("h", code))


def v4_typescript(line: str) -> dict[str, str]:
    code = f"{line}\nimport {{ app }} from '@azure/functions';\napp.get('h', {{ handler: async () => ({{ body: text }}) }});\n"
    return _inside({"package.json": V4 % "tsx", "src/a.tsx": code})


def _inside(files: Mapping[str, str]) -> dict[str, str]:
    return {f"app/{name}": text for name, text in (app() | files).items()}


# The files of a tree with an app in it, the file that changes, and its text for what the function answers.
LOADED: dict[str, tuple[dict[str, str], str, str]] = {
    "a file above the app": (
        v3("require('../../libs/lib')"),
        "libs/lib.js",
        "module.exports = '%s';",
    ),
    "a package of a workspace": (
        v3("require('@org/shared')") | SHARED,
        "packages/shared/lib/index.cjs",
        "module.exports = '%s';",
    ),
    "what a package of a workspace loads": (
        v3("require('@org/shared')")
        | SHARED
        | {"packages/shared/lib/index.cjs": "module.exports = require('../more').text;"},
        "packages/shared/more.js",
        "exports.text = '%s';",
    ),
    "a linked folder": (
        v3("require('../linked/lib')") | {"app/linked": f"{LINK}../libs"},
        "libs/lib.js",
        "module.exports = '%s';",
    ),
    "an es module above the app": (
        v3_module("import { text } from '../../libs/lib.mjs';"),
        "libs/lib.mjs",
        "export const text = '%s';",
    ),
    "what an es module above the app imports": (
        v3_module("import {", "  text, // of another", "} from '../../libs/lib.mjs';")
        | {"libs/lib.mjs": "export * from './deep/more.mjs';"},
        "libs/deep/more.mjs",
        "export const text = '%s';",
    ),
    "commonjs that an es module imports": (
        v3_module("import text from '../../libs/lib.cjs';")
        | {"libs/lib.cjs": "module.exports = require('./more.cjs');"},
        "libs/more.cjs",
        "module.exports = '%s';",
    ),
    "an es module of a workspace": (
        v3_module("import { text } from '@org/shared';") | SHARED,
        "packages/shared/lib/index.mjs",
        "export const text = '%s';",
    ),
    "an es module within a package of a workspace": (
        v3_module("import { text } from '@org/shared/words';") | SHARED,
        "packages/shared/lib/words.mjs",
        "export const text = '%s';",
    ),
    "an es module that is imported later": (
        v3_module("const { text } = await import('../../libs/lib.mjs');"),
        "libs/lib.mjs",
        "export const text = '%s';",
    ),
    "typescript above the app": (
        v4_typescript("import { text } from '../../libs/lib';"),
        "libs/lib.ts",
        "export const text: string = '%s';",
    ),
    "tsx": (
        v4_typescript("import { text } from './text';"),
        "app/src/text.tsx",
        "export const text: string = '%s';",
    ),
    "a python module above the app": (
        v1("import sys", "sys.path.insert(0, '../libs')", "from lib import TEXT"),
        "libs/lib.py",
        "TEXT = '%s'\n",
    ),
    "a linked python package": (
        v1("from shared.lib import TEXT") | {"app/shared": f"{LINK}../libs"},
        "libs/lib.py",
        "TEXT = '%s'\n",
    ),
    "a module of a python path": (
        v1("from lib import TEXT")
        | {"app/local.settings.json": '{"Values": {"PYTHONPATH": "../libs"}}'},
        "libs/lib.py",
        "TEXT = '%s'\n",
    ),
    "a python module that is imported in a call": (
        v1("import sys", "sys.path.insert(0, '../libs')", at_call="from lib import TEXT"),
        "libs/lib.py",
        "TEXT = '%s'\n",
    ),
    "a module that is loaded in a call": (
        _inside(
            javascript(
                "h",
                "module.exports = async (c) => { c.res = { body: require('../../libs/lib') } };",
            )
        ),
        "libs/lib.js",
        "module.exports = '%s';",
    ),
}


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith(LINK):
            (root / name).symlink_to(text.removeprefix(LINK))
        else:
            (root / name).write_text(text, encoding="utf-8")


def of_app(files: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("app/"): text
        for name, text in files.items()
        if name.startswith("app/") and not text.startswith(LINK)
    }


@pytest.mark.parametrize("name", LOADED)
async def test_a_change_of_what_was_loaded_is_live(tmp_path: Path, name: str) -> None:
    files, file, text = LOADED[name]
    write(tmp_path, {**files, file: text % "1"})
    async with running(tmp_path, of_app(files), reload=True) as world:
        answers = [await get(world, "/api/h")]
        # Of one size and within a second, so that no compiled file that lies about will do.
        for said in ("2", "3"):
            line = await saved(world, f"../{file}", text % said, "File change detected")
            await world.lines.containing("Reloaded in")
            answers.append(await get(world, "/api/h"))

    assert answers == [(200, "1"), (200, "2"), (200, "3")]
    assert Path(line.rpartition(" ")[2]).name == Path(file).name
    assert line.count(Path(file).name) == 1


async def test_data_that_an_app_requires_and_writes_is_no_change(tmp_path: Path) -> None:
    code = """const fs = require('fs');
const path = require.resolve('../data.json');
const data = require(path);
module.exports = async (context) => {
  data.calls += 1;
  fs.writeFileSync(path, JSON.stringify(data));
  context.res = { body: String(data.calls) };
};
"""
    files = v3("1") | {"app/h/index.js": code, "app/data.json": '{"calls": 0}'}
    write(tmp_path, files)
    async with running(tmp_path, of_app(files), reload=True) as world:
        calls = [await get(world, "/api/h") for _ in range(2)]
        line = await saved(world, "h/index.js", code + "\n", "File change detected")

    assert calls == [(200, "1"), (200, "2")]
    assert line.endswith("File change detected: h/index.js")


BROKEN = {
    "javascript": ("a file above the app", "module.exports = ;"),
    "es modules": ("an es module above the app", "export const text = ;"),
    "python": ("a python module above the app", "TEXT = "),
    "python that raises": ("a python module above the app", "raise RuntimeError('no')"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_could_not_be_loaded_is_live_once_it_is_mended(
    tmp_path: Path, name: str
) -> None:
    which, broken = BROKEN[name]
    files, file, text = LOADED[which]
    write(tmp_path, {**files, file: broken})
    async with running(tmp_path, of_app(files), reload=True) as world:
        before = await get(world, "/api/h")
        await saved(world, f"../{file}", text % "mended", "Reloaded in")
        after = await get(world, "/api/h")

    assert before[0] == 500
    assert after == (200, "mended")
