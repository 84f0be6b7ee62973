"""What the tests of HTTP streams send, and where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.conformance.host_world import World


def url(host: World, name: str) -> str:
    return f"{host.host.url}/api/{name}"


class Upload:
    """A body that is sent as the test says."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()

    def send(self, piece: bytes) -> None:
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        self._pieces.put_nowait(b"")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._pieces.get():
            yield piece
