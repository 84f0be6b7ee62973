"""Text of others, such as user ids and targets, shown so that a terminal obeys none of it."""

from __future__ import annotations

import logging
import re

# Control characters, the separators that some programs take for a new line, and what turns the writing direction.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text with such characters as escapes: a user id cannot colour a terminal or forge a line."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def escape_arguments(record: logging.LogRecord) -> bool:
    """A filter for handlers: what the service logs of others stays within its line."""
    if record.name.startswith("funcjson.signalr") and isinstance(record.args, tuple):
        record.args = tuple(
            each if isinstance(each, (int, float)) else plain(str(each)) for each in record.args
        )
    return True
