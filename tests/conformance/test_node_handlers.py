"""What JavaScript handlers see and what becomes of what they give, by vectors, in a real node.

The handler's part runs in the worker; outputs are spread and rendered as the host does it.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.node_driver import Driver, node_app, request, with_packages

from funcjson.http_response import ResponseError, from_output, from_return
from funcjson.model import HttpResponse

VECTORS = Path(__file__).parent / "vectors" / "node_handlers.json"
CONNECTION_INFO = {"json": json.dumps({"url": "http://localhost:8888/client/", "accessToken": "t"})}


def vectors() -> list[Any]:
    rows = json.loads(VECTORS.read_text(encoding="utf-8"))
    return [pytest.param(row["given"], row["expect"], id=row["title"]) for row in rows]


@pytest.mark.parametrize(("given", "expect"), vectors())
async def test_node_handler(tmp_path: Path, given: dict[str, Any], expect: dict[str, Any]) -> None:
    if given["model"] == "v4":
        with_packages(tmp_path)
    async with node_app(tmp_path, given["files"], hang_hint_ms=20) as node:
        functions = {}
        if given["model"] == "v4":
            indexed = await node.ask("index")
            functions = {f["name"]: f["document"]["bindings"] for f in indexed["functions"]}
            if "functions" in expect:
                assert list(functions) == expect["functions"]
                assert expect.get("error", "") in (indexed["error"] or "")
                return
        else:
            loaded = await load(node, given)
            if "loadError" in expect:
                assert loaded["op"] == "failed"
                assert expect["loadError"] in loaded["message"]
                return
            assert loaded["op"] == "loaded", loaded
            functions = {"f": given["bindings"]}
        bindings = functions["f"]
        if expect.get("hang"):
            await check_hang(node, given, bindings)
            return
        result = await node.invoke("f", *inputs_of(given, bindings), metadata=metadata_of(given))
        check(result, bindings, expect)
        if "log" in expect and result["op"] == "result":
            await node.log_with(expect["log"])
        if "arg" in expect:
            assert json.loads(node.logs[-1]["message"]) == expect["arg"]


async def load(node: Driver, given: dict[str, Any]) -> dict[str, Any]:
    return await node.load(
        "f",
        *given["bindings"],
        script_file=given["scriptFile"],
        entry_point=given.get("entryPoint"),
    )


def inputs_of(
    given: dict[str, Any], bindings: list[dict[str, Any]]
) -> list[tuple[str, dict[str, Any]]]:
    if "input" in given:
        return [(given["input"]["name"], {"json": json.dumps(given["input"]["value"])})]
    asked = given["request"]
    members = {key: asked[key] for key in ("headers", "query", "params") if key in asked}
    if "body" in asked:
        members["body"] = {"bytes": asked["body"].encode()}
    inputs = []
    for binding in bindings:
        if binding["type"] == "httpTrigger":
            http = request(asked["method"], asked["url"], **members)
            inputs.append((binding["name"], {"http": http}))
        elif binding["type"] == "signalRConnectionInfo":
            inputs.append((binding["name"], CONNECTION_INFO))
    return inputs


def metadata_of(given: dict[str, Any]) -> dict[str, Any]:
    value = given.get("input", {}).get("value", {})
    return {
        key: {"string": item} if isinstance(item, str) else {"json": json.dumps(item)}
        for key, item in value.items()
    }


async def check_hang(node: Driver, given: dict[str, Any], bindings: list[dict[str, Any]]) -> None:
    call = asyncio.create_task(node.invoke("f", *inputs_of(given, bindings)))
    await node.log_with("it is not done")

    assert not call.done()
    call.cancel()


def check(result: dict[str, Any], bindings: list[dict[str, Any]], expect: dict[str, Any]) -> None:
    status = expect.get("status")
    if result["op"] == "failed":
        assert status == 500, result
        assert expect.get("log", "") in result["message"]
        return
    outputs = spread(result, bindings)
    if "out" in expect:
        sent = {
            name: value_of(value)
            for name, value in outputs.items()
            if value and "http" not in value and value_of(value) not in (None, [])
        }
        assert sent == expect["out"]
    if status is None:
        return
    try:
        response = rendered(outputs, result, bindings)
    except ResponseError as error:
        assert status == 500, error
        return
    check_response(response, expect)


def spread(result: dict[str, Any], bindings: list[dict[str, Any]]) -> dict[str, Any]:
    """The host's own step: the return value is an output, or an object with outputs by name."""
    outputs = dict(result["outputs"])
    returned = result["return"]
    names = {b["name"] for b in bindings if b["direction"] == "out"}
    if "$return" in names:
        outputs["$return"] = returned
    elif "json" in returned and isinstance(value := json.loads(returned["json"]), dict):
        outputs |= {name: {"json": json.dumps(value[name])} for name in names & value.keys()}
    return outputs


def rendered(
    outputs: dict[str, Any], result: dict[str, Any], bindings: list[dict[str, Any]]
) -> HttpResponse:
    for binding in bindings:
        if binding["type"] == "http" and outputs.get(binding["name"]):
            return from_output(outputs[binding["name"]])
    return from_return(result["return"])


def check_response(response: HttpResponse, expect: dict[str, Any]) -> None:
    headers = {name.lower(): value for name, value in response.headers}

    assert response.status == expect["status"]
    if "body" in expect:
        assert response.body.decode() == expect["body"]
    if "contentType" in expect:
        assert headers.get("content-type") == expect["contentType"]
    for name, value in expect.get("headers", {}).items():
        assert headers.get(name) == value


def value_of(value: dict[str, Any]) -> Any:
    return json.loads(value["json"]) if "json" in value else next(iter(value.values()))
