"""Tokens that the page makes, what it refuses before any request, and how long it stays signed in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.unit.inspector.inspected_host import inspected

from funcjson.inspector.calling import Caller
from funcjson.inspector.inspected import Refusal
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


async def test_a_token_for_a_hub(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        info = await Caller(host).connect({"hub": "chat", "user": "alice"})

    assert info["url"] == "http://localhost:8888/client/?hub=chat"
    assert claims(info["accessToken"])["asrs.s.uid"] == "alice"
    assert claims(info["accessToken"])["exp"] > time.time()


async def test_a_token_that_has_expired(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        info = await Caller(host).connect({"hub": "chat", "expired": True})

    assert claims(info["accessToken"])["exp"] < time.time()
    assert "asrs.s.uid" not in claims(info["accessToken"])


@pytest.mark.parametrize("path", ["", "api/x", "//evil.example/x"])
async def test_requests_go_to_this_host_only(tmp_path: Path, path: str) -> None:
    async with inspected(tmp_path) as host:
        with pytest.raises(Refusal, match="starts with one /"):
            await Caller(host).call({"path": path})


async def test_a_client_of_the_page_stays_signed_in_for_longer_than_a_session(
    tmp_path: Path,
) -> None:
    now = [0.0]
    login = LoginTwin({}, b"k" * 32, lambda: now[0])

    async def answer(request: web.Request) -> web.Response:
        found = login.answer(
            HttpRequest(
                request.method,
                str(request.url),
                tuple(request.headers.items()),
                body=await request.read(),
            )
        )
        if found is None:  # a function, which says who it was called by
            persona = login.who(request.headers.get("Cookie", ""))
            return web.Response(text=persona.name if persona else "nobody")
        assert isinstance(found.body, bytes)
        return web.Response(status=found.status, headers=list(found.headers), body=found.body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, inspected(tmp_path) as host:
        host.url = str(server.make_url("")).rstrip("/")
        caller = Caller(host)
        try:
            asked = {"path": "/api/who", "persona": "alice"}
            assert (await caller.call(asked))["body"] == "alice"
            now[0] += 9 * 3600
            assert (await caller.call(asked))["body"] == "alice"
            assert (await caller.call({"path": "/api/who"}))["body"] == "nobody"
        finally:
            await caller.close()
