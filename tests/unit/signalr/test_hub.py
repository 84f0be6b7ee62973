"""Who is in a hub, a user, a group: the published rules of user groups, and nothing left behind."""

from __future__ import annotations

from dataclasses import dataclass

from funcjson.signalr.hub import TAGS_WITHOUT_TTL, YEAR_S, Hub, without


@dataclass(frozen=True, slots=True)
class Someone:
    id: str
    user_id: str | None = None


def hub(*connections: Someone) -> Hub[Someone]:
    made: Hub[Someone] = Hub("chat")
    for connection in connections:
        made.add(connection, 0.0)
    return made


def members(found: Hub[Someone], group: str) -> list[str]:
    return sorted(each.id for each in found.of_group(group))


def test_audiences() -> None:
    a, b, c = Someone("a", "ann"), Someone("b", "ann"), Someone("c")
    found = hub(a, b, c)
    found.join("c", "g")

    assert list(found.all()) == [a, b, c]
    assert list(found.of_user("ann")) == [a, b]
    assert list(found.of_user("")) == []
    assert list(found.of_group("g")) == [c]
    assert list(without(found.all(), ["a", "nobody"])) == [b, c]


def test_membership_dies_with_the_connection() -> None:
    found = hub(Someone("a", "ann"))
    found.join("a", "g")
    assert found.remove("a") == Someone("a", "ann")
    assert found.remove("a") is None
    found.add(Someone("a2", "ann"), 0.0)

    assert members(found, "g") == []
    assert found.groups == {}


def test_joining_needs_a_connection_and_leaving_needs_no_membership() -> None:
    found = hub(Someone("a"))

    assert found.join("nobody", "g") is False
    assert found.leave("nobody", "g") is False
    assert found.leave("a", "g") is True


def test_out_of_every_group() -> None:
    found = hub(Someone("a"))
    found.join("a", "g1")
    found.join("a", "g2")
    assert found.groups_of("a") == {"g1", "g2"}
    found.leave("a", "g1")
    found.leave_all("a")
    found.leave_all("a")

    assert found.groups_of("a") == frozenset()


def test_a_user_is_remembered_before_it_connects() -> None:
    found = hub()
    found.join_user("ann", "g", None, now=0.0)
    found.add(Someone("a", "ann"), now=1.0)
    found.add(Someone("b", "bob"), now=1.0)

    assert members(found, "g") == ["a"]
    assert found.is_user_in("ann", "g", now=1.0)
    assert not found.is_user_in("bob", "g", now=1.0)


def test_a_ttl_is_for_connections_to_come() -> None:
    found = hub(Someone("old", "ann"))
    found.join_user("ann", "g", 10.0, now=0.0)
    found.add(Someone("in time", "ann"), now=9.0)
    found.add(Someone("late", "ann"), now=10.0)
    found.forget_expired(10.0)

    assert members(found, "g") == ["in time", "old"]
    assert found.tags == {}
    assert found.is_user_in("ann", "g", now=20.0), "by its live connections"


def test_a_ttl_of_zero_leaves_nothing_behind() -> None:
    found = hub(Someone("a", "ann"))
    found.join_user("ann", "g", 0, now=0.0)
    found.add(Someone("b", "ann"), now=0.0)

    assert members(found, "g") == ["a"]
    assert found.tags == {}


def test_without_a_ttl_it_is_a_year() -> None:
    found = hub()
    found.join_user("ann", "g", None, now=0.0)

    assert found.remembered("ann", now=YEAR_S - 1) == ["g"]
    assert found.remembered("ann", now=YEAR_S) == []


def test_the_newest_hundred_groups_without_a_ttl_are_kept() -> None:
    found = hub()
    found.join_user("ann", "short", 1000.0, now=0.0)
    for number in range(TAGS_WITHOUT_TTL):
        found.join_user("ann", f"g{number}", None, now=0.0)
    found.join_user("ann", "g0", None, now=0.0)  # again: now the newest
    found.join_user("ann", "one more", None, now=0.0)
    kept = set(found.remembered("ann", now=1.0))

    assert "g1" not in kept
    assert {"short", "g0", "g2", "one more"} <= kept
    assert len(kept) == TAGS_WITHOUT_TTL + 1


def test_a_user_leaves_one_group_or_all() -> None:
    found = hub(Someone("a", "ann"))
    found.join_user("ann", "g1", None, now=0.0)
    found.join_user("ann", "g2", None, now=0.0)
    found.join("a", "by id")
    found.leave_user("ann", "g1")
    assert (members(found, "g1"), members(found, "g2")) == ([], ["a"])
    found.leave_user_all("ann")

    assert found.groups == {}
    assert found.tags == {}


def test_a_page_of_members() -> None:
    found = hub(*(Someone(each) for each in "dbace"))
    for each in "abcde":
        found.join(each, "g")

    assert [
        [m.id for m in page] for page in [found.page("g", "", 2)[0], found.page("g", "b", 9)[0]]
    ] == [["a", "b"], ["c", "d", "e"]]
    assert found.page("g", "", 4)[1] is True
    assert found.page("g", "", 5)[1] is False
    assert found.page("nothing", "", 5) == ([], False)


def test_a_hub_that_remembers_somebody_is_not_empty() -> None:
    found = hub()
    assert found.is_empty
    found.join_user("ann", "g", None, now=0.0)

    assert not found.is_empty
