"""Requests that no function saw: what the host answered itself, and why; a bounded list for the inspector."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """One request. `at` is seconds since the epoch; `path` has no query, which may hold keys.

    `status` 0 means that the host answered and a browser keeps the answer from the page.
    """

    at: float
    method: str
    path: str
    status: int
    why: str
    origin: str = ""


class TurnedAwayList:
    """The last `limit` of them; `count` is of all there ever were."""

    def __init__(self, limit: int = 200, clock: Callable[[], float] = time.time) -> None:
        self._items: deque[TurnedAway] = deque(maxlen=limit)
        self._clock = clock
        self.count = 0

    def add(self, method: str, path: str, status: int, why: str, origin: str = "") -> None:
        self.count += 1
        self._items.append(TurnedAway(self._clock(), method, path[:300], status, why, origin))

    def __iter__(self) -> Iterator[TurnedAway]:
        return iter(tuple(self._items))
