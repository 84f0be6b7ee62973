"""What may be shown of a value: secrets taken out, long texts and lists cut, the whole bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from funcjson.console import redact

MASKED = "***"

# Names whose values are secrets, wherever they stand: headers, query parameters, JSON members.
_SECRET_NAME = re.compile(
    r"authorization|cookie|token|secret|passw|pwd$|credential|signature|connection_?string"
    r"|(?:api|access|account|functions|private|signing|subscription|master|host)[-_ ]?key|x-zumo-auth",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(?P<head>(?:password|passwd|pwd|secret|client_secret|api_?key|(?:access|id|refresh)_token"
    r"|sharedaccesskey|accountkey|accesskey|sig)[\"']?\s*[=:]\s*[\"']?)(?P<value>[^\s;&\"',}]+)",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"(?P<name>[^=;,\s]+)=(?P<value>[^;]*)")
# Attributes of Set-Cookie; everything else there is a cookie.
_COOKIE_WORDS = frozenset({"path", "domain", "expires", "max-age", "samesite", "priority"})
_KEY_IN_SETTING = re.compile(
    r"(?:accesskey|accountkey|sharedaccesskey|password|pwd|clientsecret|secret)\s*=\s*([^;]{6,})",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 12
# Where the shell is; the names only look as if.
_FOLDERS = frozenset({"PWD", "OLDPWD"})


def secrets_in(settings: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The secret texts among settings: keys inside connection strings, and values of secret names."""
    found: set[str] = set()
    for name, value in settings:
        found.update(match.strip() for match in _KEY_IN_SETTING.findall(value))
        # A word such as "anonymous" is no secret, and masking it would hide half of a trace.
        looks_random = len(value) >= _SHORTEST_SECRET and not value.isalpha()
        if (
            name not in _FOLDERS
            and looks_random
            and (_SECRET_NAME.search(name) or name.lower().endswith("key"))
        ):
            found.add(value)
    return frozenset(found)


def is_secret_name(name: str) -> bool:
    """Whether the value of a header, parameter or member of this name is a secret."""
    return _SECRET_NAME.search(name) is not None


class Mask:
    """Takes secrets out of texts: those it is told, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({one for one in secrets if len(one) >= 6}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """A text without known secrets, tokens, keys and password-like pairs."""
        if self._known is not None:
            text = self._known.sub(MASKED, text)
        return _PAIR.sub(lambda match: f"{match['head']}{MASKED}", redact(text))

    def header(self, name: str, value: str) -> str:
        """A header's value; of cookies and Authorization the names and the scheme stay."""
        folded = name.lower()
        if folded in ("cookie", "set-cookie"):
            return _COOKIE.sub(_cookie, value)
        if folded.endswith("authorization"):
            scheme, space, _ = value.partition(" ")
            return f"{scheme} {MASKED}" if space else MASKED
        if _SECRET_NAME.search(name):
            return MASKED
        return self.text(value)

    def query(self, query: str) -> str:
        """A query string as it was sent."""
        parts = []
        for part in query.split("&"):
            name, equals, value = part.partition("=")
            secret = name.lower() in ("code", "sig") or _SECRET_NAME.search(name)
            parts.append(f"{name}={MASKED}" if equals and value and secret else self.text(part))
        return "&".join(parts)

    def url(self, url: str) -> str:
        """A URL with its query masked, and without a user and password in front of the host."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return self.text(urlunsplit((parts.scheme, host, parts.path, self.query(parts.query), "")))

    def named(self, name: str, value: str) -> str:
        """The value of a thing with a name: masked whole when the name says that it is secret."""
        return MASKED if value and _SECRET_NAME.search(name) else self.text(value)


class Shown:
    """Makes JSON-like values that may be shown, and counts what it has let through.

    `chars` bounds the whole, `text_chars` one text, `items` one list or object, `depth` the nesting.
    What is cut says so.
    """

    def __init__(
        self,
        mask: Mask | None = None,
        *,
        chars: int = 400_000,
        text_chars: int = 4_000,
        items: int = 100,
        depth: int = 12,
    ) -> None:
        self.mask = mask or Mask()
        self.text_chars = text_chars
        self.items = items
        self._left = chars
        self._depth = depth

    def cut(self, text: str) -> str:
        """A text that is masked already, within the bounds."""
        most = max(0, min(self.text_chars, self._left))
        if len(text) > most:
            text = f"{text[:most]}... ({len(text)} characters)"
        self._left -= len(text)
        return text

    def text(self, text: str, name: str = "") -> str:
        """A text, masked whole when its name says that it is secret."""
        room = 4 * self.text_chars
        if len(text) <= room:
            return self.cut(self._masked(text, name))
        # Megabytes are not searched. What stands near the end of the piece that is may be half of a
        # secret, which no rule finds: it is never shown.
        masked = self._masked(text[:room], name)
        most = max(0, min(self.text_chars, self._left, len(masked) - self.text_chars))
        self._left -= most
        return f"{masked[:most]}... ({len(text)} characters)"

    def _masked(self, text: str, name: str) -> str:
        return self.mask.named(name, text) if name else self.mask.text(text)

    def header(self, name: str, value: str) -> str:
        """A header's value."""
        return self.cut(self.mask.header(name, value))

    def value(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """A JSON value with its secrets masked; what JSON cannot hold becomes text."""
        if isinstance(value, str):
            return self.text(value, name)
        if value is None or isinstance(value, bool):
            return value
        if name and value not in ([], {}) and _SECRET_NAME.search(name):
            return MASKED
        if isinstance(value, int | float):
            return value
        if isinstance(value, bytes):
            return self.text(value[: 4 * self.text_chars].decode("utf-8", "replace"), name)
        if depth >= self._depth:
            return "..."
        if isinstance(value, Mapping):
            return self._object(value, depth)
        if isinstance(value, Iterable):
            return self._array(list(value), name, depth)
        return self.text(str(value), name)

    def json_text(self, text: str) -> Any:
        """The value of a JSON text when it is one of reasonable size, else the text itself."""
        if len(text) <= 64 * self.text_chars:
            try:
                return self.value(json.loads(text))
            except (ValueError, RecursionError):
                pass
        return self.text(text)

    def _object(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, member in value.items():
            if len(shown) >= self.items or self._left <= 0:
                shown["..."] = f"{len(value) - len(shown)} more"
                break
            shown[self.cut(self.mask.text(str(key)))] = self.value(member, str(key), depth + 1)
        return shown

    def _array(self, value: list[Any], name: str, depth: int) -> list[Any]:
        shown: list[Any] = []
        for member in value:
            if len(shown) >= self.items or self._left <= 0:
                shown.append(f"... {len(value) - len(shown)} more")
                break
            shown.append(self.value(member, name, depth + 1))
        return shown


def _cookie(match: re.Match[str]) -> str:
    if match["name"].lower() in _COOKIE_WORDS:
        return match[0]
    return f"{match['name']}={MASKED}"
