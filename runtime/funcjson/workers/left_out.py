"""Functions that are loaded no more: their modules ended the process while it loaded them, or never came to their end."""

from __future__ import annotations

from funcjson.errors import Location, Problem
from funcjson.model import Function
from funcjson.workers.child import WHILE_NEEDED
from funcjson.workers.load_fixes import load_fix


class LeftOut:
    """The functions of one worker that are left out, each with its problem."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._problems: dict[str, Problem] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._problems

    def problem(self, name: str) -> Problem | None:
        """Why a function is left out; None when it is not."""
        return self._problems.get(name)

    def ended(self, function: Function, end: Problem) -> None:
        """Its module ended the process; `end` tells how and, where it is known, at which place."""
        said = how_it_ended(end)
        self._add(function, said, end.where, end.why)

    def never_ended(self, function: Function, place: str) -> None:
        """What stands at the top of its module did not come to its end; `place` is where it was."""
        why = f"it was here:\n{place.rstrip()}" if place else ""
        self._add(function, not_in_time(self._limit_s), None, why)

    def _add(self, function: Function, said: str, where: Location | None, why: str) -> None:
        script = Location(function.script_file) if function.script_file else None
        self._problems[function.name] = Problem(
            "FJ0513",
            f"the handler of '{function.name}' could not be loaded: {said}",
            where or script,
            why,
            load_fix(said, wrote=why),
            function=function.name,
        )


def how_it_ended(end: Problem) -> str:
    """How a process ended, in words."""
    return end.what.removesuffix(WHILE_NEEDED)


def not_in_time(limit_s: float) -> str:
    """That code did not come to its end, in words."""
    return f"what stands at the top of its modules did not come to its end within {limit_s:g} s"
