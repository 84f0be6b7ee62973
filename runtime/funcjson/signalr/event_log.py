"""The live trace as log lines for a terminal: what happened, and above all the sends that not everybody got."""

from __future__ import annotations

import logging
from collections.abc import Callable

from funcjson.signalr.live_trace import TraceLine
from funcjson.signalr.quiet_log import Quiet

log = logging.getLogger("funcjson.signalr.events")

_SENDS = frozenset({"MessageSent", "TransactionExecuted"})


class EventLog:
    """A listener of the live trace. Events that are warnings are logged by whoever records them."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._quiet = Quiet(monotonic)

    def __call__(self, line: TraceLine) -> None:
        why = line.fields.get("why") if line.event in _SENDS else None
        if why and self._quiet.may_log(_audience(line)):
            log.warning("%s (%s)", _told(line), why)
        elif log.isEnabledFor(logging.INFO) and line.level == "Information":
            log.info("%s%s", _told(line), f" ({why})" if why else "")


def _audience(line: TraceLine) -> str:
    return " ".join(str(line.fields.get(name, "")) for name in ("hub", "to", "name", "filter"))


def _told(line: TraceLine) -> str:
    """Whom it is about, and the trace's sentence."""
    about = [
        text.format(line.fields[name]) for name, text in _ABOUT if line.fields.get(name) is not None
    ]
    error = line.fields.get("error")
    said = f"{', '.join(about)}: {line.message}" if about else line.message
    return f"{said} {error}" if error else said


_ABOUT = (
    ("hub", "hub {}"),
    ("connectionId", "connection {}"),
    ("userId", "user '{}'"),
    ("transport", "{}"),
)
