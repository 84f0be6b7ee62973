"""The quotas of a tier over all nodes that are joined: each node tells the others what it counted.

What that guarantees:

- **Connections.** Every other node is asked before a connection is let in, and each node lets in one after the
  other. So the tier is passed only by connections that come at the same moment on different nodes: by at most one
  for each of the other nodes.
- **Messages.** The counts are exchanged about once a second. So a node may go on sending for that long after the
  others have used up the day. What a node has counted, the others keep when it leaves; of a node that dies, the
  last second is lost.
- **Gaps.** A node that does not answer counts as it did the last time; one that is gone has no connections. While
  a node is cut off from the others it counts alone, with what it last knew of messages.

Without a tier nothing is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from funcjson.signalr.backplane.base import Answers, Reply, Request
from funcjson.signalr.limits import Quotas
from funcjson.signalr.sessions import Sessions

ASK_S = 2.0

Ask = Callable[..., Awaitable[Answers]]  # as SignalRService.ask_others


class QuotaExchange:
    """The counts of one node, and what it knows of the others."""

    def __init__(self, quotas: Quotas, sessions: Sessions, ask: Ask, node: str) -> None:
        self.quotas = quotas
        self._sessions = sessions
        self._ask = ask
        self._node = node
        self._elsewhere: dict[str, int] = {}  # connections by node
        self._turn = asyncio.Lock()

    def connected(self) -> int:
        """The connections of this node that count."""
        return sum(each.is_attached for each in self._sessions.by_token.values())

    async def learn(self) -> None:
        """Ask the others what they count."""
        async with self.admitting():
            pass

    @asynccontextmanager
    async def admitting(self) -> AsyncIterator[None]:
        """Within it the counts are those of now. One connection may be attached, at once or right after it.

        Nothing may be awaited between the look at the counts and the connection, or others come in between.
        """
        if not self.quotas.is_limited:
            yield
            return
        async with self._turn:
            await self._ask_all()
            yield

    async def _ask_all(self) -> None:
        answers = await self._ask({"verb": "count", "sent": self._sent()}, timeout_s=ASK_S)
        found = {name: self._elsewhere.get(name, 0) for name in answers.silent}
        for reply in answers.replies:
            found[reply["node"]] = reply["connections"]
            self._hear(reply["sent"])
        self._elsewhere = found
        self.quotas.connected_elsewhere = sum(found.values())

    async def answer(self, request: Request) -> Reply:
        """What this node counts, for another one, which tells its own counts."""
        self._hear(request["sent"])
        return {"node": self._node, "connections": self.connected(), "sent": self._sent()}

    def _sent(self) -> dict[str, Any]:
        day, by_node = self.quotas.sent_by_node()
        return {"day": day, "by_node": by_node}

    def _hear(self, sent: Any) -> None:
        self.quotas.hear(sent["day"], sent["by_node"])
