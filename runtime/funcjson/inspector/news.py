"""What of the page is out of date. Cheap, since every open page asks once a second: nothing is read but counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from funcjson.inspector.inspected import Inspected


class News:
    """Wakes the open pages when something happens, and says what each part of a page is made of."""

    def __init__(self, host: Inspected) -> None:
        self._host = host
        self._pages: set[asyncio.Event] = set()
        self._changes = 0
        self._loads = 0
        self._loaded: tuple[object, object] | None = None
        self._unlisten: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._pages)

    def listen(self, changed: asyncio.Event) -> None:
        """A page opens; `changed` is set whenever something happens, until `hush`."""
        self._pages.add(changed)
        if len(self._pages) > 1:
            return
        # Invocations pay for being watched only while a page is open.
        recorder, embedded = self._host.recorder, self._host.embedded
        recorder.listen(self._changed)
        stop = embedded.server.trace.listen(self._changed) if embedded else lambda: None

        def unlisten() -> None:
            recorder.unlisten(self._changed)
            stop()

        self._unlisten = unlisten

    def hush(self, changed: asyncio.Event) -> None:
        """A page has gone."""
        self._pages.discard(changed)
        if not self._pages:
            self._unlisten()

    def wake(self) -> None:
        """Let every page look now."""
        for changed in self._pages:
            changed.set()

    def _changed(self, _what: object) -> None:
        self._changes += 1
        self.wake()

    def stamps(self) -> dict[str, str]:
        """For each part of the page a text that is another one when the part is out of date."""
        host = self._host
        if not host.ready:
            return {"app": "not ready"}
        newest, embedded = host.recorder.newest, host.embedded
        told, remembered = 0.0, 0
        if embedded is not None:
            # The service's trace has all that changes its state, but for users whose time in a group is over.
            told = embedded.server.trace.last_at
            remembered = embedded.server.service.sessions.remembered
        if self._loaded != (host.version, host.login):
            self._loaded = (host.version, host.login)
            self._loads += 1
        return {
            "app": f"{self._loads}",
            "activity": f"{self._changes} {newest.id if newest else ''} {host.turned_away.count} {told}",
            "hubs": f"{self._changes} {told} {remembered}",
        }
