"""The body of a request, handed to a worker as it arrives and no faster than its handler reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from funcjson.errors import FuncJsonError
from funcjson.model import RequestSource

MOST_UNDER_WAY = 1 << 20
Message = dict[str, Any]


class RequestPump:
    """Between a caller and the wire. `send` takes messages of the wire; `taken` is told what the worker has passed on."""

    def __init__(
        self, source: RequestSource, invocation_id: str, send: Callable[[Message], None]
    ) -> None:
        self._source = source
        self._id = invocation_id
        self._send = send
        # Why the rest of the body did not come.
        self.failure: ConnectionError | FuncJsonError | None = None
        self._under_way = 0
        self._go_on = asyncio.Event()

    def taken(self, size: int) -> None:
        """The worker has passed on so many bytes."""
        self._under_way -= size
        if self._under_way < MOST_UNDER_WAY:
            self._go_on.set()

    async def run(self) -> None:
        """Hand on until the end, or tell that it will not come."""
        try:
            while piece := await self._source.read():
                self._say({"bytes": piece})
                self._under_way += len(piece)
                if self._under_way >= MOST_UNDER_WAY:
                    self._go_on.clear()
                    await self._go_on.wait()
        except (ConnectionError, FuncJsonError) as error:
            self.failure = error
            self._say({}, end=True, error=str(error).split("\n", 1)[0])
        else:
            self._say({}, end=True)

    def _say(self, data: Message, **more: Any) -> None:
        self._send({"op": "body", "id": self._id, "data": data, **more})
