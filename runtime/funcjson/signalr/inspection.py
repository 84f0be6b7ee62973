"""What is connected, what happens and whose tokens are good, for programs on this machine: /_lss/state, trace, token."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from funcjson.signalr.live_trace import LiveTrace, TraceLine
from funcjson.signalr.loopback import is_loopback, is_own_host

STATE_PATH = "/_lss/state"
TRACE_PATH = "/_lss/trace"
TOKEN_PATH = "/_lss/token"  # noqa: S105 - a path
MAX_UNREAD = 10_000  # lines that wait for one reader of the live stream; older ones are dropped


class Inspection:
    """Answers requests below /_lss/. Nothing here goes to other machines or to web pages."""

    def __init__(
        self,
        state: Callable[[], Awaitable[Mapping[str, Any]]],
        trace: LiveTrace,
        signed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._state = state
        self._trace = trace
        self._signed = signed
        self._readers: set[Unread] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The state as JSON, whether a bearer token is signed with a key of this service, or the trace as JSON lines.

        With `?follow=1` the trace's lines to come too.
        """
        if not is_local(request.remote, request.headers):
            text = "Only programs on this machine may look at the service.\n"
            return web.Response(status=403, text=text)
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        if request.path == STATE_PATH:
            text = json.dumps(await self._state())
            return web.Response(text=text, content_type="application/json")
        if request.path == TOKEN_PATH:
            _, _, token = request.headers.get("Authorization", "").partition(" ")
            text = json.dumps({"signed": self._signed(token.strip())})
            return web.Response(text=text, content_type="application/json")
        if request.path != TRACE_PATH:
            text = f"There are {STATE_PATH}, {TRACE_PATH} (?follow=1: what comes, too) and {TOKEN_PATH}.\n"
            return web.Response(status=404, text=text)
        if request.query.get("follow", "") in ("", "0"):
            lines = "".join(f"{line}\n" for line in self._trace).encode()
            return web.Response(body=lines, content_type="application/x-ndjson")
        return await self._follow(request)

    async def _follow(self, request: web.BaseRequest) -> web.StreamResponse:
        """One line at a time until the reader leaves or the service stops."""
        unread = Unread()
        for line in self._trace:
            unread.put(line)
        stop = self._trace.listen(unread.put)
        self._readers.add(unread)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            await response.prepare(request)
            while (next_line := await unread.next()) is not None:
                await response.write(f"{next_line}\n".encode())
            await response.write_eof()
        finally:
            stop()
            self._readers.discard(unread)
        return response

    def stop(self) -> None:
        """End every live stream."""
        for unread in self._readers:
            unread.end()


class Unread:
    """The lines that wait for one reader."""

    def __init__(self) -> None:
        self._lines: deque[TraceLine] = deque(maxlen=MAX_UNREAD)
        self._changed = asyncio.Event()
        self._has_ended = False

    def put(self, line: TraceLine) -> None:
        self._lines.append(line)
        self._changed.set()

    def end(self) -> None:
        """No more will come."""
        self._has_ended = True
        self._changed.set()

    async def next(self) -> TraceLine | None:
        """The next line as soon as there is one; None at the end."""
        while not self._lines:
            if self._has_ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._lines.popleft()


def is_local(remote: str | None, headers: Mapping[str, str]) -> bool:
    """True for a program on this machine. A web page is none, even under a name that leads here."""
    own = is_loopback(remote or "") and is_own_host(headers.get("Host", ""))
    return own and "Origin" not in headers
