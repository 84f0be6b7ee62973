"""An HTTP response that comes from a worker in pieces, handed on in order while its handler still runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from funcjson.model import ResponseSink

Message = dict[str, Any]


class ResponsePump:
    """Between the wire, which does not wait, and a caller who may read slowly.

    `taken(size)` is told what the caller has taken, so that the worker sends more; `gone()` once, when there is no caller left.
    """

    def __init__(
        self, sink: ResponseSink, taken: Callable[[int], None], gone: Callable[[], None]
    ) -> None:
        self._sink = sink
        self._taken = taken
        self._gone = gone
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._is_gone = False

    def put(self, message: Message) -> None:
        """A "response" or "body" message of the worker."""
        self._messages.put_nowait(message)

    def end(self) -> None:
        """Nothing more comes: the call has been answered."""
        self._messages.put_nowait(None)

    async def run(self) -> None:
        """Hand on until the end."""
        while (message := await self._messages.get()) is not None:
            data = b"" if message["op"] == "response" else message["data"].get("bytes") or b""
            if not self._is_gone:
                try:
                    await self._hand_on(message, data)
                except ConnectionError:
                    self._is_gone = True
                    self._gone()
            if data:
                self._taken(len(data))

    async def _hand_on(self, message: Message, data: bytes) -> None:
        if message["op"] == "response":
            pairs = [(name, value) for name, value in message["headers"]]
            await self._sink.begin(message["status"], pairs)
        elif data:
            await self._sink.write(data)
