"""Which nodes certainly have nobody in a hub, so that a message to it need not go there.

A node that is given a message for a hub of which it holds no client answers with a promise: whoever asked need not
ask again for `PROMISE_S`. Before it takes in the hub's first client it calls its promises back, and waits until
each node that holds one has answered, or until the promise has ended by itself. So a client that is connected is
never passed over, whatever becomes of the nodes or of what joins them; only clocks must run at about one speed.
The holder counts from the moment it asked, the giver from its answer, which is later.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from funcjson.signalr.backplane.base import Answers, Reply, Request

PROMISE_S = 2.0
_MANY = 256  # hubs; with more of them what has ended is looked for and dropped
_LATE_S = 60.0  # no answer comes later than this
_RENOUNCE_S = 0.5

Ask = Callable[..., Awaitable[Answers]]  # as SignalRService.ask_others


class Absence:
    """The promises that one node holds and has given. Hubs are keys in lower case."""

    def __init__(
        self,
        name: str,
        ask: Ask,
        has_clients: Callable[[str], bool],
        monotonic: Callable[[], float],
        promise_s: float = PROMISE_S,
    ) -> None:
        self._name = name
        self._ask = ask
        self._has_clients = has_clients  # also such as have only negotiated
        self._monotonic = monotonic
        self._promise_s = promise_s
        self._is_leaving = False
        self._held: dict[str, dict[str, float]] = {}  # hub -> node that gave it -> when it ends
        self._called_back: dict[tuple[str, str], float] = {}  # (hub, node) -> when
        self._given: dict[str, dict[str, float]] = {}  # hub -> node that holds it -> when it ends
        self._arriving: Counter[str] = Counter()

    # Promises of others

    def absent(self, hub: str) -> frozenset[str]:
        """The nodes that have nobody in the hub."""
        held = self._held.get(hub)
        if held is None:
            return frozenset()
        now = self._monotonic()
        found = frozenset(name for name, ends in held.items() if ends > now)
        if not found:
            del self._held[hub]
        return found

    def learn(self, hub: str, asked_at: float, replies: Iterable[Reply]) -> None:
        """Keep the promises in answers to what was asked at `asked_at`."""
        for reply in replies:
            name = reply.get("absent")
            # The answers come together, so one may have been called back while another was waited for.
            if (
                name
                and not self._is_leaving
                and asked_at > self._called_back.get((hub, name), -math.inf)
            ):
                _living(self._held, self._monotonic).setdefault(hub, {})[name] = (
                    asked_at + self._promise_s
                )

    async def call_back(self, request: Request) -> Reply:
        """Another node takes in clients of a hub: its promise counts no more."""
        hub, name, now = request["hub"], request["from"], self._monotonic()
        self._held.get(hub, {}).pop(name, None)
        called_back = {key: at for key, at in self._called_back.items() if now - at < _LATE_S}
        self._called_back = called_back | {(hub, name): now}
        return {"from": self._name}

    async def renounce(self) -> None:
        """This node is leaving, and relies on no promise any more: its clients may go where nobody is yet."""
        self._is_leaving = True
        now = self._monotonic()
        relied = any(ends > now for held in self._held.values() for ends in held.values())
        self._held.clear()
        if relied:
            await self._ask({"verb": "renounce", "from": self._name}, timeout_s=_RENOUNCE_S)

    # Promises to others

    def promise(self, hub: str, holder: str | None) -> str:
        """This node's name if it has nobody in the hub, which `holder` may then rely on; else empty."""
        if holder is None or self._arriving[hub] or self._has_clients(hub):
            return ""
        ends = self._monotonic() + self._promise_s
        _living(self._given, self._monotonic).setdefault(hub, {})[holder] = ends
        return self._name

    async def renounced(self, request: Request) -> Reply:
        """Another node holds no promise of this one any more."""
        for holders in self._given.values():
            holders.pop(request["from"], None)
        return {}

    @asynccontextmanager
    async def arriving(self, hub: str) -> AsyncIterator[None]:
        """Within it a client of the hub may be taken in."""
        hub = hub.lower()
        self._arriving[hub] += 1  # from now on nothing is promised
        try:
            if hub in self._given:
                await self._call_back(hub)
            yield
        finally:
            self._arriving[hub] -= 1
            if not self._arriving[hub]:
                del self._arriving[hub]

    async def _call_back(self, hub: str) -> None:
        given = self._given[hub]
        left_s = max(given.values(), default=0.0) - self._monotonic()
        if left_s > 0:
            request = {"verb": "arrive", "hub": hub, "from": self._name}
            answers = await self._ask(request, timeout_s=left_s)
            answered = {reply["from"] for reply in answers.replies}
            ends = [until for holder, until in given.items() if holder not in answered]
            await asyncio.sleep(max([0.0, *(until - self._monotonic() for until in ends)]))
        if self._given.get(hub) is given:
            del self._given[hub]


def _living(
    promises: dict[str, dict[str, float]], monotonic: Callable[[], float]
) -> dict[str, dict[str, float]]:
    """The same table; of very many hubs only those whose promises have not ended."""
    if len(promises) >= _MANY:
        now = monotonic()
        for hub in [
            hub for hub, ends in promises.items() if max(ends.values(), default=0.0) <= now
        ]:
            del promises[hub]
    return promises
