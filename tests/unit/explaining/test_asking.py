"""Asking a running service: by its own URL, by its host's, and what is no service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from funcjson.errors import FuncJsonError
from funcjson.explaining.asking import asking


@asynccontextmanager
async def server(answers: Mapping[str, object]) -> AsyncIterator[str]:
    async def answer(request: web.BaseRequest) -> web.Response:
        found = answers.get(request.path)
        return web.Response(status=404) if found is None else web.json_response(found)

    made = web.Application()
    made.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(made) as running:
        yield str(running.make_url("")).rstrip("/")


async def test_a_service_is_itself() -> None:
    async with server({}) as url, asking(f"{url}/") as (_, base):
        assert base == url


async def test_a_host_leads_to_its_service() -> None:
    app = {"service": "http://localhost:8899/"}
    async with server({"/_/api/app": app}) as url, asking(url) as (_, base):
        assert base == "http://localhost:8899"


async def test_a_host_without_a_service_and_nothing_at_all_are_told() -> None:
    async with server({"/_/api/app": {"service": None}}) as url:
        with pytest.raises(FuncJsonError, match="runs no local SignalR service"):
            async with asking(url):
                pass
    with pytest.raises(FuncJsonError, match="FJ0414"):
        async with asking("http://localhost:1"):
            pass
