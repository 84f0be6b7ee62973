"""An HTTP response that comes from a worker in pieces, handed on in order while its handler still runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from funcjson.model import ResponseSink

Message = dict[str, Any]
# How often a caller who is sent nothing is looked after.
_LOOK_S = 1.0


class ResponsePump:
    """Between the wire, which does not wait, and a caller who may read slowly.

    `taken(size)` is told what the caller has taken, so that the worker sends more; `gone()` once, when there is no caller left.
    """

    def __init__(
        self,
        sink: ResponseSink,
        taken: Callable[[int], None],
        gone: Callable[[], None],
        look_s: float = _LOOK_S,
    ) -> None:
        self._sink = sink
        self._taken = taken
        self._gone = gone
        self._look_s = look_s
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
        while (message := await self._next()) is not None:
            data = b"" if message["op"] == "response" else message["data"].get("bytes") or b""
            if not self._is_gone:
                try:
                    await self._hand_on(message, data)
                except ConnectionError:
                    self._leave()
            if data:
                self._taken(len(data))

    async def _next(self) -> Message | None:
        """The next message; notices meanwhile that the caller of a response that began has left."""
        messages = self._messages
        while messages.empty() and self._sink.status and not self._is_gone:
            try:
                async with asyncio.timeout(self._look_s):
                    return await messages.get()
            except TimeoutError:
                try:
                    self._sink.look()
                except ConnectionError:
                    self._leave()
        return await messages.get()

    def _leave(self) -> None:
        self._is_gone = True
        self._gone()

    async def _hand_on(self, message: Message, data: bytes) -> None:
        if message["op"] == "response":
            pairs = [(name, value) for name, value in message["headers"]]
            await self._sink.begin(message["status"], pairs)
        elif data:
            await self._sink.write(data)
