"""What stands beside `bindings` in a document: names that are read or do nothing, and retry."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from funcjson.canonical import Places
from funcjson.errors import Problem, Severity
from funcjson.model import RetryPolicy

# Only in this spelling and letter case, unlike all names inside a binding.
READ = ("bindings", "scriptFile", "entryPoint", "retry", "configurationSource")
IGNORED_QUIETLY = ("$schema", "generatedBy", "language", "functionDirectory", "properties")

# Names that people expect to work, and what to do instead. `{0}` is the function's name.
_DOES_NOTHING = {
    "excluded": "it was for version 1.x of the host: remove it",
    "name": "the folder's name is the function's name: rename the folder, and remove it",
    "route": "it belongs on the httpTrigger in 'bindings'",
    "methods": "it belongs on the httpTrigger in 'bindings'",
    "authlevel": "it belongs on the httpTrigger in 'bindings'",
    "functiontimeout": "it belongs in host.json, and counts for all functions",
    "logging": "it belongs in host.json",
    "extensionbundle": "it belongs in host.json",
    "extensions": "it belongs in host.json",
    "version": "it belongs in host.json",
    "runtime": "set FUNCTIONS_WORKER_RUNTIME in local.settings.json",
}


def top_level_problems(body: Mapping[str, Any], name: str, places: Places) -> Iterator[Problem]:
    """Warnings for members that nothing reads, and an error for compiled functions."""
    for key, value in body.items():
        if key in READ or key in IGNORED_QUIETLY or key.startswith(("$", "_", "/", "#")):
            continue
        if key == "disabled":
            if value is not False:
                yield _disabled(name, places)
            continue
        yield from _unread(key, body, places)
    source = body.get("configurationSource")
    if source is not None and source != "config":
        yield _configuration_source(source, name, places)


def _disabled(name: str, places: Places) -> Problem:
    return Problem(
        "FJ0219",
        "'disabled' does nothing, the function runs",
        places.locate_key("/disabled"),
        why="it was for version 1.x of the host, and is ignored since 2.x",
        fix=f'to disable it, add "AzureWebJobs.{name}.Disabled": "true" to Values in '
        "local.settings.json",
        severity=Severity.WARNING,
    )


def _unread(key: str, body: Mapping[str, Any], places: Places) -> Iterator[Problem]:
    fix = _DOES_NOTHING.get(key.lower())
    near = difflib.get_close_matches(key.lower(), [name.lower() for name in READ], n=1, cutoff=0.8)
    meant = next((name for name in READ if near and name.lower() == near[0]), None)
    if meant == "bindings" and "bindings" not in body:
        return  # Reported as missing bindings.
    why = "the host ignores it without a word"
    if meant and meant not in body:
        fix = f'rename it to "{meant}"'
        why = f"'{meant}' counts only in this spelling and letter case"
    yield Problem(
        "FJ0218",
        f"'{key}' does nothing here",
        places.locate_key(f"/{key}"),
        why=why,
        fix=fix or "remove it",
        severity=Severity.WARNING,
    )


def _configuration_source(source: Any, name: str, places: Places) -> Problem:
    known = source == "attributes"
    return Problem(
        "FJ0224",
        "this function is compiled C#, which does not run here"
        if known
        else f"'configurationSource' is {source!r}",
        places.locate("/configurationSource"),
        why="its bindings are attributes in an assembly" if known else "it must be config",
        fix="run it with the real host" if known else "remove it",
        azure=None
        if known
        else f"Illegal value '{source}' for 'configurationSource' property in {name}'.",
    )


_NEEDED = {
    "fixeddelay": ("maxRetryCount", "delayInterval"),
    "exponentialbackoff": ("maxRetryCount", "minimumInterval", "maximumInterval"),
}
_EXAMPLES = {
    "maxRetryCount": "5",
    "delayInterval": '"00:00:10"',
    "minimumInterval": '"00:00:10"',
    "maximumInterval": '"00:15:00"',
}
_TIME = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,7})?)?")


def retry_policy(
    retry: Any, places: Places, pointer: str = "/retry"
) -> tuple[RetryPolicy | None, list[Problem]]:
    """`retry` of a document or of host.json; a missing strategy means exponential back-off."""
    if retry is None:
        return None, []
    if not isinstance(retry, dict):
        return None, [_not_an_object(pointer, places)]
    strategy = str(retry.get("strategy") or "exponentialBackoff")
    needed = _NEEDED.get(strategy.lower())
    if needed is None:
        return None, [_no_such_strategy(strategy, pointer, places)]
    found: dict[str, float] = {}
    problems: list[Problem] = []
    for name in needed:
        value = retry.get(name)
        number = _count(value) if name == "maxRetryCount" else seconds(value)
        if number is None:
            problems.append(_needs(name, strategy, value, pointer, places))
        else:
            found[name] = number
    if not problems and found.get("minimumInterval", 0.0) > found.get("maximumInterval", 0.0):
        problems.append(_longer_than_the_longest(pointer, places))
    if problems:
        return None, problems
    policy = RetryPolicy(
        strategy="fixedDelay" if "delayInterval" in needed else "exponentialBackoff",
        max_retry_count=int(found["maxRetryCount"]),
        delay_s=found.get("delayInterval", 0.0),
        minimum_s=found.get("minimumInterval", 0.0),
        maximum_s=found.get("maximumInterval", 0.0),
    )
    return policy, []


def seconds(text: Any) -> float | None:
    """`d.hh:mm:ss` as seconds; None for anything else."""
    found = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    days, hours, minutes, whole, rest = found.groups("0")
    return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(whole) + float(rest)


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= -1
    return value if whole else None


def _not_an_object(pointer: str, places: Places) -> Problem:
    return Problem(
        "FJ0220",
        "'retry' must be an object",
        places.locate(pointer),
        why="it says how often and how long to wait",
        fix='write "retry": {"strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": '
        '"00:00:10"}',
    )


def _no_such_strategy(strategy: str, pointer: str, places: Places) -> Problem:
    return Problem(
        "FJ0220",
        f"'{strategy}' is not a retry strategy",
        places.locate(f"{pointer}/strategy"),
        why="there are fixedDelay and exponentialBackoff",
        fix='write "fixedDelay" or "exponentialBackoff"',
        azure=f'Error converting value "{strategy}" to type '
        "'System.Nullable`1[Microsoft.Azure.WebJobs.Script.Description.RetryStrategy]'.",
    )


def _longer_than_the_longest(pointer: str, places: Places) -> Problem:
    return Problem(
        "FJ0220",
        "'minimumInterval' is longer than maximumInterval",
        places.locate(f"{pointer}/minimumInterval"),
        why="the wait grows from the one to the other; the real host refuses this too",
        fix="make it shorter, or maximumInterval longer",
    )


def _needs(name: str, strategy: str, value: Any, pointer: str, places: Places) -> Problem:
    example = _EXAMPLES[name]
    if value is None:
        parameter = name[0].upper() + name[1:]
        return Problem(
            "FJ0220",
            f"retry needs '{name}'",
            places.locate(pointer),
            why=f"the strategy {strategy} cannot work without it",
            fix=f'add "{name}": {example}',
            azure=f"Value cannot be null. (Parameter '{parameter}')",
        )
    return Problem(
        "FJ0220",
        f"'{name}' is {value!r}",
        places.locate(f"{pointer}/{name}"),
        why="it must be a whole number, -1 for ever"
        if name == "maxRetryCount"
        else "it must be a time as hh:mm:ss",
        fix=f'write "{name}": {example}',
    )
