"""Tokens that the page makes, and what it refuses before any request."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from tests.unit.inspector.inspected_host import inspected

from funcjson.inspector.calling import Caller
from funcjson.inspector.inspected import Refusal


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
