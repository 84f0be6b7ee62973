"""A body is read no further than its limit."""

from __future__ import annotations

import asyncio

from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from funcjson.signalr.request_body import read_body


async def read(parts: list[bytes], limit: int) -> bytes:
    loop = asyncio.get_running_loop()
    payload = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    for part in parts:
        payload.feed_data(part)
    payload.feed_eof()
    return await read_body(make_mocked_request("POST", "/", payload=payload), limit)


async def test_a_body_within_its_limit_is_whole() -> None:
    assert await read([b"ab", b"c"], 3) == b"abc"
    assert await read([], 3) == b""
    assert await read([b"x" * 100], 0) == b"x" * 100


async def test_of_a_body_that_is_too_long_more_than_the_limit_is_given() -> None:
    assert len(await read([b"ab", b"cd", b"ef"], 3)) > 3
