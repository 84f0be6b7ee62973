"""What the service does, as it happens: lines with the columns of the real service's live trace."""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

log = logging.getLogger("funcjson.signalr")

# Our field -> the live trace's column. Every line has every column; the others stand in `details`.
_COLUMNS: Mapping[str, str] = {
    "hub": "hub",
    "connectionId": "connectionId",
    "userId": "userId",
    "ip": "ip",
    "transport": "transport",
    "error": "exception",
}
_EVENTS: Mapping[str, tuple[str, str]] = {  # event -> log level, message
    "ConnectionConnected": ("Information", "Connection started."),
    "ConnectionEnded": ("Information", "Connection ended."),
    "HandshakeFailed": ("Warning", "The handshake failed."),
    "MessageReceived": ("Information", "Received message '{target}' from client connection."),
    "CallRefused": ("Warning", "The call of '{target}' was refused."),
    "MessageSent": ("Information", "Sent message '{target}' to {audience}: {connections}."),
    "TransactionExecuted": ("Information", "Executed {commands} on {connections}."),
    "ClientRefused": ("Warning", "A client of hub '{hub}'{named} was answered {status}: {why}"),
    "RestRequestServed": ("Information", "{method} {path} was answered {status}."),
    "RestRequestRefused": ("Warning", "{method} {path} was answered {status}: {why}"),
    "UpstreamEventSent": ("Information", "Upstream took {category} '{event}' with {status}."),
    "UpstreamEventFailed": ("Warning", "Upstream did not take {category} '{event}': {why}"),
}

_OBEYED = re.compile("[\x7f-\x9f\u2028\u2029]")

Listener = Callable[["TraceLine"], None]


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One event. `at` is seconds since the epoch; `fields` are what the service told of it."""

    at: float
    event: str
    fields: Mapping[str, Any]

    @property
    def level(self) -> str:
        """ "Information" or "Warning"."""
        return _EVENTS.get(self.event, ("Information", ""))[0]

    @property
    def message(self) -> str:
        """One sentence for a person."""
        _, template = _EVENTS.get(self.event, ("", self.event))
        return template.format_map(_Blanks(_given(self.fields)))

    def as_json(self) -> dict[str, Any]:
        """The columns of the live trace, and `details` with everything else."""
        known = {column: self.fields.get(name) for name, column in _COLUMNS.items()}
        is_client = known["connectionId"] is not None
        return {
            "time": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds"),
            "logLevel": self.level,
            "eventName": self.event,
            "message": self.message,
            **known,
            "connectionType": "Client" if is_client else None,
            "serverSticky": None,  # there are no hub servers in serverless mode
            "details": {name: v for name, v in self.fields.items() if name not in _COLUMNS},
        }

    def __str__(self) -> str:
        text = json.dumps(self.as_json(), ensure_ascii=False, default=str)
        # JSON need not escape these, but a terminal that shows the line would obey them.
        return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a message is made of: the fields, and phrases made of them."""
    given = {name: value for name, value in fields.items() if value is not None}
    to, count = given.get("to", "all"), given.get("matched", given.get("delivered", 0))
    user = given.get("namedUser")
    return {
        "audience": "everybody" if to == "all" else f"{to} '{given.get('name', '')}'",
        "connections": f"{count} connection{'' if count == 1 else 's'}",
        "named": f" whose token names user '{user}'" if user else "",
        **given,
    }


class _Blanks(dict[str, Any]):
    """Lets a message be made although a field is absent."""

    def __missing__(self, key: str) -> str:
        return "-"


class LiveTrace:
    """An Observer that keeps the last `limit` events and tells listeners of each new one."""

    def __init__(self, wall: Callable[[], float], limit: int = 1000) -> None:
        self._wall = wall
        # What a TraceLine holds; the lines are made when somebody looks.
        self._lines: deque[tuple[float, str, Mapping[str, Any]]] = deque(maxlen=limit)
        self._listeners: list[Listener] = []

    def record(self, event: str, fields: Mapping[str, Any]) -> None:
        """Keep one event. Returns at once and never raises."""
        kept = self._wall(), event, fields
        self._lines.append(kept)
        if not self._listeners:
            return
        line = TraceLine(*kept)
        for listener in tuple(self._listeners):
            try:
                listener(line)
            except Exception as error:  # noqa: BLE001 -- a reader's fault must not stop a message
                log.warning("a reader of the live trace is dropped: %s", error)
                self._listeners.remove(listener)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of every event from now on; gives a function that ends it."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    @property
    def last_at(self) -> float:
        """When the newest event was, in seconds since the epoch; 0 without any."""
        return self._lines[-1][0] if self._lines else 0.0

    def __iter__(self) -> Iterator[TraceLine]:
        return iter([TraceLine(*kept) for kept in self._lines])


def to_stream(stream: TextIO) -> Listener:
    """A listener that writes each event as one line of JSON."""

    def write(line: TraceLine) -> None:
        stream.write(f"{line}\n")
        stream.flush()

    return write
