"""The backplane of one process: usually a single node, or several that tests join to one Exchange."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from funcjson.signalr.backplane.base import Handler, Reply, Request

log = logging.getLogger("funcjson.signalr.backplane")


@dataclass(slots=True)
class Exchange:
    """Where nodes of one process meet."""

    nodes: dict[int, Handler] = field(default_factory=dict)


class MemoryBackplane:
    """A node on an Exchange; without one it is alone."""

    def __init__(self, exchange: Exchange | None = None, *, timeout_s: float = 5.0) -> None:
        self._exchange = exchange or Exchange()
        self._timeout_s = timeout_s

    @property
    def is_alone(self) -> bool:
        return not any(key != id(self) for key in self._exchange.nodes)

    async def join(self, handler: Handler) -> None:
        self._exchange.nodes[id(self)] = handler

    async def leave(self) -> None:
        self._exchange.nodes.pop(id(self), None)

    async def call(self, request: Request) -> list[Reply]:
        others = [handler for key, handler in self._exchange.nodes.items() if key != id(self)]
        answers = await asyncio.gather(*(self._ask(handler, request) for handler in others))
        return [answer for answer in answers if answer is not None]

    async def _ask(self, handler: Handler, request: Request) -> Reply | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await handler(request)
        except TimeoutError:
            return None
        except Exception:
            # The seam between nodes: what breaks in one must not stop the caller on another.
            log.exception("a node could not answer %r", request.get("verb"))
            return None
