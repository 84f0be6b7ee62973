"""Which of aiohttp's errors mean that a URL or headers are too long; real sockets are in the contract tests."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.test_utils import make_mocked_request

from funcjson.signalr.limits import Excess
from funcjson.signalr.long_heads import LongHeadServer


async def refused(fault: BaseException) -> list[int]:
    """The statuses with which a fault of reading is refused."""
    found: list[int] = []

    async def never(_: web.BaseRequest) -> web.StreamResponse:
        raise AssertionError

    def refuse(excess: Excess) -> web.Response:
        found.append(excess.status)
        return web.Response(status=excess.status)

    connection = LongHeadServer(never, refuse, limits=True)()
    answer = connection.handle_error(make_mocked_request("GET", "/"), 400, fault, "said")
    assert not answer.keep_alive  # what follows is the rest of that head
    return found


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (LineTooLong(b"/api", 64 * 1024), [414]),
        (LineTooLong(b"x-big", 64 * 1024 + 1), [431]),
        (BadHttpMessage("Too many headers received"), [431]),
    ],
)
async def test_what_is_too_long(fault: BaseException, statuses: list[int]) -> None:
    assert await refused(fault) == statuses
