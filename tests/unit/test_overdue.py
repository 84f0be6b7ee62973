"""What is said of a call that took too long, and to the calls that end with it."""

from __future__ import annotations

from pathlib import Path

from funcjson.errors import Location
from funcjson.model import Binding, Direction, Function, Language
from funcjson.overdue import overdue_problem, restart_reason
from funcjson.workers.base import Stack, Stacks

FUNCTION = Function(
    "f", Path(), (Binding("t", "timerTrigger", Direction.IN, {}, ""),), Language.PYTHON, "f.py"
)
OWN = Stack("thread 1", "  in main\n", "own", "f", Location("f.py", 7))
OTHER = Stack("thread 2", "  in match\n", "other", "g", Location("g.py", 3))


def test_a_call_is_told_where_it_was_with_its_place() -> None:
    stacks = Stacks((OTHER, OWN))
    problem = overdue_problem(FUNCTION, "own", 5.0, stacks)

    assert problem.where == Location("f.py", 7)
    assert problem.why.startswith("just before its worker was stopped:\nthread 1, this call:\n")
    assert "thread 2, a call of 'g':" in problem.why
    assert restart_reason(FUNCTION, "own", 5.0, stacks) == (
        "function 'f' ran for more than 5 s",
        "",
    )


def test_a_call_that_another_one_held_up_is_told_which() -> None:
    stacks = Stacks((OTHER, OWN), holder=OTHER)
    problem = overdue_problem(FUNCTION, "own", 5.0, stacks)
    reason, why = restart_reason(FUNCTION, "own", 5.0, stacks)

    assert "a call of 'g' (other) held its process" in problem.what
    assert "in match" in problem.why
    assert "FUNCTIONS_WORKER_PROCESS_COUNT" in problem.fix
    assert "since a call of 'g' (other) held Python's global lock" in reason
    assert "in match" in why


def test_a_call_that_held_up_the_others_is_told_so() -> None:
    stacks = Stacks((OWN,), holder=OWN)
    problem = overdue_problem(FUNCTION, "own", 5.0, stacks)
    reason, why = restart_reason(FUNCTION, "own", 5.0, stacks)

    assert problem.what == "'f' did not finish within functionTimeout (5 s)"
    assert problem.why.startswith("it held Python's global lock")
    assert "in main" in problem.why
    assert reason.startswith("function 'f' ran for more than 5 s, in code that held")
    assert "in main" in why


def test_a_thread_of_no_call_may_be_what_held_it_up() -> None:
    background = Stack("thread 3", "  in spin\n")
    problem = overdue_problem(FUNCTION, "own", 5.0, Stacks((background, OWN), holder=background))

    assert "thread 3, which belongs to no call, held its process" in problem.what


def test_what_is_not_known_is_left_out() -> None:
    problem = overdue_problem(FUNCTION, "own", 90.0, Stacks())

    assert problem.why == ""
    assert problem.where == Location("f.py")
    assert problem.azure == "Timeout value of 00:01:30 was exceeded by function: Functions.f"
