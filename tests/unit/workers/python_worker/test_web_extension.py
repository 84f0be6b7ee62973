"""The app's web framework: when it counts, which annotations it takes, and what it makes of a request."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from funcjson.workers.python_worker import web_extension
from funcjson.workers.python_worker.http_exchange import Exchange
from funcjson.workers.python_worker.web_extension import AppSettingDisabledError, find

ON = {"PYTHON_ENABLE_INIT_INDEXING": "1"}


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "azurefunctions"]:
        del sys.modules[name]


@pytest.fixture
def fastapi() -> Iterator[Any]:
    """The real package, as an app imports it; other tests must not find it."""
    forget()
    yield importlib.import_module("azurefunctions.extensions.http.fastapi")
    forget()


def test_an_app_that_imports_none_has_none() -> None:
    forget()
    assert find(ON) is None
    importlib.import_module("azurefunctions.extensions.base")
    assert find(ON) is None
    forget()


@pytest.mark.parametrize(
    ("value", "version", "is_on"),
    [
        ("1", (3, 12), True),
        (" True ", (3, 9), True),
        ("0", (3, 12), False),
        (None, (3, 12), False),
        ("on", (3, 12), False),
        (None, (3, 13), True),
        ("0", (3, 14), True),
    ],
)
def test_the_setting_is_needed_before_python_3_13(
    fastapi: Any, value: str | None, version: tuple[int, int], is_on: bool
) -> None:
    given = {} if value is None else {"PYTHON_ENABLE_INIT_INDEXING": value}
    if is_on:
        assert find(given, version) is not None
        return
    with pytest.raises(AppSettingDisabledError, match="HTTP Streaming is enabled but"):
        find(given, version)


def test_the_annotations_that_fit_are_its_own(fastapi: Any) -> None:
    found = find(ON)
    assert found is not None
    request, response = found.fits["httpTrigger"], found.fits["http"]

    assert request(fastapi.Request)
    assert not request(dict)
    assert all(response(one) for one in (fastapi.StreamingResponse, fastapi.Response, str, dict))
    assert not response(bytes)


async def called(handle: Any) -> dict[str, Any]:
    found = find(ON)
    assert found is not None
    http = {
        "method": "GET",
        "url": "http://localhost/api/f/7?q=1",
        "headers": {"x-a": "1"},
        "query": {},
        "params": {"id": "7"},
        "body": {},
    }
    exchange = Exchange("1", http, lambda _: None, in_pieces=False)
    await found.call(exchange, {"id": "7"}, handle)
    answer: dict[str, Any] = exchange.response()["http"]
    return answer


async def test_the_handler_gets_a_request_and_its_value_becomes_a_response(fastapi: Any) -> None:
    async def handle(request: Any) -> Any:
        assert isinstance(request, fastapi.Request)
        return {"path": request.path_params, "q": request.query_params["q"]}

    answer = await called(handle)

    assert (answer["status"], answer["body"]) == (200, {"bytes": b'{"path":{"id":"7"},"q":"1"}'})


async def test_what_the_handler_raises_comes_out_and_nothing_is_answered(fastapi: Any) -> None:
    async def handle(request: Any) -> Any:
        raise KeyError("no")

    found = find(ON)
    assert found is not None
    exchange = Exchange(
        "1",
        {"method": "GET", "url": "http://localhost/", "headers": {}, "params": {}},
        lambda _: None,
        in_pieces=True,
    )
    with pytest.raises(KeyError):
        await found.call(exchange, {}, handle)

    assert not exchange.is_begun


async def test_another_framework_needs_no_error_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    class WebApp:
        def route(self, handler: Any) -> None:
            self.handler = handler

        def get_app(self) -> Any:
            return self

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            body = await self.handler("a request")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    class Base:
        class HttpV2FeatureChecker:
            http_v2_enabled = staticmethod(lambda: True)

        class ModuleTrackerMeta:
            get_module = staticmethod(lambda: "its_module")

        class RequestTrackerMeta:
            check_type = staticmethod(lambda _: True)
            get_request_type = staticmethod(lambda: str)

            @staticmethod
            def get_synchronizer() -> Any:
                class Nothing:
                    def sync_route_params(self, request: Any, params: Any) -> None:
                        pass

                return Nothing()

        ResponseTrackerMeta = RequestTrackerMeta

    module = type(sys)("its_module")
    module.WebApp = WebApp  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "its_module", module)
    monkeypatch.setitem(sys.modules, web_extension._BASE, Base)  # type: ignore[arg-type]

    async def handle(request: Any) -> bytes:
        return f"{request} was answered".encode()

    assert (await called(handle))["body"] == {"bytes": b"a request was answered"}
