from __future__ import annotations

from funcjson.signalr.backplane.base import Answers


def test_a_whole_answer_has_no_gap() -> None:
    assert Answers().gap == Answers(({},)).gap == ""


def test_a_gap_counts_and_names_the_silent_nodes() -> None:
    answers = Answers(({}, {}), ("a", "b", "c", "d"))

    assert answers.gap == "4 of 6 other nodes did not answer (a, b, c, ...)"


def test_a_node_that_is_cut_off_says_why() -> None:
    assert Answers(cut_off="Redis is gone").gap == "only this node was asked: Redis is gone"
