"""A gate before the clients that send by POST: shut while upstream is slower than they are."""

from __future__ import annotations

import asyncio


class Gate:
    """Open until it is held."""

    __slots__ = ("_opened",)

    def __init__(self) -> None:
        self._opened: asyncio.Event | None = None

    def hold(self, is_held: bool) -> None:
        """Shut the gate, or open it for all who wait."""
        if is_held and self._opened is None:
            self._opened = asyncio.Event()
        elif not is_held and self._opened is not None:
            self._opened.set()
            self._opened = None

    async def passed(self) -> None:
        """Returns when the gate is open."""
        if self._opened is not None:
            await self._opened.wait()
