"""The key that signs login cookies, kept in the app's .funcjson folder so that a restart signs nobody out."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from funcjson.private_file import FOLDER, write_private

log = logging.getLogger("funcjson.host")

FILE = Path(FOLDER, "session.key")
_BYTES = 32


class SessionKey:
    """The key of an app. A new one is written when it is first `used`: an app in which nobody signs in gets no file."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        kept = _read(self._path)
        self._is_kept = kept is not None
        self.value = kept or secrets.token_bytes(_BYTES)

    def used(self) -> None:
        """Somebody signs in with it."""
        if self._is_kept:
            return
        self._is_kept = True
        try:
            write_private(self._path, self.value.hex() + "\n")
        except OSError as error:
            log.warning(
                "The key of the login cookies cannot be kept in %s (%s): a restart will sign everybody out",
                FILE.as_posix(),
                error.strerror,
            )


def _read(path: Path) -> bytes | None:
    """None when there is no file, or no key in it."""
    try:
        key = bytes.fromhex(path.read_text("utf-8").strip())
    except (OSError, ValueError):
        return None
    return key if len(key) >= _BYTES else None
