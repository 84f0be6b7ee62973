"""The limits of the real service: names, sizes, and the quotas of a tier."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from funcjson.signalr.credentials import MAX_TOKEN_CHARS
from funcjson.signalr.rest_message import RestRequest

MAX_URI_BYTES = 12 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_REST_BODY_BYTES = 1 << 20
MAX_NESTING = 64  # of a JSON body, as System.Text.Json has it
MAX_USER_ID_TO_CLOSE = 1024
INT32_MAX = (1 << 31) - 1  # of ttl and other numbers
UNIT_BYTES = 2048  # the service counts an outbound message once per 2 KB

_HUB = re.compile(r"[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}")
_GROUP = re.compile(r"(?!\s+\Z).{1,1024}", re.DOTALL)


def hub_name_fault(name: str) -> str | None:
    """Why this is no hub name, or None. Also the rule for application names."""
    if _HUB.fullmatch(name):
        return None
    return (
        "Invalid hub name. Valid hub name should be in between 1 and 128 characters long. The first"
        " character must be a letter, the others letters, digits or one of _ ` , . [ ]"
    )


def hub_name_fix(name: str) -> str:
    """A name like this one that the service would take."""
    near = re.sub(r"[^A-Za-z0-9_`,.\[\]]", "_", name).lstrip("0123456789_`,.[]")[:128]
    return f"use '{near}' in the app and in every client" if near else "give the hub a name"


def group_name_fault(name: str) -> str | None:
    """Why this is no group name, or None."""
    if _GROUP.fullmatch(name):
        return None
    return (
        "Invalid group name. Valid group name should be in between 1 and 1024 characters long, and"
        " not only white space."
    )


def long_token_note(token: str) -> str:
    """What to know of a token that this service takes, as the real one does, and no SDK makes; or ""."""
    if len(token) <= MAX_TOKEN_CHARS:
        return ""
    return (
        f"the access token has {len(token)} characters, and SDKs refuse to make one of more than"
        f" {MAX_TOKEN_CHARS}: put fewer claims into it"
    )


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a request breaks: the HTTP status, what was found, and what to do."""

    status: int
    what: str
    fix: str


def head_excess(path: str, query: str, headers: Mapping[str, str]) -> Excess | None:
    """The limit of size that the URI or the headers of a request break, if any."""
    uri = len(path) + len(query) + 1
    if uri > MAX_URI_BYTES:
        return head_too_long(414, f"{uri} characters")
    size = sum(len(name) + len(value) + 4 for name, value in headers.items())
    return head_too_long(431, f"{size} bytes") if size > MAX_HEADER_BYTES else None


def head_too_long(status: Literal[414, 431], found: str = "") -> Excess:
    """A URI (414) or headers (431) beyond the limit; `found` is their size if it is known."""
    limit = MAX_URI_BYTES if status == 414 else MAX_HEADER_BYTES
    what, verb = ("The URI", "has") if status == 414 else ("The headers", "have")
    unread = "is too long to be read" if status == 414 else "are too large to be read"
    said = f"{verb} {found}" if found else unread
    fix = {
        414: "put fewer claims into a client's token, and fewer 'excluded' ids into one REST request",
        431: "put fewer claims into the token",
    }[status]
    return Excess(status, f"{what} {said}, the limit is {limit}.", fix)


def request_excess(request: RestRequest, max_body: int = MAX_REST_BODY_BYTES) -> Excess | None:
    """The limit of size that a REST request breaks, if any."""
    excess = head_excess(request.path, request.query, request.headers)
    if excess is None and len(request.body) > max_body:
        # The body is read no further than its limit; its whole size is known only if the header tells it.
        length = request.headers.get("content-length", "")
        size = f"{length}" if length.isdecimal() else f"more than {max_body}"
        excess = Excess(
            413,
            f"The body has {size} bytes, the limit is {max_body}.",
            "send the large part another way, and its address in the message",
        )
    return excess


# Quotas


@dataclass(frozen=True, slots=True)
class Tier:
    """What one unit of a price tier holds. `messages_a_day` None: charged for, never refused."""

    name: str
    connections: int
    messages_a_day: int | None


TIERS: Mapping[str, Tier] = {
    "free": Tier("free", 20, 20_000),
    "standard": Tier("standard", 1_000, None),
}


class Quotas:
    """Counts one service's messages of the day (UTC) and tells when a tier would refuse.

    Only outbound messages count, once per connection and 2 KB; pings are free. What other nodes count is heard
    from them (quota_exchange).
    """

    def __init__(
        self,
        tier: Literal["free", "standard", "off"],
        wall: Callable[[], float],
        node: str = "",
    ) -> None:
        self._tier = TIERS.get(tier)
        self._wall = wall
        self._node = node
        self._day = 0
        self._sent: dict[str, int] = {}  # by node; each only ever grows on its day
        self.connected_elsewhere = 0

    @property
    def is_limited(self) -> bool:
        """False if nothing is ever refused."""
        return self._tier is not None

    @property
    def sent_today(self) -> int:
        """Message units sent since midnight UTC, by all nodes."""
        self._turn_day()
        return sum(self._sent.values())

    def sent_by_node(self) -> tuple[int, dict[str, int]]:
        """The day, and the units of each node that is known."""
        self._turn_day()
        return self._day, dict(self._sent)

    def hear(self, day: int, sent: Mapping[str, int]) -> None:
        """What another node knows. The larger count is the newer one."""
        self._turn_day()
        if day == self._day:
            for node, units in sent.items():
                self._sent[node] = max(units, self._sent.get(node, 0))

    def connection_excess(self, connected: int) -> Excess | None:
        """Why another connection beside `connected` ones of this node is refused, or None."""
        tier, connected = self._tier, connected + self.connected_elsewhere
        if tier is None or connected < tier.connections:
            return None
        return Excess(
            429,
            f"The {tier.name} tier holds {tier.connections} connections and {connected} are open.",
            "close some, or start the service with another --tier",
        )

    def message_excess(self) -> Excess | None:
        """Why no message may be sent any more today, or None."""
        tier = self._tier
        if tier is None or tier.messages_a_day is None or self.sent_today < tier.messages_a_day:
            return None
        return Excess(
            429,
            f"The {tier.name} tier sends {tier.messages_a_day} messages a day; they are used up.",
            "wait until midnight UTC, or start the service with another --tier",
        )

    def spend(self, connections: int, size: int) -> None:
        """Count a message of `size` bytes that went to so many connections."""
        if self._tier is not None:
            self._turn_day()
            units = connections * max(1, -(-size // UNIT_BYTES))
            self._sent[self._node] = self._sent.get(self._node, 0) + units

    def _turn_day(self) -> None:
        today = int(self._wall() // 86_400)
        if today != self._day:
            self._day, self._sent = today, {}
