"""ES modules in TypeScript that was not compiled: by the app's own compiler, on any Node.js."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.host_world import running
from tests.contract.test_apps import app, get
from tests.contract.test_load_places import package, place
from tests.contract.test_reloading import saved, watched

UTIL = "export enum Size { Small = 'small' }\nexport const said = (): string => 'one';\n"
MAIN = """import { app, type HttpRequest } from '@azure/functions';
import { said, Size } from '../lib/util.js';

app.get('a', {
  handler: async (request: HttpRequest) => {
    if (request.query.has('fail')) throw new Error('no');
    return { body: `${said()} ${Size.Small} ${import.meta.url.endsWith('/a.ts')}` };
  },
});
"""
FILES = {
    "package.json": package("src/functions/*.ts", ', "type": "module"'),
    "tsconfig.json": '{"compilerOptions": {"module": "NodeNext", "outDir": "dist"}}',
    "src/functions/a.ts": MAIN,
    "src/lib/util.ts": UTIL,
}


async def test_they_run_and_errors_name_the_source(tmp_path: Path) -> None:
    async with running(tmp_path, app() | FILES) as world:
        answer = await get(world, "/api/a")
        await get(world, "/api/a?fail=1")
        (problem,) = list(world.host.recorder)[-1].problems
        plan = world.host.version.plan("a")
        assert plan is not None
        registered = plan.function.locate("")

    assert answer == (200, "one small true")
    assert place(problem) == "src/functions/a.ts:6:42"
    assert (registered.file, registered.line) == ("src/functions/a.ts", 4)


async def test_a_change_is_live_and_a_broken_one_names_its_place(tmp_path: Path) -> None:
    async with watched(tmp_path, app() | FILES) as world:
        await world.lines.containing("TypeScript compiler is kept ready")
        await saved(world, "src/lib/util.ts", UTIL.replace("one", "two"), "Reloaded in")
        answer = await get(world, "/api/a")
        said = await saved(world, "src/lib/util.ts", "const x: = 1;", "The change was not taken")

    assert answer == (200, "two small true")
    assert "src/lib/util.ts:1:10" in said
