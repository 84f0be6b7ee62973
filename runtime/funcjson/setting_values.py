"""Values of settings that count for nothing: counts that cannot be, and functions that are disabled and not there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from funcjson.errors import Problem, Severity
from funcjson.settings import Settings
from funcjson.workers.make import MOST_PROCESSES

CODE = "FJ0178"
# What counts, the least and the most; and what is used in place of anything else.
_COUNTS = {
    "FUNCTIONS_WORKER_PROCESS_COUNT": (1, MOST_PROCESSES, "the nearest that can be is used"),
    "PYTHON_THREADPOOL_THREAD_COUNT": (1, None, "the default of Python's own pools is used"),
}
_DISABLED = re.compile(r"AzureWebJobs(?:\.(.+)\.|_(.+)_)Disabled", re.IGNORECASE)
_YES_OR_NO = ("1", "true", "0", "false", "")


def count_problems(settings: Settings) -> Iterator[Problem]:
    """Counts of processes and threads that cannot be."""
    for name, (least, most, instead) in _COUNTS.items():
        text = (settings.get(name) or "").strip()
        number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None
        if not text or (number is not None and least <= number <= (most or number)):
            continue
        limits = f"from {least} to {most}" if most else f"of at least {least}"
        yield Problem(
            CODE,
            f"{name} is '{text}'",
            settings.connection_place(name),
            f"it is a whole number {limits}; {instead}",
            f'write "{name}": "{max(least, 4)}", or remove it',
            Severity.WARNING,
        )


def disabled_problems(settings: Settings, functions: Iterable[str]) -> Iterator[Problem]:
    """Settings that should disable a function and do not. `functions` are all that the app has."""
    known = {name.lower(): name for name in functions}
    for setting in settings.names():
        found = _DISABLED.fullmatch(setting)
        if found is None:
            continue
        name, value = found[1] or found[2], settings.get(setting) or ""
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), known, 1)
            why = f"the app has no function '{name}'"
            fix = f'write "AzureWebJobs.{known[near[0]]}.Disabled"' if near else "remove it"
        elif value.strip().lower() not in _YES_OR_NO:
            why = f"'{value}' is neither true nor 1, so the function runs, here as on Azure"
            fix = f'write "{setting}": "true"'
        else:
            continue
        yield Problem(
            CODE,
            f"'{setting}' disables nothing",
            settings.connection_place(setting),
            why,
            fix,
            Severity.WARNING,
        )
