"""When a failed REST call is tried again: the settings `AzureSignalRRetry` and their time spans."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed call is tried again: up to `max_retries` times, `delay_s` apart or doubling up
    to `max_delay_s`.

    Sends are tried again only after a status above 500 (a 500 may have delivered); group actions
    also
    after 500, 408 and a time-out. The defaults are those of the extension from 2.1.0 on.
    """

    max_retries: int = 3
    delay_s: float = 0.8
    max_delay_s: float = 60.0
    mode: Literal["Fixed", "Exponential"] = "Fixed"

    @staticmethod
    def from_settings(setting: Callable[[str], str | None]) -> Retry:
        """From `AzureSignalRRetry:...`; raises ValueError that names the setting that is wrong."""
        plain = Retry()
        return Retry(
            max_retries=_read(setting, "MaxRetries", int, plain.max_retries),
            delay_s=_read(setting, "Delay", parse_timespan, plain.delay_s),
            max_delay_s=_read(setting, "MaxDelay", parse_timespan, plain.max_delay_s),
            mode=_read(setting, "Mode", _mode, plain.mode),
        )

    def wait_s(self, attempt: int) -> float:
        """How long to wait after attempt number `attempt`, counted from 1."""
        factor = 1 if self.mode == "Fixed" else 1 << (attempt - 1)
        return min(self.delay_s * factor, self.max_delay_s)


_TIMESPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,7})?))?")


def parse_timespan(text: str) -> float:
    """Seconds of a .NET time span: `[d.]hh:mm[:ss[.fff]]`, or a bare number of days.

    Raises ValueError.
    """
    found = _TIMESPAN.fullmatch(text.strip())
    if found is None:
        if text.strip().isdigit():
            return int(text) * 86400.0
        raise ValueError(f"'{text}' is not a time such as 00:01:40")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _mode(text: str) -> Literal["Fixed", "Exponential"]:
    lowered = text.strip().lower()
    if lowered == "fixed":
        return "Fixed"
    if lowered == "exponential":
        return "Exponential"
    raise ValueError(f"'{text}' is neither Fixed nor Exponential")


_T = TypeVar("_T")


def _read(
    setting: Callable[[str], str | None], name: str, convert: Callable[[str], _T], default: _T
) -> _T:
    text = setting(f"AzureSignalRRetry:{name}")
    if text is None or not text.strip():
        return default
    try:
        return convert(text)
    except ValueError as error:
        raise ValueError(f"AzureSignalRRetry:{name}: {error}") from error
