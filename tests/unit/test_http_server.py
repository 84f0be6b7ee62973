"""What the HTTP side decides without a socket; the rest is in tests/contract."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import AppLoadError
from funcjson.http_options import HttpServerOptions
from funcjson.http_server import HttpServer
from funcjson.model import HttpRequest, HttpResponse, TriggerEvent


class Facade:
    ready = True

    async def invoke(self, function: str, event: TriggerEvent) -> HttpResponse:
        raise NotImplementedError

    async def fire(self, function: str, event: TriggerEvent) -> None:
        raise NotImplementedError

    async def webhook(self, name: str, request: HttpRequest) -> HttpResponse | None:
        raise NotImplementedError


def server(**options: Any) -> HttpServer:
    return HttpServer(Facade(), HttpServerOptions(app_root=Path("/nonexistent"), **options))


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://localhost:7071"),
        ("0.0.0.0", "http://localhost:7071"),
        ("::1", "http://localhost:7071"),
        ("10.0.0.1", "http://10.0.0.1:7071"),
        ("fe80::1", "http://[fe80::1]:7071"),
    ],
)
def test_the_url_is_one_that_a_person_can_open(address: str, url: str) -> None:
    assert server(address=address).url == url


def test_a_policy_that_browsers_refuse_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "funcjson.host"):
        server(cors_origins=("*",), cors_credentials=True)

    assert [r.getMessage().partition(" CORS")[0] for r in caplog.records] == ["warning[FJ0151]"]


def test_a_proxy_that_is_no_address_stops_the_start() -> None:
    with pytest.raises(AppLoadError):
        server(trusted_proxies=("example",))
