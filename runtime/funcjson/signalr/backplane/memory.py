"""The backplane of one process: usually a single node, or several that tests join to one Exchange."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Collection, Set
from dataclasses import dataclass, field

from funcjson.signalr.backplane.base import TIMEOUT_S, Answers, Handler, Reply, Request

log = logging.getLogger("funcjson.signalr.backplane")


@dataclass(slots=True)
class Exchange:
    """Where nodes of one process meet."""

    nodes: dict[str, Handler] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    # By who answers.
    asked: dict[str, set[asyncio.Task[Reply | None]]] = field(default_factory=dict)


class MemoryBackplane:
    """A node on an Exchange; without one it is alone."""

    def __init__(self, exchange: Exchange | None = None) -> None:
        self._exchange = exchange or Exchange()
        self.name = f"node {next(self._exchange.numbers)}"

    @property
    def others(self) -> Set[str]:
        return self._exchange.nodes.keys() - {self.name}

    @property
    def is_alone(self) -> bool:
        return not any(name != self.name for name in self._exchange.nodes)

    @property
    def gone(self) -> str:
        return ""

    async def join(
        self, handler: Handler, rejoined: Callable[[bool], Awaitable[None]] | None = None
    ) -> None:
        self._exchange.nodes[self.name] = handler

    async def leave(self) -> None:
        self._exchange.nodes.pop(self.name, None)
        for task in self._exchange.asked.pop(self.name, ()):
            task.cancel()

    async def call(
        self,
        request: Request,
        *,
        timeout_s: float = TIMEOUT_S,
        enough: Callable[[Reply], bool] | None = None,
        without: Collection[str] = (),
    ) -> Answers:
        asked: dict[asyncio.Task[Reply | None], str] = {}
        for name, handler in self._exchange.nodes.items():
            if name != self.name and name not in without:
                task = asyncio.ensure_future(_answer(handler, request))
                asked[task] = name
                tasks = self._exchange.asked.setdefault(name, set())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        replies: list[Reply] = []
        waiting = set(asked)
        ends = asyncio.get_running_loop().time() + timeout_s
        try:
            while waiting:
                left = ends - asyncio.get_running_loop().time()
                done, waiting = await asyncio.wait(
                    waiting, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for task in done:
                    reply = None if task.cancelled() else task.result()
                    if reply is not None:
                        replies.append(reply)
                        del asked[task]
                        if enough is not None and enough(reply):
                            return Answers(tuple(replies))
            return Answers(tuple(replies), tuple(asked.values()))
        finally:
            for task in waiting:
                task.cancel()


async def _answer(handler: Handler, request: Request) -> Reply | None:
    """None when it fails, so that no error waits in a task which nobody looks at any more."""
    try:
        return await handler(request)
    except Exception:
        # The seam between nodes: what breaks in one must not stop the caller on another.
        log.exception("a node could not answer %r", request.get("verb"))
        return None
