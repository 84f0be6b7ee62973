"""How a client that is behind gets on: far behind is allowed while it reads, and hardly when it does not.

Nobody can tell at once a client that has stopped reading from one that is busy with a burst. Until it was seen to
read while it was behind it has the short grace of its transport and half of the cap, so that a client that has
stopped costs little more than the first limit; afterwards it may pause as long as networks and browsers do.
"""

from __future__ import annotations

# What is taken sooner may be the operating system filling its own buffers.
SETTLED_S = 0.05


class Backlog:
    """One client that is behind. `taken` counts all bytes that once waited for it and do not any more."""

    __slots__ = ("began", "has_read", "moved", "taken", "unsent")

    def __init__(self, taken: int, unsent: int, now: float) -> None:
        self.began = self.moved = now
        self.has_read = False
        self.taken, self.unsent = taken, unsent  # when it was last seen to take something

    def look(self, taken: int, unsent: int, now: float) -> None:
        """Notice what it took since the last look."""
        if taken == self.taken:
            return
        if taken - self.taken >= self.unsent:  # it had caught up, and is behind anew
            self.began, self.has_read = now, False
        elif now - self.began >= SETTLED_S:
            self.has_read = True
        self.taken, self.unsent, self.moved = taken, unsent, now

    def cap(self, max_bytes: int) -> int:
        """How many bytes may wait for it at all."""
        return max_bytes if self.has_read else max_bytes // 2

    def idle_s(self, now: float) -> float:
        """How long it has taken nothing."""
        return now - self.moved

    def is_stalled(self, now: float, grace_s: float, stall_s: float) -> bool:
        """True if it has taken nothing for too long: `grace_s`, or `stall_s` once it was seen to read."""
        return self.idle_s(now) >= (stall_s if self.has_read else grace_s)
