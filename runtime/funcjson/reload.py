"""Notices that an app's files changed: looks at them again and again, and waits until a save of several files is over."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from funcjson.watched_files import NOTHING_MORE, Look, Looker, Snapshot, Watched

LOOK_EVERY_S = 0.025
# Looking may take this share of a processor while nothing changes: an app of very many files is looked at less often,
_SHARE = 0.02
# but so often at least, unless it would then take the share that is allowed while files change.
_SELDOM_S = 0.1
_BUSY_SHARE = 0.1
# Code that writes a file whenever it is loaded would be reloaded for ever: what is written so soon after a change, with the text
# that the file had already, is no change. Later it is: to save a file once more is how people ask for a reload.
ECHO_S = 5.0


def changed_files(before: Snapshot, after: Snapshot) -> list[str]:
    """Paths that were added, removed or written, sorted."""
    return sorted({path for path, _ in before.items() ^ after.items()})


def idle_pause_s(look_s: float) -> float:
    """How long to wait after a look that took so much of a processor and found nothing."""
    return max(min(look_s / _SHARE, _SELDOM_S), busy_pause_s(look_s))


def busy_pause_s(look_s: float) -> float:
    """The same, in the middle of a save."""
    return max(LOOK_EVERY_S, look_s / _BUSY_SHARE)


Sleep = Callable[[float], Awaitable[None]]


class Watcher:
    """Waits for changes of an app's files."""

    def __init__(
        self,
        root: Path,
        look: Look | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._look = Looker() if look is None else look
        self._sleep = sleep
        self._clock = clock
        self._texts: dict[str, bytes] = {}
        self._told_at = clock()
        self._look_s = 0.0
        self._more = NOTHING_MORE
        self._seen = self._look(root, NOTHING_MORE)

    def also(self, more: Watched) -> None:
        """Watch more than code from now on; what changed since the last look is still a change."""
        if more != self._more:
            # What was watched before and is not known yet is new: that is still to be told.
            before = self._look(self._root, self._more)
            now = self._look(self._root, more)
            self._more = more
            new = {p: s for p, s in now.items() if p not in before}
            # What is not watched any more has not changed.
            self._seen = new | {p: s for p, s in self._seen.items() if p in now or p not in before}

    async def changes(self) -> list[str]:
        """The paths that changed since the last call; waits until there are some and the writing has paused."""
        while True:
            await self._sleep(idle_pause_s(self._look_s))
            now = self._next()
            if now == self._seen:
                continue
            # An editor or a checkout writes several files: take them together, once one look finds nothing new.
            while True:
                await self._sleep(busy_pause_s(self._look_s))
                later = self._next()
                if later == now:
                    break
                now = later
            changed = self._without_echoes(changed_files(self._seen, now))
            self._seen = now
            if changed:  # a file that came and went between two looks is none
                self._told_at = self._clock()
                return changed

    def _without_echoes(self, changed: list[str]) -> list[str]:
        texts = {path: _digest(path) for path in changed}
        is_soon = self._clock() - self._told_at < ECHO_S
        new = [p for p in changed if not is_soon or self._texts.get(p) != texts[p]]
        self._texts.update(texts)
        return new

    def _next(self) -> Snapshot:
        # Of this thread alone: that others were busy makes no look dear.
        began = time.thread_time()
        found = self._look(self._root, self._more)
        self._look_s = time.thread_time() - began
        return found


def _digest(path: str) -> bytes:
    try:
        return hashlib.blake2b(Path(path).read_bytes()).digest()
    except OSError:
        return b""  # it is gone
