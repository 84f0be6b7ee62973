"""What names and values HTTP headers can have."""

from __future__ import annotations

import re

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# As the real host's server has it: no letters beyond ASCII.
_VALUE = re.compile(r"[\t\x20-\x7e]*")
# The server frames the answer itself; a wrong length would break the connection.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


def is_name(text: str) -> bool:
    """Whether a header can have this name."""
    return _NAME.fullmatch(text) is not None


def is_value(text: str) -> bool:
    """Whether a header can have this value."""
    return _VALUE.fullmatch(text) is not None


def is_framing(name: str) -> bool:
    """Whether a header says where a message ends, or what becomes of the connection."""
    return name.lower() in _FRAMING
