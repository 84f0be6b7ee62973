"""The body of a request, read no further than its limit."""

from __future__ import annotations

from aiohttp import web


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The body; of one with more than `limit` bytes (0: no limit) some more than the limit is given."""
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_any():
        parts.append(part)
        size += len(part)
        if limit and size > limit:
            break
    return b"".join(parts)
