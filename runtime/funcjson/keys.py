"""Function, host, system and master keys in a file of the app, for `--auth`."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcjson.errors import AppLoadError, Location, Problem, render
from funcjson.json_source import escape_pointer, parse_json
from funcjson.private_file import FOLDER, write_private

log = logging.getLogger("funcjson.host")

FILE = Path(FOLDER, "keys.json")
_State = tuple[int, int, int] | None


@dataclass(slots=True)
class KeyRing:
    """All keys by scope and name. Names of functions are in lower case. Never shown in a repr."""

    master: str = field(repr=False)
    host: dict[str, str] = field(repr=False)
    system: dict[str, str] = field(repr=False)
    functions: dict[str, dict[str, str]] = field(repr=False)

    def allows(self, level: str, function: str, presented: str | None) -> bool:
        """Whether a key opens a function of this authLevel: the master key opens all of them."""
        folded = level.lower()
        if folded == "anonymous":
            return True
        if not presented:
            return False
        candidates = [self.master]
        if folded in ("function", "user"):
            candidates += [*self.host.values(), *self.functions.get(function.lower(), {}).values()]
        elif folded == "system":
            candidates += self.system.values()
        return _one_of(presented, candidates)

    def opens_admin(self, presented: str | None) -> bool:
        return bool(presented) and _one_of(str(presented), [self.master])

    def opens_webhook(self, name: str, presented: str | None) -> bool:
        """The extension's own system key, or the master key."""
        own = self.system.get(f"{name.lower()}_extension")
        return bool(presented) and _one_of(str(presented), [self.master, *([own] if own else [])])

    def as_json(self) -> dict[str, Any]:
        return {
            "masterKey": self.master,
            "functionKeys": self.host,
            "systemKeys": self.system,
            "functions": self.functions,
        }


class KeyFile:
    """The keys of a running app: read again when their file has changed; of a broken one the last good keys stay."""

    def __init__(self, root: Path, functions: Iterable[str]) -> None:
        """Raises AppLoadError."""
        self._root = root
        self._functions = tuple(functions)
        self._ring = load_keys(root, self._functions)
        self._seen = self._state()
        self._told: _State = None

    def current(self) -> KeyRing:
        """Asked for at each request: looking at the file's time costs some microseconds."""
        if self._state() != self._seen:
            self._read()
        return self._ring

    def serve(self, functions: Iterable[str]) -> KeyFile:
        """From now on these are the functions that have keys."""
        self._functions = tuple(functions)
        self._read()
        return self

    def _read(self) -> None:
        before = self._ring
        state = self._state()
        try:
            self._ring = load_keys(self._root, self._functions)
        except AppLoadError as error:
            self._seen = state
            if state != self._told:
                self._told = state
                log.error("%s\nThe last good keys go on being enforced.", render(error.problems[0]))
            return
        # Also after keys were added to it.
        self._seen = self._state()
        if self._ring != before:
            log.info("The keys were read again from %s", FILE.as_posix())

    def _state(self) -> _State:
        try:
            status = (self._root / FILE).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def load_keys(root: Path, functions: Iterable[str]) -> KeyRing:
    """The keys of an app; whatever is missing is made and written, readable by its owner only.

    Raises AppLoadError when the file cannot be read or written.
    """
    path = root / FILE
    text = "{}"
    try:
        text = path.read_text("utf-8") if path.exists() else text
        document = json.loads(text)
        ring = _ring(document)
    except _NotKeysError as error:
        raise AppLoadError(_misshapen(text, error)) from error
    except (OSError, ValueError) as error:
        raise AppLoadError(_unreadable(error)) from error
    before = json.dumps(ring.as_json()) if document else ""
    ring.master = ring.master or new_key()
    ring.host.setdefault("default", new_key())
    for extension in ("signalr_extension", "eventgrid_extension"):
        ring.system.setdefault(extension, new_key())
    for name in functions:
        ring.functions.setdefault(name.lower(), {}).setdefault("default", new_key())
    try:
        if json.dumps(ring.as_json()) != before:
            write_private(path, json.dumps(ring.as_json(), indent=2) + "\n")
        # Also one that was made by hand.
        path.chmod(0o600)
    except OSError as error:
        raise AppLoadError(_unreadable(error)) from error
    return ring


def new_key() -> str:
    return secrets.token_urlsafe(40)


def _one_of(presented: str, keys: Iterable[str]) -> bool:
    given = presented.encode("utf-8", "replace")
    found = False
    for key in keys:
        # All are compared, each in constant time.
        found |= hmac.compare_digest(given, key.encode())
    return found


class _NotKeysError(Exception):
    """What is at a place of the file is nothing that keys could be."""

    def __init__(self, pointer: str, value: Any, expected: str) -> None:
        kind = _KINDS.get(type(value), "a number")
        super().__init__(f"{pointer or 'the file'} is {kind}, where {expected} is expected")
        self.pointer = pointer


_KINDS: dict[type, str] = {
    list: "an array",
    dict: "an object",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def _ring(document: Any) -> KeyRing:
    """Raises _NotKeysError."""
    if document is None:
        raise _NotKeysError("", document, "an object")
    root = _members("", document)
    functions = _members("/functions", root.get("functions"))
    return KeyRing(
        _key("/masterKey", root.get("masterKey")),
        _keys("/functionKeys", root.get("functionKeys")),
        _keys("/systemKeys", root.get("systemKeys")),
        {
            name.lower(): _keys(f"/functions/{escape_pointer(name)}", keys)
            for name, keys in functions.items()
        },
    )


def _keys(pointer: str, value: Any) -> dict[str, str]:
    members = _members(pointer, value).items()
    found = {name: _key(f"{pointer}/{escape_pointer(name)}", key) for name, key in members}
    return {name: key for name, key in found.items() if key}


def _members(pointer: str, value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise _NotKeysError(pointer, value, "an object")
    return value or {}


def _key(pointer: str, value: Any) -> str:
    if isinstance(value, dict | list):
        raise _NotKeysError(pointer, value, "text")
    return str(value or "")


def _misshapen(text: str, error: _NotKeysError) -> Problem:
    return Problem(
        "FJ0153",
        "the file with the app's keys cannot be used",
        parse_json(text, FILE.as_posix()).locate(error.pointer),
        why=str(error),
        fix='write keys as in "functionKeys": {"NAME": "KEY"} and "functions": {"FUNCTION": {"NAME": "KEY"}}, '
        "or delete the file and let `--auth` make new ones",
    )


def _unreadable(error: Exception) -> Problem:
    line, column = 0, 0
    if isinstance(error, json.JSONDecodeError):
        line, column = error.lineno, error.colno
    # The text of a JSON error has no part of the file's content.
    return Problem(
        "FJ0153",
        "the file with the app's keys cannot be used",
        Location(FILE.as_posix(), line, column),
        why=str(error) if isinstance(error, ValueError) else error.__class__.__name__,
        fix="correct the file, or delete it and let `--auth` make new keys",
    )
