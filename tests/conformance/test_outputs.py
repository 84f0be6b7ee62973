"""The signalR output, by its vectors: which requests a handler's value becomes, or why none."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from funcjson.bindings.base import Resolved
from funcjson.bindings.signalr import BINDING
from funcjson.errors import Location, OutputError
from funcjson.model import Binding, Direction, TypedData
from funcjson.settings import Settings
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import RestClient, RestResponse

FILE = Path(__file__).parent / "vectors" / "outputs.json"
ROWS = json.loads(FILE.read_text(encoding="utf-8"))
# The .NET exception that each of our codes stands for.
KINDS = {
    "FJ0401": "ArgumentNull",
    "FJ0402": "JsonReader",
    "FJ0403": "Argument",
    "FJ0404": "Argument",
    "FJ0405": "Argument",
    "FJ0406": "Argument",
}


class Recorder:
    """A transport that accepts everything and keeps it, and the services around it."""

    settings = Settings(Path())

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    async def request(
        self, method: str, url: str, _headers: Mapping[str, str], body: bytes
    ) -> RestResponse:
        parts = urlsplit(url)
        call: dict[str, Any] = {"method": method, "path": f"{parts.path}?{parts.query}"}
        if body:
            call["body"] = json.loads(body)
        self.calls.append(call)
        return RestResponse(202)

    def endpoints(self, _setting: str, _where: Location) -> tuple[ServiceEndpoint, ...]:
        return (ServiceEndpoint("http://localhost:8888", "k" * 32),)

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        return RestClient(endpoint, self)

    def now(self) -> float:
        return 1_700_000_000.0


def typed(kind: str, value: Any) -> TypedData:
    if kind == "json":
        return {"json": json.dumps(value)}
    if kind == "bytes":
        return {"bytes": base64.b64decode(value)}
    return {} if kind == "none" else {kind: value}


@pytest.mark.parametrize("vector", [pytest.param(row, id=row["title"]) for row in ROWS])
async def test_output(vector: dict[str, Any]) -> None:
    properties = {"hubName": "chat"}
    binding = Binding("messages", "signalR", Direction.OUT, properties, "/bindings/1")
    resolved = Resolved(binding, properties, lambda pointer: Location("f", pointer=pointer))
    services = Recorder()
    value = typed(vector["given"]["kind"], vector["given"]["value"])
    error: OutputError | None = None
    try:
        # The pipeline skips an output without a value.
        items = BINDING.collect(value, resolved) if value else ()
        await BINDING.flush(items, resolved, services, lambda _delivery: None)
    except OutputError as raised:
        error = raised

    assert services.calls == vector["expect"]["calls"]
    assert (error is not None) == ("error" in vector)
    if error is not None:
        problem = error.problems[0]
        assert KINDS[problem.code] == vector["error"]["kind"]
        assert problem.azure == vector["error"]["message"]
