"""A response that is written while its handler still runs: what a worker sends in pieces, on a real connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

Pairs = tuple[tuple[str, str], ...]


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
        self.response: web.StreamResponse | None = None
        self._request = request
        self._more = more
        self._finish_headers = finish_headers

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        given = {name.lower() for name, _ in headers}
        response = _Untyped(status=status)
        for name, value in (*headers, *(p for p in self._more if p[0].lower() not in given)):
            response.headers.add(name, value)
        self._finish_headers(response)
        self.response = response
        await response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        if self.response is not None and self._request.method != "HEAD":
            await self.response.write(data)

    def break_off(self) -> None:
        """The handler failed on the way: the caller must not take what came for the whole."""
        if self._request.transport is not None:
            self._request.transport.abort()


class _Untyped(web.StreamResponse):
    """The handler's own content type or none; aiohttp would make one up."""

    async def _prepare_headers(self) -> None:
        has_type = "Content-Type" in self.headers
        await super()._prepare_headers()
        if not has_type:
            self.headers.popall("Content-Type", None)
