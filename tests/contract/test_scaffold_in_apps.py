"""`funcjson new` and `init` where an app, or a package, is already: what they add runs, and what ran before still does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.host_world import World, running
from tests.contract.test_apps import app, get, javascript
from tests.contract.test_reloading import typescript, v4
from tests.unit.workers.node_driver import with_packages

from funcjson.errors import AppLoadError, Severity
from funcjson.scaffold import TEMPLATES, init_app, new_function

LIBRARY = {"@azure/functions": "^4.0.0"}
MODULE = (
    v4("old", "old")
    .replace("const { app } = require(", "import { app } from ")
    .replace("');\napp.get", "';\napp.get", 1)
)


def package(main: str | None = None, **more: Any) -> dict[str, str]:
    members = {"name": "mine", "dependencies": LIBRARY, **more}
    return {"package.json": json.dumps(members | ({"main": main} if main else {}), indent=2)}


def tsconfig(**options: str) -> dict[str, str]:
    return {"tsconfig.json": f'{{ // mine\n  "compilerOptions": {json.dumps(options)}\n}}'}


def write(root: Path, files: dict[str, str]) -> Path:
    folder = root / "app"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text("utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def errors(world: World) -> list[str]:
    return [p.what for p in world.problems() if p.severity is Severity.ERROR]


OLD = v4("old", "old")
TS = typescript("old", "old")
# An app, and the file that a function called "added" becomes in it.
APPS = {
    "commonjs": (
        package("src/functions/*.js") | {"src/functions/old.js": OLD},
        "src/functions/added.js",
    ),
    "es modules": (
        package("src/functions/*.js", type="module") | {"src/functions/old.js": MODULE},
        "src/functions/added.js",
    ),
    "es modules by suffix": (
        package("src/functions/*.mjs") | {"src/functions/old.mjs": MODULE},
        "src/functions/added.mjs",
    ),
    "commonjs by suffix": (
        package("src/functions/*.cjs", type="module") | {"src/functions/old.cjs": OLD},
        "src/functions/added.cjs",
    ),
    "a package.json of the folder": (
        package("src/functions/*.js")
        | {"src/package.json": '{"type": "module"}', "src/functions/old.js": MODULE},
        "src/functions/added.js",
    ),
    "an entry file and a pattern": (
        package("src/{index.js,functions/*.js}") | {"src/index.js": OLD},
        "src/functions/added.js",
    ),
    "a folder a function": (
        package("src/functions/*/index.js") | {"src/functions/old/index.js": OLD},
        "src/functions/added/index.js",
    ),
    "any depth": (
        package("src/**/*.js") | {"src/functions/old.js": OLD},
        "src/functions/added.js",
    ),
    "any depth elsewhere": (package("fns/**/*.js") | {"fns/old.js": OLD}, "fns/added.js"),
    "all but tests": (
        package("src/functions/!(*.test).js") | {"src/functions/old.js": OLD},
        "src/functions/added.js",
    ),
    "an ending of its own": (
        package("./src/*.function.js") | {"src/old.function.js": OLD},
        "src/added.function.js",
    ),
    "a folder": (
        package("src/functions") | {"src/functions/old.js": OLD},
        "src/functions/added.js",
    ),
    "typescript": (
        package("dist/src/functions/*.js")
        | tsconfig(outDir="dist", rootDir=".")
        | {"src/functions/old.ts": TS},
        "src/functions/added.ts",
    ),
    "typescript without functions": (
        package("dist/src/functions/*.js") | tsconfig(outDir="dist", rootDir="."),
        "src/functions/added.ts",
    ),
    "typescript below src": (
        package("dist/{index,functions/*}.js")
        | tsconfig(outDir="./dist", rootDir="./src")
        | {"src/index.ts": TS},
        "src/functions/added.ts",
    ),
    "typescript without a configuration": (
        package("dist/functions/*.js") | {"src/functions/old.ts": TS},
        "src/functions/added.ts",
    ),
    "typescript as it stands": (
        package("src/functions/*.ts") | {"src/functions/old.ts": TS},
        "src/functions/added.ts",
    ),
    "folders of es modules": (
        package(type="module", dependencies={})
        | javascript("old", "export default async (context) => { context.res = { body: 'old' } }"),
        "added/index.js",
    ),
    "folders of typescript": (
        package(dependencies={"@azure/functions": "^3.0.0"})
        | javascript("old", "", scriptFile="../dist/old/index.js")
        | {"old/index.ts": "export default async (c: any) => { c.res = { body: 'old' } };\n"},
        "added/index.ts",
    ),
    "folders beside a main that is no part of the app": (
        package("index.js", dependencies={})
        | javascript("old", "module.exports = async (c) => { c.res = { body: 'old' } }"),
        "added/index.js",
    ),
}


@pytest.mark.parametrize("name", APPS)
async def test_a_function_that_is_added_runs_and_so_do_the_others(
    tmp_path: Path, name: str
) -> None:
    files, file = APPS[name]
    files = {key: text for key, text in files.items() if key != "old/index.js" or text}
    folder = write(tmp_path, app() | files)

    made = new_function(folder, "added", "http", None, {})
    async with running(tmp_path, texts(folder)) as world:
        added = await get(world, "/api/added?name=Ann")
        old = await get(world, "/api/old")
        found = errors(world)

    assert file in made.created
    assert added == (200, "Hello, Ann!")
    assert old == ((200, "old") if "old" in str(files.values()) else (404, ""))
    assert found == []


def test_every_template_passes_the_strict_typescript_compiler(tmp_path: Path) -> None:
    options = {"module": "commonjs", "target": "es2022", "outDir": "dist", "rootDir": "."}
    strict = {"strict": True, "skipLibCheck": True, "types": []}
    config = {"compilerOptions": options | strict, "include": ["src", "*/index.ts"]}
    v4_app = package("dist/src/functions/*.js") | {"tsconfig.json": json.dumps(config)}
    v3_app = (
        package(dependencies={"@azure/functions": "^3.0.0"})
        | {"tsconfig.json": json.dumps(config), "old/index.ts": ""}
        | javascript("old", "", scriptFile="../dist/old/index.js")
    )
    del v3_app["old/index.js"]
    for place, files in (("v4", v4_app), ("v3", v3_app)):
        folder = write(tmp_path / place, app() | files)
        with_packages(folder)
        for template in TEMPLATES:
            new_function(folder, f"my-{template}", template, None, {})

        tsc = folder / "node_modules/typescript/bin/tsc"
        done = subprocess.run(
            ["node", str(tsc), "-p", str(folder)], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stdout) == (0, "")


# Packages as `npm init` and others leave them, and what init is told.
PACKAGES: dict[str, tuple[dict[str, str], str]] = {
    "npm init": ({"package.json": '{\n    "name": "np",\n    "main": "index.js"\n}\n'}, "v4"),
    "without a main": ({"package.json": '{"name":"ne","scripts":{"x":"y"}}'}, "v4"),
    "es modules": (package(type="module", dependencies={}), "v4"),
    "typescript": (
        package(devDependencies={"typescript": "^5.0.0"}) | tsconfig(outDir="out", rootDir="src"),
        "v4",
    ),
    "with a pattern": (package("fns/*.js"), "v4"),
    "v3": (package(dependencies={}), "v3"),
    "v3 in es modules": (package("index.js", type="module", dependencies={}), "v3"),
    "python v1": (package("index.js", dependencies={}), "v1"),
    "python v2": (package("index.js", dependencies={}), "v2"),
}


@pytest.mark.parametrize("name", PACKAGES)
async def test_an_app_that_is_made_around_a_package_has_a_function_that_runs(
    tmp_path: Path, name: str
) -> None:
    files, model = PACKAGES[name]
    folder = write(tmp_path, files)

    init_app(folder, None, model)
    async with running(tmp_path, texts(folder)) as world:
        answer = await get(world, "/api/hello?name=Ann")
        found = errors(world)

    before, after = json.loads(files["package.json"]), json.loads(texts(folder)["package.json"])
    assert answer == (200, "Hello, Ann!")
    assert found == []
    assert {**after, **before, "main": 0, "dependencies": 0} == {
        **after,
        "main": 0,
        "dependencies": 0,
    }, "what the package says of other things stays"
    if model == "v4":
        assert "@azure/functions" in after["dependencies"]
    else:
        assert after == before


# Apps in which nothing can be added, or not this name, and words of what is said.
REFUSED: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "a single file": (
        package("index.js") | {"index.js": OLD},
        "added",
        ('"main": "{index.js,src/functions/*.js}"',),
    ),
    "a single file in a folder": (
        package("./src/index.js") | {"src/index.js": OLD},
        "added",
        ('"main": "src/{index.js,functions/*.js}"',),
    ),
    "no main": (package() | {"src/functions/old.js": OLD}, "added", ("funcjson init",)),
    "a pattern of given names": (package("src/@(a|b).js"), "added", ("src/@(a|b).js",)),
    "a name in another file": (
        package("src/functions/*.js") | {"src/functions/all.js": f"\n{v4('hello', 'x')}"},
        "hello",
        ("src/functions/all.js:3",),
    ),
    "a name in other letters": (
        package("src/functions/*.js") | {"src/functions/hello.js": v4("hello", "x")},
        "Hello",
        ("src/functions/hello.js:2",),
    ),
    "a name in typescript": (
        package("dist/*.js") | {"src/all.ts": typescript("hello", "x")},
        "HELLO",
        ("src/all.ts:3",),
    ),
    "a folder in other letters": (javascript("hello", ""), "Hello", ("hello",)),
    "a blueprint": (
        {
            "function_app.py": "import azure.functions as func\napp = func.FunctionApp()\n",
            "more/bp.py": "import azure.functions as func\nbp = func.Blueprint()\n\n\n"
            "@bp.route('x')\ndef Hello(req):\n    return ''\n",
        },
        "hello",
        ("more/bp.py:6",),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_run_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    files, function, words = REFUSED[name]
    folder = write(tmp_path, app() | files)
    before = texts(folder)

    with pytest.raises(AppLoadError) as caught:
        new_function(folder, function, "http", None, {})

    assert texts(folder) == before
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_main_that_is_another_program_is_left_alone(tmp_path: Path) -> None:
    server = package("server.js", dependencies={"express": "^4"}) | {"server.js": "listen(80)\n"}
    folder = write(tmp_path, server)

    with pytest.raises(AppLoadError, match=r"server\.js") as caught:
        init_app(folder, "javascript", "v4")

    assert texts(folder) == server
    assert "funcjson init" in caught.value.problems[0].fix


def test_an_app_of_functions_in_code_gets_what_it_lacks_and_no_function(tmp_path: Path) -> None:
    files = package("src/functions/*.js") | {"src/functions/old.js": OLD}
    folder = write(tmp_path, files)

    made = init_app(folder)

    assert (made.model, "host.json" in made.created) == ("v4", True)
    assert {key: texts(folder)[key] for key in files} == files
    assert not [path for path in texts(folder) if "hello" in path]
