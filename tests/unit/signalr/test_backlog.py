from __future__ import annotations

from funcjson.signalr.backlog import SETTLED_S, Backlog

GRACE_S, STALL_S = 0.1, 3.0


def stalled_at(backlog: Backlog, now: float) -> bool:
    return backlog.is_stalled(now, GRACE_S, STALL_S)


def test_who_takes_nothing_has_only_the_grace() -> None:
    backlog = Backlog(taken=0, unsent=100, now=10.0)
    backlog.look(0, 200, 10.09)

    assert [stalled_at(backlog, now) for now in (10.09, 10.11)] == [False, True]
    assert backlog.cap(1000) == 500


def test_who_was_seen_to_read_while_behind_may_pause_for_seconds() -> None:
    backlog = Backlog(taken=0, unsent=100, now=10.0)
    backlog.look(50, 200, 11.0)

    assert [stalled_at(backlog, now) for now in (13.9, 14.1)] == [False, True]
    assert backlog.cap(1000) == 1000


def test_buffers_of_the_system_that_fill_at_first_are_no_reading() -> None:
    backlog = Backlog(taken=0, unsent=100, now=10.0)
    backlog.look(50, 200, 10.0 + SETTLED_S / 2)

    assert stalled_at(backlog, 10.5)


def test_who_had_caught_up_is_behind_anew() -> None:
    backlog = Backlog(taken=0, unsent=100, now=10.0)
    backlog.look(50, 200, 11.0)
    backlog.look(1000, 100, 60.0)

    assert [stalled_at(backlog, now) for now in (60.05, 60.2)] == [False, True]
