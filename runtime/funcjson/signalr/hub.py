"""Who is connected to one hub, under which user and in which groups: plain data and rules, no I/O.

Group membership dies with the connection. A user can be remembered for a group (a tag): connections of that user
that start later join it. The rules of tags are the published ones of user groups.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

YEAR_S = 365 * 24 * 3600.0
TAGS_WITHOUT_TTL = 100  # the newest groups without ttl that a user keeps


class Identified(Protocol):
    """What a hub must know of a connection."""

    @property
    def id(self) -> str: ...

    @property
    def user_id(self) -> str | None: ...


C = TypeVar("C", bound=Identified)


@dataclass(frozen=True, slots=True)
class Tag:
    """A user is remembered for a group until `expires_at` (wall clock seconds)."""

    expires_at: float
    has_ttl: bool


class Hub(Generic[C]):
    """One hub. Names compare exactly. Times are wall clock seconds, given by the caller."""

    __slots__ = ("_joined", "connections", "groups", "name", "tags", "users")

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections: dict[str, C] = {}
        self.users: dict[str, dict[str, C]] = {}
        self.groups: dict[str, dict[str, C]] = {}
        self.tags: dict[str, dict[str, Tag]] = {}  # user -> group -> tag, oldest first
        self._joined: dict[str, set[str]] = {}  # connection id -> groups; absent when in none

    # Connections

    def add(self, connection: C, now: float) -> None:
        """A connection finished its handshake: it joins the groups that its user is remembered for."""
        self.connections[connection.id] = connection
        user = connection.user_id
        if user is None:
            return
        self.users.setdefault(user, {})[connection.id] = connection
        for group in self.remembered(user, now):
            self.join(connection.id, group)

    def remove(self, connection_id: str) -> C | None:
        """Forget a connection and its memberships; None if it was not here."""
        connection = self.connections.pop(connection_id, None)
        if connection is None:
            return None
        self.leave_all(connection_id)
        if connection.user_id is not None:
            _discard(self.users, connection.user_id, connection_id)
        return connection

    # Groups

    def join(self, connection_id: str, group: str) -> bool:
        """False if there is no such connection."""
        connection = self.connections.get(connection_id)
        if connection is None:
            return False
        self.groups.setdefault(group, {})[connection_id] = connection
        self._joined.setdefault(connection_id, set()).add(group)
        return True

    def leave(self, connection_id: str, group: str) -> bool:
        """False if there is no such connection; True also if it was no member."""
        if connection_id not in self.connections:
            return False
        self._leave(connection_id, group)
        return True

    def leave_all(self, connection_id: str) -> None:
        """Out of every group."""
        for group in self._joined.pop(connection_id, ()):
            _discard(self.groups, group, connection_id)

    def groups_of(self, connection_id: str) -> frozenset[str]:
        """The groups that a connection is in."""
        return frozenset(self._joined.get(connection_id, ()))

    def _leave(self, connection_id: str, group: str) -> None:
        _discard(self.groups, group, connection_id)
        joined = self._joined.get(connection_id)
        if joined is not None:
            joined.discard(group)
            if not joined:
                del self._joined[connection_id]

    # Users in groups

    def join_user(self, user: str, group: str, ttl_s: float | None, now: float) -> None:
        """Live connections join now; later ones while the tag lives. ttl 0 leaves no tag."""
        for connection_id in self.users.get(user, ()):
            self.join(connection_id, group)
        tags = self.tags.setdefault(user, {})
        tags.pop(group, None)  # again: the newest, with the new ttl
        if ttl_s != 0:
            tags[group] = Tag(now + (YEAR_S if ttl_s is None else ttl_s), ttl_s is not None)
        endless = [name for name, tag in tags.items() if not tag.has_ttl]
        for name in endless[: max(0, len(endless) - TAGS_WITHOUT_TTL)]:
            del tags[name]
        if not tags:
            del self.tags[user]

    def leave_user(self, user: str, group: str) -> None:
        """Forget the tag, and take the user's live connections out."""
        _discard(self.tags, user, group)
        for connection_id in tuple(self.users.get(user, ())):
            self._leave(connection_id, group)

    def leave_user_all(self, user: str) -> None:
        """Forget all tags; take the user's connections out of every group, however they joined."""
        self.tags.pop(user, None)
        for connection_id in tuple(self.users.get(user, ())):
            self.leave_all(connection_id)

    def remembered(self, user: str, now: float) -> list[str]:
        """The groups whose tag still lives."""
        return [group for group, tag in self.tags.get(user, {}).items() if tag.expires_at > now]

    def is_user_in(self, user: str, group: str, now: float) -> bool:
        """Remembered, or with a live connection in it."""
        tag = self.tags.get(user, {}).get(group)
        if tag is not None and tag.expires_at > now:
            return True
        members = self.groups.get(group, {})
        return any(each in members for each in self.users.get(user, ()))

    def forget_expired(self, now: float) -> None:
        """Drop tags that no longer count."""
        for user in [u for u, tags in self.tags.items() if _any_expired(tags.values(), now)]:
            for group in [g for g, t in self.tags[user].items() if t.expires_at <= now]:
                _discard(self.tags, user, group)

    # Audiences

    def all(self) -> Iterable[C]:
        """Every connection."""
        return self.connections.values()

    def of_user(self, user: str) -> Iterable[C]:
        """The connections of a user."""
        return self.users.get(user, {}).values()

    def of_group(self, group: str) -> Iterable[C]:
        """The connections in a group."""
        return self.groups.get(group, {}).values()

    def page(self, group: str, after: str, limit: int) -> tuple[list[C], bool]:
        """At most `limit` members with an id greater than `after`, by id; and whether more follow."""
        members = self.groups.get(group, {})
        ids = sorted(members)
        start = bisect.bisect_right(ids, after) if after else 0
        return [members[each] for each in ids[start : start + limit]], start + limit < len(ids)

    @property
    def is_empty(self) -> bool:
        """True if nothing would be lost by forgetting this hub."""
        return not self.connections and not self.tags


def _any_expired(tags: Iterable[Tag], now: float) -> bool:
    return any(tag.expires_at <= now for tag in tags)


T = TypeVar("T")


def _discard(table: dict[str, dict[str, T]], outer: str, inner: str) -> None:
    """Remove table[outer][inner]; an inner dict that becomes empty goes too."""
    members = table.get(outer)
    if members is not None:
        members.pop(inner, None)
        if not members:
            del table[outer]


def without(audience: Iterable[C], excluded: Iterable[str]) -> Iterator[C]:
    """The audience but those ids."""
    ids = frozenset(excluded)
    return (each for each in audience if each.id not in ids)
