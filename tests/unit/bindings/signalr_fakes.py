"""A binding resolved by hand, and services whose transport keeps every request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from funcjson.bindings.base import Resolved
from funcjson.errors import Location
from funcjson.model import Binding, Direction, Function, Language
from funcjson.settings import Settings, load_settings
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import RestClient, RestResponse, Retry

NOW = 1_700_000_000.0
KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LOCAL = ServiceEndpoint("http://localhost:8888", KEY)


def settings_with(**values: str) -> Settings:
    return load_settings(Path("/nonexistent"), values)


def locate(pointer: str) -> Location:
    return Location("f/function.json", 1, 1, pointer)


def resolved(kind: str, **properties: Any) -> Resolved:
    direction = Direction.OUT if kind == "signalR" else Direction.IN
    binding = Binding("b", kind, direction, properties, "/bindings/1")
    return Resolved(binding, properties, locate)


def function_with(trigger: Binding, name: str = "f") -> Function:
    return Function(name, Path(), (trigger,), Language.PYTHON, locate=locate)


async def no_wait(_seconds: float) -> None:
    return None


class FakeServices:
    """Services with given endpoints; `answer` decides what a request is answered."""

    def __init__(
        self,
        *endpoints: ServiceEndpoint,
        settings: Settings | None = None,
        answer: Callable[[str, str], RestResponse] | None = None,
    ) -> None:
        self._endpoints = endpoints or (LOCAL,)
        self.settings = settings or settings_with()
        self._answer = answer
        self.asked: list[str] = []
        self.requests: list[tuple[str, str, Any]] = []

    def endpoints(self, setting: str, _where: Location) -> tuple[ServiceEndpoint, ...]:
        self.asked.append(setting)
        return self._endpoints

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        return RestClient(endpoint, self, retry=Retry(max_retries=0), sleep=no_wait)

    def now(self) -> float:
        return NOW

    async def request(
        self, method: str, url: str, _headers: Mapping[str, str], body: bytes
    ) -> RestResponse:
        parts = urlsplit(url)
        where = f"{parts.netloc}{parts.path}"
        self.requests.append((method, where, json.loads(body) if body else None))
        return self._answer(method, where) if self._answer else RestResponse(202)
