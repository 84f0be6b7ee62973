"""Quiet: each reason once in a while."""

from __future__ import annotations

from funcjson.signalr.quiet_log import QUIET_S, Quiet


def test_a_reason_is_logged_once_in_a_while() -> None:
    now = [0.0]
    quiet = Quiet(lambda: now[0])

    assert quiet.may_log("a")
    assert quiet.may_log("b")
    assert not quiet.may_log("a")
    now[0] = QUIET_S
    assert quiet.may_log("a")


def test_reasons_without_end_cost_no_memory_without_end() -> None:
    quiet = Quiet(lambda: 0.0)
    for number in range(5000):
        quiet.may_log(str(number))

    assert len(quiet._logged) <= 1000
