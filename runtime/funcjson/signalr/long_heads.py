"""An HTTP server that answers heads of any length: those beyond the limits get the service's refusal, not aiohttp's.

Heads are read well past the limits, so that most refusals are made where all others are, with the request's path in
the log and the trace. What is longer than even that is refused here, unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from funcjson.signalr.limits import Excess, head_too_long

_READ_LINE = 64 * 1024
_READ_FIELD = _READ_LINE + 1  # another number, by which the error tells the one from the other
_READ_HEADERS = 128
_ENDLESS = 1 << 30

Refuse = Callable[[Excess], web.Response]


class LongHeadServer(web.Server):
    """`refuse` makes the answer to a head that is too long to be read."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        refuse: Refuse,
        *,
        limits: bool,
        **settings: Any,
    ) -> None:
        line, field, headers = _READ_LINE, _READ_FIELD, _READ_HEADERS
        if not limits:
            line, field, headers = _ENDLESS, _ENDLESS, 1 << 16
        self._refuse = refuse
        self._settings = {
            **settings,
            "max_line_size": line,
            "max_field_size": field,
            "max_headers": headers,
        }
        super().__init__(handler, handler_cancellation=True)

    def __call__(self) -> web.RequestHandler:
        loop = asyncio.get_running_loop()
        return _Connection(self, self._refuse, loop, self._settings)


class _Connection(web.RequestHandler):
    def __init__(
        self,
        server: web.Server,
        refuse: Refuse,
        loop: asyncio.AbstractEventLoop,
        settings: dict[str, Any],
    ) -> None:
        super().__init__(server, loop=loop, **settings)
        self._refuse = refuse

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be read."""
        excess = _excess(exc)
        if excess is None:
            return super().handle_error(request, status, exc, message)
        response = self._refuse(excess)
        response.force_close()
        return response


def _excess(fault: BaseException | None) -> Excess | None:
    if isinstance(fault, LineTooLong):
        return head_too_long(414 if fault.args[1] == _READ_LINE else 431)
    if isinstance(fault, BadHttpMessage) and "Too many headers" in str(fault):
        return head_too_long(431)
    return None
