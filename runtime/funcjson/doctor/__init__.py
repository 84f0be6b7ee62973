"""`funcjson doctor`: an app and a machine checked against what people commonly suffer from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcjson.doctor import app_checks, machine_checks
from funcjson.doctor.app_checks import Finding
from funcjson.doctor.machine import Machine, ThisMachine
from funcjson.doctor.patient import Patient, meet
from funcjson.errors import AppLoadError, Problem, Severity, render

CHECKS: Mapping[str, Callable[[Patient], Finding]] = {
    "python": machine_checks.python,
    "node": machine_checks.node,
    "custom handler": machine_checks.custom_handler,
    "functions": app_checks.functions,
    "settings": app_checks.settings,
    "connections": app_checks.connections,
    "ports": machine_checks.ports,
    "browsers": app_checks.browsers,
    "login": app_checks.login,
    "host.json": app_checks.host_json,
    "network": machine_checks.network,
}


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `said` is the good news, for when there are no problems."""

    name: str
    said: str
    problems: tuple[Problem, ...] = ()

    @property
    def status(self) -> str:
        """ok, note, warning or error: the worst of its problems."""
        present = {problem.severity for problem in self.problems}
        return next((str(severity) for severity in Severity if severity in present), "ok")

    def as_json(self) -> dict[str, Any]:
        """The stable shape that `--json` prints."""
        return {
            "check": self.name,
            "status": self.status,
            "said": self.said or None,
            "problems": [problem.as_json() for problem in self.problems],
        }


def examine(
    root: Path, environ: Mapping[str, str], machine: Machine | None = None
) -> tuple[Check, ...]:
    """Every check. Handlers are loaded as `start` loads them; nothing listens and nothing is changed."""
    try:
        patient = meet(root, environ, machine or ThisMachine())
    except AppLoadError as error:
        return (Check("functions", "", error.problems),)
    found = []
    for name, check in CHECKS.items():
        said, problems = check(patient)
        found.append(Check(name, said, tuple(problems)))
    return tuple(found)


def report(checks: tuple[Check, ...]) -> str:
    """The checks as a person reads them: a line each, then what to do, the worst last."""
    width = max(len(check.name) for check in checks)
    lines = [
        f"{check.status:<8} {check.name:<{width}}  {_line(check)}".rstrip() for check in checks
    ]
    order = [Severity.NOTE, Severity.WARNING, Severity.ERROR]
    problems = [problem for check in checks for problem in check.problems]
    for problem in sorted(problems, key=lambda problem: order.index(problem.severity)):
        lines += ["", render(problem)]
    counts = [(sum(p.severity is s for p in problems), str(s)) for s in Severity]
    summary = ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in counts)
    return "\n".join([*lines, "", summary])


def _line(check: Check) -> str:
    if not check.problems:
        return check.said
    first, *others = check.problems
    return first.what + (f" (and {len(others)} more)" if others else "")
