from __future__ import annotations

from funcjson.signalr.backplane.gone import TOLD_S, Gone


def test_a_node_that_is_gone_is_told_for_a_while() -> None:
    gone = Gone()
    gone.bury("b", 100.0)

    assert gone.told(112.4) == "node b is gone, not heard for 12 s"
    assert gone.told(100.0 + TOLD_S + 1) == ""


def test_several_that_are_gone_are_named_in_one_sentence() -> None:
    gone = Gone()
    for number in range(5):
        gone.bury(f"n{number}", 100.0)

    assert gone.told(104.0) == "nodes n0, n1, n2 and 2 more are gone, not heard for 4 s"


def test_one_that_is_back_is_told_no_more_and_was_missed_once() -> None:
    gone = Gone()
    gone.bury("b", 100.0)

    assert gone.returns("b")
    assert not gone.returns("b")
    assert gone.told(101.0) == ""


def test_one_that_comes_back_late_was_still_missed() -> None:
    gone = Gone()
    gone.bury("b", 100.0)
    assert gone.told(100_000.0) == ""

    assert gone.returns("b")
