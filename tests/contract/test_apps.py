"""What an app asks of the host beyond one call: time limits, retries, timers, more processes, blueprints, pages."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tests.conformance.host_world import World, running

REQ = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
RES = {"type": "http", "direction": "out", "name": "res"}
RET = {"type": "http", "direction": "out", "name": "$return"}


def app(host: dict[str, Any] | None = None, **files: str) -> dict[str, str]:
    return {"host.json": json.dumps({"version": "2.0", **(host or {})}), **files}


def javascript(name: str, code: str, *bindings: dict[str, Any], **top: Any) -> dict[str, str]:
    document = {"bindings": [*(bindings or (REQ, RES))], **top}
    return {f"{name}/function.json": json.dumps(document), f"{name}/index.js": code}


def python(name: str, code: str, *bindings: dict[str, Any], **top: Any) -> dict[str, str]:
    document = {"bindings": [*(bindings or (REQ, RET))], **top}
    return {f"{name}/function.json": json.dumps(document), f"{name}/__init__.py": code}


async def get(world: World, path: str) -> tuple[int, str]:
    answer = await world.request({"method": "GET", "path": path})
    return answer.status, answer.body.decode()


async def ended(world: World, count: int) -> list[str]:
    """The outcomes of the first invocations, once so many have ended."""
    while True:
        outcomes = [trace.outcome for trace in world.host.recorder if trace.outcome != "running"]
        if len(outcomes) >= count:
            return outcomes[:count]
        world.ended.clear()
        await world.ended.wait()


async def test_a_stuck_handler_ends_at_function_timeout_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    files = app({"functionTimeout": "00:00:01"})
    files |= javascript("spin", "module.exports = async () => { for (;;) {} }")
    files |= javascript("fine", "module.exports = async (c) => { c.res = { body: 'ok' } }")
    files |= python("wait", "import threading\ndef main(req):\n    threading.Event().wait()\n")
    files |= python("well", "def main(req):\n    return 'ok'\n")
    async with running(tmp_path, files) as world:
        stuck = await asyncio.gather(get(world, "/api/spin"), get(world, "/api/wait"))
        after = await asyncio.gather(get(world, "/api/fine"), get(world, "/api/well"))
        logs = "\n".join(world.logs)

    assert stuck == [(500, ""), (500, "")]
    assert after == [(200, "ok"), (200, "ok")]
    assert "Timeout value of 00:00:01 was exceeded by function: Functions.spin" in logs
    assert "threading.Event().wait()" in logs
    assert "spin/index.js" in logs


async def test_a_handler_that_is_stuck_within_the_system_is_told_with_what_it_waits_for(
    tmp_path: Path,
) -> None:
    files = app({"functionTimeout": "00:00:01"})
    code = "const { %s } = require('%s');\nmodule.exports = async () => { %s }"
    files |= javascript("reads", code % ("readFileSync", "fs", "readFileSync('orders')"))
    wait = "execSync('cat < orders')"
    files |= javascript("runs", code % ("execSync", "child_process", wait))
    both = "spawn('cat', ['orders', process.env.API_KEY]); require('fs').readFileSync('orders')"
    files |= javascript("starts", code % ("spawn", "child_process", both))
    (tmp_path / "app").mkdir()
    os.mkfifo(tmp_path / "app" / "orders")
    async with running(tmp_path, files, {"API_KEY": "tea-and-biscuits-7"}) as world:
        problems = {}
        for name in ("reads", "runs", "starts"):
            assert await get(world, f"/api/{name}") == (500, "")
            (problems[name],) = list(world.host.recorder)[-1].problems

    assert {problem.code for problem in problems.values()} == {"FJ0507"}
    assert "There is no stack" in problems["reads"].why
    assert "opens orders, a named pipe whose other end gives nothing" in problems["reads"].why
    assert "runs/index.js:2:32" in problems["runs"].why
    assert "at execSync (node:child_process)" in problems["runs"].why
    assert "cat orders *** (pid " in problems["starts"].why


async def test_a_timer_fires_and_is_retried_as_its_policy_says(tmp_path: Path) -> None:
    timer = {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 0 1 1 *"}
    code = """let tries = 0;
