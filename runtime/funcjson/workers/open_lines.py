"""Lines that a worker has begun to write: shown when they end, or after a while, or when the worker ends.

A worker tells of the text that user code has flushed without a line end. It cannot keep it: it may end at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]

# After how long a text is shown of which no more has come.
PATIENCE_S = 1.0


class OpenLines:
    """The open lines of one worker, by the numbers that it gives them. `show` gets each text once, as a log message."""

    def __init__(self, show: Callable[[Message], None], patience_s: float = PATIENCE_S) -> None:
        self._show = show
        self._patience_s = patience_s
        self._begun: dict[int, Message] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        # Of these a part was shown.
        self._shown: set[int] = set()

    def take(self, message: Message) -> None:
        """More of a line, or with `open` false its last part."""
        number = message["line"]
        begun = self._begun.pop(number, None)
        if begun is not None:
            message = {**message, "message": begun["message"] + message["message"]}
        if message.get("open"):
            self._begun[number] = message
            if number not in self._timers:
                loop = asyncio.get_running_loop()
                self._timers[number] = loop.call_later(self._patience_s, self._now, number)
            return
        self._stop_timer(number)
        if message["message"] or number not in self._shown:
            self._show(message)
        self._shown.discard(number)

    def end(self) -> None:
        """Show what has begun: nothing more will come."""
        for number in list(self._begun):
            self._now(number)
        self._shown.clear()

    def _now(self, number: int) -> None:
        self._stop_timer(number)
        self._shown.add(number)
        self._show(self._begun.pop(number))

    def _stop_timer(self, number: int) -> None:
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()
