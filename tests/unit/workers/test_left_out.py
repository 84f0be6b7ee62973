"""Functions that are loaded no more, and the problem that each of them has."""

from __future__ import annotations

from pathlib import Path

from funcjson.errors import Location, Problem
from funcjson.model import Binding, Direction, Function, Language
from funcjson.workers.child import exit_problem
from funcjson.workers.left_out import LeftOut, how_it_ended

FUNCTION = Function(
    "f",
    Path("/app/f"),
    (Binding("t", "timerTrigger", Direction.IN, {}, ""),),
    Language.NODE,
    "f/index.js",
)


def left_out(end: Problem) -> Problem:
    functions = LeftOut(60.0)
    functions.ended(FUNCTION, end)
    problem = functions.problem("f")
    assert problem is not None
    return problem


def test_one_that_ended_its_process_has_the_place_where_it_did() -> None:
    end = exit_problem(Language.NODE, 3, ["no database"])
    known = Problem(
        end.code, end.what, Location("lib/db.js", 4, 2), "called here", "", function="f"
    )

    assert left_out(end).where == Location("f/index.js")
    assert "no database" in left_out(end).why
    assert left_out(known).where == Location("lib/db.js", 4, 2)
    assert left_out(known).function == "f"
    assert how_it_ended(end) == "the node worker process ended with exit code 3"
    assert how_it_ended(end) in left_out(end).what


def test_one_that_never_ended_shows_where_it_was() -> None:
    functions = LeftOut(60.0)
    functions.never_ended(FUNCTION, "    at f/index.js:1:1\n")
    problem = functions.problem("f")

    assert problem is not None
    assert "did not come to its end within 60 s" in problem.what
    assert problem.why == "it was here:\n    at f/index.js:1:1"
    assert "move what waits into the handler" in problem.fix


def test_the_others_are_not_left_out() -> None:
    functions = LeftOut(60.0)
    functions.never_ended(FUNCTION, "")

    assert ("f" in functions, "g" in functions) == (True, False)
    assert functions.problem("g") is None
