"""What Python handlers see and what becomes of what they give, by vectors, in the worker itself.

The handler's part runs in the worker; outputs are spread and rendered as the host does it.
"""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import HandlerError, HandlerLoadError
from funcjson.http_response import from_output, from_return
from funcjson.model import (
    Binding,
    Call,
    CallResult,
    Direction,
    Function,
    HttpResponse,
    Language,
    WorkerLog,
)
from funcjson.workers.base import IndexResult
from funcjson.workers.in_process import InProcessPythonWorker

VECTORS = Path(__file__).parent / "vectors" / "python_handlers.json"
CONNECTION_INFO = {"json": json.dumps({"url": "http://localhost:8888/client/", "accessToken": "t"})}
INVOCATION_ID = "11111111-1111-1111-1111-111111111111"
TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _end_apps() -> Iterator[None]:
    """AsgiFunctionApp starts an event loop when it is thrown away, which must not be within one."""
    yield
    gc.collect()


def vectors(model: str) -> list[Any]:
    rows = json.loads(VECTORS.read_text(encoding="utf-8"))
    return [
        pytest.param(row["given"], row["expect"], id=row["title"])
        for row in rows
        if row["given"]["model"] == model
    ]


@asynccontextmanager
async def app(
    root: Path, given: dict[str, Any], logs: list[WorkerLog]
) -> AsyncIterator[InProcessPythonWorker]:
    for name, text in given["files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    worker = InProcessPythonWorker(root, logs.append, environment=given.get("environment"))
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


def function(root: Path, name: str, given: dict[str, Any], code_first: bool = False) -> Function:
    bindings = tuple(
        Binding(b["name"], b["type"], Direction(b["direction"]), b, f"/bindings/{at}")
        for at, b in enumerate(given["bindings"])
    )
    return Function(
        name,
        root / name,
        bindings,
        Language.PYTHON,
        given.get("scriptFile", f"{name}/__init__.py"),
        given.get("entryPoint"),
        code_first=code_first,
    )


@pytest.mark.parametrize(("given", "expect"), vectors("v1"))
async def test_folder_handler(
    tmp_path: Path, given: dict[str, Any], expect: dict[str, Any]
) -> None:
    logs: list[WorkerLog] = []
    async with app(tmp_path, given, logs) as worker:
        loaded = function(tmp_path, "f", given)
        if "loadError" in expect:
            with pytest.raises(HandlerLoadError) as caught:
                await worker.load(loaded)
            assert expect["loadError"] in caught.value.problems[0].azure
            return
        await worker.load(loaded)
        await check_call(worker, loaded, given, expect)
        if "printed" in expect:
            assert [entry.message for entry in logs] == [expect["printed"]]


@pytest.mark.parametrize(("given", "expect"), vectors("v2"))
async def test_decorated_handler(
    tmp_path: Path, given: dict[str, Any], expect: dict[str, Any]
) -> None:
    async with app(tmp_path, given, []) as worker:
        indexed = await worker.index()
        check_index(indexed, expect)
        if "status" not in expect:
            return
        found = indexed.functions[0]
        loaded = function(tmp_path, found.name, found.document, code_first=True)
        await worker.load(loaded)
        await check_call(worker, loaded, given, expect)


def check_index(indexed: IndexResult, expect: dict[str, Any]) -> None:
    assert expect.get("indexError", "") in (indexed.error or "")
    assert bool(indexed.error) == ("indexError" in expect), indexed.error
    by_name = {f.name: f for f in indexed.functions}
    if "functions" in expect:
        assert list(by_name) == expect["functions"]
    if "warning" in expect:
        assert bool(indexed.warnings) == expect["warning"], indexed.warnings
    for name, document in expect.get("documents", {}).items():
        assert by_name[name].document == document
    for name, line in expect.get("lines", {}).items():
        assert by_name[name].line == line
    for name, script in expect.get("scripts", {}).items():
        assert by_name[name].script_file == script


async def check_call(
    worker: InProcessPythonWorker, loaded: Function, given: dict[str, Any], expect: dict[str, Any]
) -> None:
    call = Call(INVOCATION_ID, loaded.name, inputs_of(loaded, given), trace_parent=TRACE_PARENT)
    if expect.get("status") == 500:
        with pytest.raises(HandlerError) as caught:
            await worker.invoke(call)
        assert expect["log"] in caught.value.message
        return
    result = await worker.invoke(call)
    outputs = spread(result, loaded)
    check_outputs(outputs, expect)
    if "status" in expect:
        check_response(rendered(outputs, result, loaded), expect)


def inputs_of(loaded: Function, given: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    if "input" in given:
        return ((given["input"]["name"], {"json": json.dumps(given["input"]["json"])}),)
    asked = given["request"]
    http = {
        "method": asked["method"],
        "url": asked["url"],
        "headers": asked.get("headers", {}),
        "query": asked.get("query", {}),
        "params": asked.get("params", {}),
        "body": {"bytes": asked["body"].encode()} if "body" in asked else {},
        "user": None,
    }
    values = {"httpTrigger": {"http": http}, "signalRConnectionInfo": CONNECTION_INFO}
    return tuple((b.name, values[b.type]) for b in loaded.bindings if b.type in values)


def spread(result: CallResult, loaded: Function) -> dict[str, Any]:
    """The host's own step: the return value is an output, or an object with outputs by name."""
    outputs = dict(result.outputs)
    names = {b.name for b in loaded.bindings if b.direction is Direction.OUT}
    returned = result.return_value
    if "$return" in names:
        outputs["$return"] = returned
    elif "json" in returned and isinstance(value := json.loads(returned["json"]), dict):
        outputs |= {name: {"json": json.dumps(value[name])} for name in names & value.keys()}
    return outputs


def check_outputs(outputs: dict[str, Any], expect: dict[str, Any]) -> None:
    sent = {name: value for name, value in outputs.items() if value and "http" not in value}
    hexed = expect.get("outHex", {})
    if "out" in expect:
        plain = {name: value_of(value) for name, value in sent.items() if name not in hexed}
        answer = {"$return"} - expect["out"].keys()
        assert {n: v for n, v in plain.items() if n not in answer} == expect["out"]
    assert {name: sent[name]["bytes"].hex() for name in hexed} == hexed


def rendered(outputs: dict[str, Any], result: CallResult, loaded: Function) -> HttpResponse:
    for binding in loaded.bindings:
        if binding.type == "http" and outputs.get(binding.name):
            return from_output(outputs[binding.name])
    return from_return(result.return_value)


def check_response(response: HttpResponse, expect: dict[str, Any]) -> None:
    headers = {name.lower(): value for name, value in response.headers}
    cookies = [value for name, value in response.headers if name.lower() == "set-cookie"]

    assert response.status == expect["status"]
    if "body" in expect:
        assert response.body.decode() == expect["body"]
    if "bodyHex" in expect:
        assert response.body.hex() == expect["bodyHex"]
    if "jsonKeys" in expect:
        assert list(json.loads(response.body)) == expect["jsonKeys"]
    if "contentType" in expect:
        assert headers.get("content-type") == expect["contentType"]
    for name, value in expect.get("headers", {}).items():
        assert headers.get(name) == value
    for cookie, start in zip(cookies, expect.get("setCookie", ()), strict=False):
        assert cookie.startswith(start)
    assert len(cookies) == len(expect.get("setCookie", ()))


def value_of(value: dict[str, Any]) -> Any:
    return json.loads(value["json"]) if "json" in value else next(iter(value.values()))
