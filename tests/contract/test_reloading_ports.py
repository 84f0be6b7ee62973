"""An app that opens a port at its start: the running version lets it go for the changed one."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from tests.conformance.host_world import running
from tests.contract.test_apps import app, get, javascript, python
from tests.contract.test_reloading import NOT_TAKEN, V4, saved, v2, v3, v4

LISTEN_JS = "require('node:http').createServer((q, s) => s.end()).listen(%d, '127.0.0.1');\n"
LISTEN_PY = "import socket\nopened = socket.create_server(('127.0.0.1', %d))\n"
SLOW = """import pathlib, time
def main(req):
    print('slow runs')
    while not pathlib.Path('%s').exists():
        time.sleep(0.01)
    return 'done'
"""
V1 = "def main(req):\n    return '%s'\n"

# Files, the one that changes, and its text for what the function answers.
APPS = {
    "javascript v4": ({"package.json": V4 % "js"}, "src/h.js", LISTEN_JS + v4("h", "%s")),
    "javascript v3": (javascript("h", ""), "h/index.js", LISTEN_JS + v3("%s")),
    "python v1": (python("h", ""), "h/__init__.py", LISTEN_PY + V1),
    "python v2": ({}, "function_app.py", LISTEN_PY + v2(h="%s")),
}


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("name", APPS)
async def test_a_change_is_live_though_the_version_before_has_the_port(
    tmp_path: Path, port: int, name: str
) -> None:
    files, file, text = APPS[name]
    async with running(
        tmp_path, app() | files | {file: text % (port, "first")}, reload=True
    ) as world:
        answers = [await get(world, "/api/h")]
        for said in ("second", "third"):
            await saved(world, file, text % (port, said), "Reloaded in")
            answers.append(await get(world, "/api/h"))
        logs = "\n".join(world.logs)

    assert answers == [(200, said) for said in ("first", "second", "third")]
    assert "it ends first" in logs
    assert NOT_TAKEN not in logs


async def test_calls_that_run_end_and_calls_that_come_wait(tmp_path: Path, port: int) -> None:
    files, file, text = APPS["python v1"]
    gate = tmp_path / "gate"
    slow = SLOW % str(gate)
    async with running(
        tmp_path,
        app() | files | python("slow", slow) | {file: text % (port, "first")},
        reload=True,
    ) as world:
        runs = asyncio.create_task(get(world, "/api/slow"))
        await world.lines.containing("slow runs")
        await saved(world, file, text % (port, "second"), "it ends first")
        comes = asyncio.create_task(get(world, "/api/h"))
        gate.touch()
        await world.lines.containing("Reloaded in")
        answers = [await runs, await comes]

    assert answers == [(200, "done"), (200, "second")]


@pytest.mark.parametrize("name", ["python v1", "python v2"])
async def test_a_change_that_fails_in_another_way_says_what_runs(
    tmp_path: Path, port: int, name: str
) -> None:
    files, file, text = APPS[name]
    async with running(
        tmp_path, app() | files | {file: text % (port, "first")}, reload=True
    ) as world:
        broken = text % (port, "no") + "raise RuntimeError('not today')\n"
        said = await saved(world, file, broken, "not today")
        during = await get(world, "/api/h")
        await saved(world, file, text % (port, "mended"), "Reloaded in")
        after = await get(world, "/api/h")

    assert NOT_TAKEN not in said
    assert "no function runs" in said or "'h' is in error" in said
    assert during[0] == 500
    assert after == (200, "mended")


@pytest.mark.parametrize("name", APPS)
async def test_a_port_of_another_program_ends_no_version(tmp_path: Path, name: str) -> None:
    files, file, text = APPS[name]
    without = text.partition("\n")[2] if file.endswith("js") else text.split("\n", 2)[2]
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        async with running(
            tmp_path, app() | files | {file: without % "first"}, reload=True
        ) as world:
            await saved(world, file, text % (taken, "second"), NOT_TAKEN)
            logs = "\n".join(world.logs)
            answer = await get(world, "/api/h")

    assert "ss -ltnp" in logs
    assert answer == (200, "first")
