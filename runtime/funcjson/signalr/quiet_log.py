"""One log line per reason and time: a broken client or upstream makes the same fault thousands of times."""

from __future__ import annotations

from collections.abc import Callable

QUIET_S = 10.0
_MOST_REASONS = 1000


class Quiet:
    """Remembers what was logged when; the live trace has every single event all the same."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._logged: dict[str, float] = {}

    def may_log(self, reason: str) -> bool:
        """True for a reason that was not logged within the last seconds; it counts as logged then."""
        now = self._monotonic()
        if now - self._logged.get(reason, -QUIET_S) < QUIET_S:
            return False
        if len(self._logged) >= _MOST_REASONS:
            self._logged.clear()
        self._logged[reason] = now
        return True
