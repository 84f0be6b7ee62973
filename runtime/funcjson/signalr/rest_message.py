"""One REST request and its response, as data: what a client sends and a service answers, without a
socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from funcjson.signalr.recipients import Recipients

DELIVERED_HEADER = "x-funcjson-delivered"  # how many connections a send reached
MATCHED_HEADER = "x-funcjson-matched"  # how many connections a transaction's filter selected
REASON_HEADER = "x-funcjson-reason"  # why nobody, or not everybody
HINT_HEADER = "x-funcjson-hint"  # why a token was refused, and what to do
ERROR_CODE_HEADER = "x-ms-error-code"

_HEADER_SAFE = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request as it came: `path` and `query` still escaped, header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class RestResponse:
    """An answer; header names in lower case. `who` never leaves the process: HTTP does not carry it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    who: Recipients | None = field(default=None, repr=False)


def header_text(text: str) -> str:
    """Text as one header value: printable ASCII stays, everything else is percent-encoded."""
    return quote(text, safe=_HEADER_SAFE, errors="replace")


def text_of_header(value: str) -> str:
    """The text that `header_text` was given."""
    return unquote(value)
