"""Requests that no function saw: a bounded list with a count of all."""

from __future__ import annotations

from funcjson.turned_away import TurnedAway, TurnedAwayList


def test_the_last_ones_are_kept_and_all_are_counted() -> None:
    found = TurnedAwayList(limit=2, clock=lambda: 5.0)
    for number in range(3):
        found.add("GET", f"/{number}", 404, "no such route")

    assert list(found) == [
        TurnedAway(5.0, "GET", "/1", 404, "no such route"),
        TurnedAway(5.0, "GET", "/2", 404, "no such route"),
    ]
    assert found.count == 3


def test_long_paths_are_cut() -> None:
    found = TurnedAwayList()
    found.add("GET", "/" + "x" * 1000, 404, "")

    assert len(next(iter(found)).path) == 300
