"""What is connected and what happens, for programs on this machine: /_lss/state and /_lss/trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from funcjson.signalr.live_trace import LiveTrace, TraceLine

STATE_PATH = "/_lss/state"
TRACE_PATH = "/_lss/trace"
MAX_UNREAD = 10_000  # lines that wait for one reader of the live stream; older ones are dropped
_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Inspection:
    """Answers requests below /_lss/. Nothing here goes to other machines or to web pages."""

    def __init__(self, state: Callable[[], Mapping[str, Any]], trace: LiveTrace) -> None:
        self._state = state
        self._trace = trace
        self._readers: set[asyncio.Queue[TraceLine | None]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The state as JSON, or the trace as JSON lines; with `?follow=1` the lines to come too."""
        if not is_local(request.remote, request.headers):
            text = "Only programs on this machine may look at the service.\n"
            return web.Response(status=403, text=text)
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        if request.path == STATE_PATH:
            text = json.dumps(self._state())
            return web.Response(text=text, content_type="application/json")
        if request.path != TRACE_PATH:
            return web.Response(status=404)
        if request.query.get("follow", "") in ("", "0"):
            lines = "".join(f"{line}\n" for line in self._trace).encode()
            return web.Response(body=lines, content_type="application/x-ndjson")
        return await self._follow(request)

    async def _follow(self, request: web.BaseRequest) -> web.StreamResponse:
        """One line at a time until the reader leaves or the service stops."""
        unread: asyncio.Queue[TraceLine | None] = asyncio.Queue()
        for line in self._trace:
            unread.put_nowait(line)
        stop = self._trace.listen(lambda line: _put(unread, line))
        self._readers.add(unread)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            await response.prepare(request)
            while (next_line := await unread.get()) is not None:
                await response.write(f"{next_line}\n".encode())
            await response.write_eof()
        finally:
            stop()
            self._readers.discard(unread)
        return response

    def stop(self) -> None:
        """End every live stream."""
        for unread in self._readers:
            unread.put_nowait(None)


def _put(unread: asyncio.Queue[TraceLine | None], line: TraceLine) -> None:
    if unread.qsize() >= MAX_UNREAD:
        unread.get_nowait()
    unread.put_nowait(line)


def is_local(remote: str | None, headers: Mapping[str, str]) -> bool:
    """True for a program on this machine. A web page is none, even under a name that leads here."""
    if remote not in _LOOPBACK or "Origin" in headers:
        return False
    try:
        host = urlsplit(f"//{headers.get('Host', '')}").hostname
    except ValueError:
        return False
    return host in _OWN_NAMES
