"""app_offline.htm: while this file is in the app's folder, callers get it as a page and no function runs."""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger("funcjson.host")

NAME = "app_offline.htm"


def offline_page(root: Path) -> bytes | None:
    """The page of the app in this folder; None without one."""
    try:
        return (root / NAME).read_bytes()
    except OSError:
        return None


class Offline:
    """Whether an app is offline: looked for at each call, which costs about a microsecond, and told when it changes."""

    def __init__(self, root: Path) -> None:
        self._file = root / NAME
        self._was_there = False

    def __bool__(self) -> bool:
        there = self._file.exists()
        if there is not self._was_there:
            self._was_there = there
            log.warning("%s", _OFFLINE if there else _ONLINE)
        return there


_OFFLINE = f"the app is offline: every caller gets 503 and the page {NAME}, until that is removed"
_ONLINE = f"the app is online again: {NAME} was removed"
