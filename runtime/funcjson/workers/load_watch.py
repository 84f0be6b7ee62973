"""Notices user code that does not come to its end while it is loaded, and which one of many it is.

A process loads one module at a time, so of those that wait for an answer the first is the one that runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

# When a user is told what is waited for, and when it is waited for no longer.
NOTICE_S = 5.0
LIMIT_S = 60.0

T = TypeVar("T")


class NeverLoaded(Exception):
    """What was being loaded did not come to its end within the limit."""


class LoadWatch:
    """Watches what one process loads. `tell` gets the name of what has been loading for `notice_s` seconds."""

    def __init__(
        self, tell: Callable[[str], None], notice_s: float = NOTICE_S, limit_s: float = LIMIT_S
    ) -> None:
        self._tell = tell
        self._notice_s = notice_s
        self._limit_s = limit_s
        self._waiting: dict[str, float] = {}
        self._since = 0.0
        self._is_told = False

    async def run(self, name: str, job: Awaitable[T]) -> T:
        """Wait for a job of the process. Raises NeverLoaded when it is this one that does not end."""
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(job)
        self._waiting[name] = loop.time()
        if len(self._waiting) == 1:
            self._begin(loop.time())
        try:
            while True:
                at = self._since + (self._limit_s if self._is_told else self._notice_s)
                done, _ = await asyncio.wait({task}, timeout=max(at - loop.time(), 0.01))
                if done:
                    return task.result()
                if self._first() == name:
                    self._look(name, loop.time() - self._since)
        finally:
            task.cancel()
            is_first = self._first() == name
            del self._waiting[name]
            if is_first:
                self._begin(loop.time())

    def overdue(self) -> list[str]:
        """What has waited for as long as the first may, which are late themselves if nothing runs that they wait for."""
        now = asyncio.get_running_loop().time()
        return [name for name, since in self._waiting.items() if now - since >= self._limit_s]

    def _first(self) -> str:
        return next(iter(self._waiting))

    def _begin(self, now: float) -> None:
        self._since, self._is_told = now, False

    def _look(self, name: str, seconds: float) -> None:
        if seconds >= self._limit_s:
            raise NeverLoaded(name)
        if seconds >= self._notice_s and not self._is_told:
            self._is_told = True
            self._tell(name)
