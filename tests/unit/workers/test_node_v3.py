"""Handlers of function.json apps run in a real node process."""

from __future__ import annotations

from pathlib import Path

from tests.unit.workers.node_driver import body_of, node_app


async def test_an_async_handler_answers_through_context_res(tmp_path: Path) -> None:
    code = "module.exports = async function (context, req) { context.res = { body: req.method } }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        assert await node.load() == {"op": "loaded", "id": "load-1"}
        result = await node.invoke()

    assert body_of(result) == "GET"