module.exports = async (context) => {
  context.log('retry', JSON.stringify(context.executionContext.retryContext?.retryCount));
  if (tries++ < 2) throw new Error('not yet');
}"""
    retry = {"strategy": "fixedDelay", "maxRetryCount": 4, "delayInterval": "00:00:00"}
    files = app() | javascript("f", code, timer | {"runOnStartup": True}, retry=retry)
    async with running(tmp_path, files) as world:
        outcomes = await ended(world, 3)
        tries = [line for line in world.logs if line.startswith("retry ")]

    assert outcomes == ["failed", "failed", "succeeded"]
    assert tries == ["retry undefined", "retry 1", "retry 2"], "the first try is none"


async def test_a_timer_of_each_second_goes_on_after_a_failure(tmp_path: Path) -> None:
    timer = {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "* * * * * *"}
    code = "count = []\ndef main(t):\n    count.append(1)\n    assert len(count) > 1\n"
    async with running(tmp_path, app() | python("f", code, timer)) as world:
        outcomes = await ended(world, 2)

    assert outcomes == ["failed", "succeeded"]


async def test_calls_are_spread_over_the_processes_that_a_setting_asks_for(tmp_path: Path) -> None:
    code = """module.exports = async (context, req) => {
  context.log('in', process.pid);
  if (req.query.wait) await new Promise(() => {});
  context.res = { body: String(process.pid) };
}"""
    environment = {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"}
    async with running(tmp_path, app() | javascript("f", code), environment) as world:
        waiting = asyncio.create_task(get(world, "/api/f?wait=1"))
        busy = (await world.lines.containing("in ")).removeprefix("in ")
        _, other = await get(world, "/api/f")
        waiting.cancel()

    assert {busy, other} != {busy}


async def test_python_blueprints_routes_and_retry(tmp_path: Path) -> None:
    files = app() | {
        "function_app.py": "import azure.functions as func\nfrom shop.orders import orders\n"
        "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n"
        "app.register_functions(orders)\n\n@app.route()\ndef plain(req):\n    return 'plain'\n",
        "shop/__init__.py": "",
        "shop/orders.py": "import azure.functions as func\norders = func.Blueprint()\n\n"
        "@orders.route(route='orders/{id:int}', methods=['GET'])\n"
        "@orders.generic_output_binding(arg_name='sent', type='signalR', hub_name='shop')\n"
        "def order(req: func.HttpRequest, sent: func.Out[str]) -> func.HttpResponse:\n"
        '    sent.set(\'{"target": "t", "arguments": []}\')\n'
        "    return func.HttpResponse(req.route_params['id'])\n",
    }
    async with running(tmp_path, files) as world:
        assert await get(world, "/api/plain") == (200, "plain")
        assert await get(world, "/api/orders/7") == (200, "7")
        assert world.sent() == {"sent": '{"target": "t", "arguments": []}'}
        assert (await get(world, "/api/orders/x"))[0] == 404
        order = world.host.version.plan("order")
        assert order is not None
        assert order.function.locate("").file == "shop/orders.py"


async def test_a_page_at_the_root_and_files_below_it(tmp_path: Path) -> None:
    code = """const fs = require('fs');
module.exports = async (context, req) => {
  const path = req.params.path || 'index.html';
  context.res = { headers: { 'content-type': path.endsWith('.css') ? 'text/css' : 'text/html' },
                  body: fs.readFileSync(`www/${path}`) };
}"""
    files = app({"extensions": {"http": {"routePrefix": ""}}})
    files |= javascript("pages", code, REQ | {"route": "{*path}", "methods": ["get"]}, RES)
    files |= javascript("api", "module.exports = async (c) => { c.res = { body: 'api' } }")
    files |= {"www/index.html": "<h1>hi</h1>", "www/css/a.css": "b {}"}
    async with running(tmp_path, files) as world:
        root = await world.request({"method": "GET", "path": "/"})
        style = await world.request({"method": "GET", "path": "/css/a.css"})
        # By name, api comes first; and what the host keeps for itself stays its own.
        assert await get(world, "/api") == (200, "api")
        assert (await get(world, "/admin/host/ping"))[0] == 200

    assert (root.status, root.body, root.headers["content-type"]) == (
        200,
        b"<h1>hi</h1>",
        "text/html",
    )
    assert (style.status, style.body) == (200, b"b {}")


async def test_handlers_know_where_their_host_is(tmp_path: Path) -> None:
    code = "import os\ndef main(req):\n    return os.environ['WEBSITE_HOSTNAME']\n"
    settings = {"IsEncrypted": False, "Values": {}, "Host": {"LocalHttpAddress": "127.0.0.2"}}
    files = app() | python("f", code) | {"local.settings.json": json.dumps(settings)}
    async with running(tmp_path, files) as world:
        status, host = await get(world, "/api/f")

        assert (status, f"http://{host}") == (200, world.host.url)
        assert host.startswith("127.0.0.2:")


async def test_only_the_functions_that_are_asked_for_load(tmp_path: Path) -> None:
    files = app() | python("a", "def main(req):\n    return 'a'\n")
    files |= python("b", "def main(req):\n    return 'b'\n")
    async with running(tmp_path, files, functions=("B",)) as world:
        assert await get(world, "/api/b") == (200, "b")
        assert (await get(world, "/api/a"))[0] == 404


async def test_a_database_trigger_is_fired_by_hand(tmp_path: Path) -> None:
    trigger = {
        "type": "cosmosDBTrigger",
        "direction": "in",
        "name": "documents",
        "databaseName": "d",
        "collectionName": "c",
        "connectionStringSetting": "Cosmos",
    }
    code = "module.exports = async (context, documents) => { context.log('got', documents[0].id) }"
    async with running(tmp_path, app() | javascript("f", code, trigger)) as world:
        body = json.dumps({"input": json.dumps([{"id": "x"}])})
        fired = await world.request({"method": "POST", "path": "/admin/functions/f", "body": body})
        trace = await world.invoked()

    assert fired.status == 202
    assert trace.outcome == "succeeded"
    assert "got x" in world.logs
