"""Asking a running local service of this machine, by its URL or by that of the host in which it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from funcjson.errors import FuncJsonError, Problem

_HOST_PATH = "/_/api/app"  # of the inspector; the service has nothing there
_TIME_LIMIT_S = 5.0


@asynccontextmanager
async def asking(service: str) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A session and the service's URL. Raises FuncJsonError when it cannot be asked, or answers nonsense in the block."""
    base = service.rstrip("/")
    if "://" not in base:
        base = f"http://{base}"
    timeout = aiohttp.ClientTimeout(total=_TIME_LIMIT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            base = await _service_of(session, base)
            yield session, base
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise FuncJsonError(_not_asked(base, str(error) or type(error).__name__)) from error


async def _service_of(session: aiohttp.ClientSession, base: str) -> str:
    """The service at an address; that of a host is the one that runs inside it."""
    async with session.get(base + _HOST_PATH) as answer:
        if answer.status != 200 or answer.content_type != "application/json":
            return base
        found = (await answer.json()).get("service")
    if not found:
        raise ValueError("this is a host, and it runs no local SignalR service")
    return str(found).rstrip("/")


def _not_asked(base: str, reason: str) -> Problem:
    return Problem(
        "FJ0414",
        f"the SignalR service at {base} cannot be asked",
        why=reason,
        fix="start it (`funcjson start` prints its URL), or correct --service; Azure's own service has no such view",
    )
