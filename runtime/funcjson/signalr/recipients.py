"""Who got a message, and who was there and did not: a bounded list, made in the moment of the send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

from funcjson.signalr.hub import Hub, Identified

MOST = 20  # names of each kind; a broadcast to thousands must cost no more for it
_MOST_LOOKED_AT = 3 * MOST

C = TypeVar("C", bound=Identified)


class Recipient(NamedTuple):
    """One connection."""

    connection_id: str
    user_id: str | None
    hub: str


class Recipients(NamedTuple):
    """The first of those that got a message, and of those of any hub that did not."""

    got: tuple[Recipient, ...]
    missed: tuple[Recipient, ...]


def recipients(hubs: Mapping[str, Hub[C]], hub: str, audience: Iterable[C]) -> Recipients:
    """Look at the audience of a message to `hub` (its key), and at the first others."""
    reached = list(islice(audience, _MOST_LOOKED_AT))
    ids = {one.id for one in reached}
    got = tuple(Recipient(one.id, one.user_id, hub) for one in reached[:MOST])
    # With a longer audience the first connections of a hub are as likely in it as not: none is named.
    others = _others(hubs, hub, ids) if len(reached) < _MOST_LOOKED_AT else ()
    return Recipients(got, tuple(islice(others, MOST)))


def _others(hubs: Mapping[str, Hub[C]], hub: str, reached: set[str]) -> Iterator[Recipient]:
    """Of the message's own hub first."""
    for name in (hub, *(other for other in hubs if other != hub)):
        if name not in hubs:
            continue
        for one in islice(hubs[name].connections.values(), _MOST_LOOKED_AT):
            if one.id not in reached:
                yield Recipient(one.id, one.user_id, name)
