"""An HTTP exchange that passes in pieces while its handler runs: the request's body and the response, on a real connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import ClientPayloadError, web
from aiohttp.http import HttpProcessingError

from funcjson.http_wire import BodyTooLarge, let_send
from funcjson.model import Passing

Pairs = tuple[tuple[str, str], ...]


class StreamedBody:
    """The `RequestSource` of one request. `too_large` once more came than `limit` bytes."""

    def __init__(self, request: web.BaseRequest, limit: int) -> None:
        if (request.content_length or 0) > limit:
            raise BodyTooLarge(limit)
        self.passed = Passing()
        self.too_large: BodyTooLarge | None = None
        self._request: web.BaseRequest | None = request
        self._limit = limit

    async def read(self) -> bytes:
        request, passed = self._request, self.passed
        if request is None:
            return b""
        try:
            if not passed.size:
                await let_send(request)
            piece = await request.content.readany()
        except (ConnectionError, ClientPayloadError, HttpProcessingError) as error:
            passed.state = "broken off"
            raise ConnectionError("the caller went away before the whole body had come") from error
        passed.add(piece)
        if passed.size > self._limit:
            passed.state = "broken off"
            self.too_large = BodyTooLarge(self._limit)
            raise self.too_large
        if not piece:
            passed.state = "whole"
        return piece

    def let_go(self) -> None:
        """The call is over: a trace may keep this, but not the connection."""
        self._request = None
        if self.passed.state == "running":
            self.passed.state = "left unread"


class StreamedResponse:
    """The `ResponseSink` of one request. `response` is None until the first piece, then begun and not to be replaced.

    `more` are headers that the handler may override; `finish_headers` sees the response before it is sent.
    """

    def __init__(
        self,
        request: web.BaseRequest,
        more: Pairs,
        finish_headers: Callable[[web.StreamResponse], None],
    ) -> None:
        self.status = 0
        self.headers: Pairs = ()
        self.passed = Passing()
        self.response: web.StreamResponse | None = None
        self._request: web.BaseRequest | None = request
        self._more = more
        self._finish_headers: Callable[[web.StreamResponse], None] | None = finish_headers

    def look(self) -> None:
        request = self._request
        if request is not None and (request.transport is None or request.transport.is_closing()):
            self.passed.state = "broken off"
            raise ConnectionResetError("the caller went away")

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        request, finish_headers = self._request, self._finish_headers
        if request is None or finish_headers is None:
            raise ConnectionResetError("the exchange is over")
        given = {name.lower() for name, _ in headers}
        response = _Untyped(status=status)
        for name, value in (*headers, *(p for p in self._more if p[0].lower() not in given)):
            response.headers.add(name, value)
        finish_headers(response)
        self.response = response
        self.status, self.headers = status, tuple(response.headers.items())
        await response.prepare(request)

    async def write(self, data: bytes) -> None:
        if self.response is None or self._request is None or self._request.method == "HEAD":
            return
        try:
            await self.response.write(data)
        except ConnectionError:
            self.passed.state = "broken off"
            raise
        self.passed.add(data)

    def break_off(self) -> None:
        """The handler failed on the way: the caller must not take what came for the whole."""
        self.passed.state = "broken off"
        if self._request is not None and self._request.transport is not None:
            self._request.transport.abort()

    def let_go(self) -> web.StreamResponse | None:
        """The call is over: a trace may keep this, but not the connection. Gives the response."""
        response, self.response = self.response, None
        if response is not None and self.passed.state == "running":
            self.passed.state = "whole"
        self._request = self._finish_headers = None
        return response


class _Untyped(web.StreamResponse):
    """The handler's own content type or none; aiohttp would make one up."""

    async def _prepare_headers(self) -> None:
        has_type = "Content-Type" in self.headers
        await super()._prepare_headers()
        if not has_type:
            self.headers.popall("Content-Type", None)
