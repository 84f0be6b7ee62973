"""The REST surface, by its vectors: requests to a service in this process, and what each client
got.

A vector has `clients` (connected before the first step), `options` of the service, and `steps`. A
step is one of
{"do": "METHOD path?query", ...}, {"connect": {...}}, {"disconnect": name}, {"advance": seconds}.
`$A` in a path stands
for the connection id of client A. `token` is "sdk" (the default), "doc", "none", "expired",
"client",
"other key", "entra" (and "entra expired", "entra for management"), or an
audience. `receives` lists (target, arguments) per client since the step before.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.rest_world import World

from funcjson.signalr.rest_message import RestResponse, text_of_header
from funcjson.signalr.rest_routes import ROUTES

VECTORS = Path(__file__).parent / "vectors"


def read(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return rows


def check(step: dict[str, Any], response: RestResponse, world: World) -> None:
    assert response.status == step["status"], response
    for name, value in step.get("headers", {}).items():
        found = text_of_header(response.headers.get(name, ""))
        assert re.search(value, found), (name, found)
    if "code" in step:
        assert response.headers["x-ms-error-code"] == step["code"]
        if not step["do"].startswith("HEAD"):
            problem = json.loads(response.body)
            assert problem["code"] == step["code"]
            assert problem["status"] == step["status"]
            assert problem["message"] == problem["detail"]
            assert step.get("says", "") in problem["message"]
            assert problem.get("fix") or step["status"] == 404
    if "json" in step:
        assert json.loads(world.filled(json.dumps(step["json"]))) == json.loads(response.body)
    if step.get("empty", step["do"].startswith("HEAD")):
        assert response.body == b""


@pytest.mark.parametrize(
    "vector", [pytest.param(each, id=each["title"]) for each in read("rest_api.json")]
)
async def test_rest(vector: dict[str, Any]) -> None:
    world = World(vector)
    for step in vector["steps"]:
        if "do" in step:
            check(step, await world.do(step), world)
        elif "connect" in step:
            world.connect(step["connect"])
        elif "disconnect" in step:
            client = world.clients[step["disconnect"]]
            world.service.sessions.lost(client.session, client.transport, None)
        elif "opens stream" in step:
            for name, (call, target) in step["opens stream"].items():
                world.clients[name].open_stream(call, target)
        else:
            world.clock.now += step["advance"]
            world.service.sessions.tick()
        for _ in range(3):
            await asyncio.sleep(0)  # one turn writes what is queued
        for name, expected in step.get("receives", {}).items():
            assert world.clients[name].take() == expected, name


def test_every_published_operation_is_in_the_table() -> None:
    (published,) = read("rest_routes.json")
    ours: dict[str, list[str]] = {}
    for route in ROUTES:
        ours.setdefault(route.api, []).append(f"{route.method} {route.path} {route.status}")

    assert {api: sorted(rows) for api, rows in ours.items()} == {
        api: sorted(rows) for api, rows in published["expect"].items()
    }
