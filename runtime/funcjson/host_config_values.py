"""The values of host.json that have rules of their own: times, retries, levels of the log, headers."""

from __future__ import annotations

from funcjson.console import LEVELS
from funcjson.dotnet_text import BadFormat, timespan_s
from funcjson.errors import Severity
from funcjson.host_config_reader import HostConfigReader
from funcjson.http_headers import is_framing, is_name, is_value
from funcjson.model import RetryPolicy

DEFAULT_TIMEOUT_S = 1800.0

_DAY_S = 86400
# What host.json may let through: lines from a level on, or none.
_LEVELS = frozenset((*LEVELS, "none"))
_WRITE_TIME = 'write hh:mm:ss, such as "00:05:00", or "-1" for no limit'
_NEEDED = {
    "fixeddelay": ("delayInterval",),
    "exponentialbackoff": ("minimumInterval", "maximumInterval"),
}


def timeout(reader: HostConfigReader) -> float | None:
    """`functionTimeout` in seconds, None for no limit."""
    path = ("functionTimeout",)
    text = reader.text(*path)
    if text is None:
        return DEFAULT_TIMEOUT_S
    if text.strip() == "-1":
        return None
    try:
        seconds = timespan_s(text)
    except BadFormat as error:
        reader.problem(
            "FJ0112",
            path,
            f"functionTimeout '{text}' is not a time",
            f"{error} With it the host does not start, here as on Azure",
            _WRITE_TIME,
            Severity.ERROR,
        )
        return DEFAULT_TIMEOUT_S
    if seconds < 1:
        reader.problem(
            "FJ0112",
            path,
            f"functionTimeout '{text}' is shorter than a second",
            "with it the host does not start, here as on Azure",
            _WRITE_TIME,
            Severity.ERROR,
            "FunctionTimeout must be greater than 00:00:01 and less than "
            "10675199.02:48:05.4775807.",
        )
        return DEFAULT_TIMEOUT_S
    if seconds >= _DAY_S and "." not in text:
        days = int(seconds // _DAY_S)
        reader.problem(
            "FJ0112",
            path,
            f"functionTimeout '{text}' is {days} day{'' if days == 1 else 's'}",
            "a number alone, or one over 23 in front, counts as days, here as on Azure",
            f'write "{days}.00:00:00" if that is meant, else hh:mm:ss, such as "00:05:00"',
        )
    return seconds


def retry(reader: HostConfigReader) -> RetryPolicy | None:
    """`retry`, None when there is none or when it cannot be."""
    if not reader.section("retry"):
        return None
    strategy = reader.text("retry", "strategy") or "exponentialBackoff"
    needed = _NEEDED.get(strategy.lower())
    if needed is None:
        _no_retry(
            reader,
            "strategy",
            f"'{strategy}' is not a retry strategy",
            'write "fixedDelay" or "exponentialBackoff"',
        )
        return None
    times = {name: _interval(reader, name, strategy) for name in needed}
    count = _retry_count(reader)
    delay, least, most = (
        times.get(name) for name in ("delayInterval", "minimumInterval", "maximumInterval")
    )
    if least is not None and most is not None and least > most:
        _no_retry(
            reader,
            "minimumInterval",
            "'minimumInterval' is longer than maximumInterval",
            "make it shorter, or maximumInterval longer",
        )
        return None
    if count is None or None in times.values():
        return None
    return RetryPolicy(strategy, count, delay or 0.0, least or 0.0, most or 0.0)


def _interval(reader: HostConfigReader, name: str, strategy: str) -> float | None:
    try:
        seconds = timespan_s(reader.text("retry", name) or "")
    except BadFormat:
        reader.problem(
            "FJ0114",
            ("retry", name),
            f"retry needs '{name}' as hh:mm:ss",
            f"the strategy is {strategy}; without it there is no retry",
            f'add "{name}": "00:00:10"',
        )
        return None
    if seconds < 0:
        _no_retry(reader, name, f"'{name}' is less than nothing", f'write "{name}": "00:00:10"')
        return None
    return seconds


def _retry_count(reader: HostConfigReader) -> int | None:
    if reader.get("retry", "maxRetryCount") is None:
        reader.problem(
            "FJ0114",
            ("retry",),
            "retry needs 'maxRetryCount'",
            "without it there is no retry",
            'add "maxRetryCount": 3, or -1 to try for ever',
        )
        return None
    count = reader.number(0, "retry", "maxRetryCount")
    if count < -1:
        _no_retry(
            reader,
            "maxRetryCount",
            f"'maxRetryCount' is {count}",
            'write "maxRetryCount": 3, or -1 to try for ever',
        )
        return None
    return count


def _no_retry(reader: HostConfigReader, name: str, what: str, fix: str) -> None:
    why = "there is no retry then; the real host does not start"
    reader.problem("FJ0114", ("retry", name), what, why, fix)


def custom_headers(reader: HostConfigReader) -> dict[str, str]:
    """`extensions.http.customHeaders`, without those that no answer can have."""
    path = ("extensions", "http", "customHeaders")
    headers: dict[str, str] = {}
    for name, value in reader.section(*path).items():
        text = "" if value is None else str(value)
        if not is_name(name):
            wrong, fix = f"'{name}' is not a name for an HTTP header", "use letters, digits and -"
        elif is_framing(name):
            wrong, fix = f"the server sets '{name}' itself", "remove it"
        elif isinstance(value, dict | list):
            wrong, fix = f"the value of the header '{name}' must be text", "write it as text"
        elif not is_value(text):
            wrong = f"the value of the header '{name}' has a sign that HTTP headers cannot carry"
            fix = "write it on one line, in ASCII"
        else:
            headers[name] = text
            continue
        why = "the header is left out; on the real host every request fails"
        reader.problem("FJ0114", (*path, name), wrong, why, fix)
    return headers


def log_levels(reader: HostConfigReader) -> dict[str, str]:
    """Levels in lower case by category, `default` among them."""
    reader.section("logging")
    levels: dict[str, str] = {}
    for category in reader.section("logging", "logLevel"):
        level = reader.get("logging", "logLevel", category)
        if isinstance(level, str) and level.lower() in _LEVELS:
            levels[category] = level.lower()
        else:
            reader.problem(
                "FJ0114",
                ("logging", "logLevel", category),
                f"'{level}' is not a log level",
                "the level of this category stays as it is by default",
                "write one of Trace, Debug, Information, Warning, Error, Critical, None",
            )
    replaced = reader.get("logging", "logLevel", "default")
    if isinstance(replaced, str) and replaced.lower() in _LEVELS:
        levels["default"] = replaced.lower()
    return levels
