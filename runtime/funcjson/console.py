"""What the terminal shows: log lines in the Functions host's style or as JSON, with every key and token masked."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

from funcjson.signalr.plain_text import escape_arguments, plain

# What must never reach a terminal or a file: access keys, tokens, bearer headers.
_SECRETS = re.compile(
    r"(?P<head>accesskey\s*=\s*|access_token=|bearer\s+|[?&]code=|x-functions-key['\"]?\s*[:=]\s*['\"]?)[^\s;&\"',]+"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    re.IGNORECASE,
)
_COLOURS = {logging.WARNING: "\x1b[33m", logging.ERROR: "\x1b[31m", logging.CRITICAL: "\x1b[31m"}
_RESET = "\x1b[0m"
# The platform's levels of log lines.
LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def redact(text: str) -> str:
    """The text with keys and tokens replaced by `***`."""
    return _SECRETS.sub(lambda match: f"{match['head'] or ''}***", text)


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class LineFormatter(logging.Formatter):
    """`[2026-08-01T10:00:00.123Z] text`, the prefix on each line of the message."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if not getattr(record, "user", False):  # what a handler prints may have its colours
            text = "\n".join("\t".join(map(plain, line.split("\t"))) for line in text.split("\n"))
        function = getattr(record, "function", None)
        invocation = getattr(record, "invocation_id", None)
        prefix = f"[{_instant(record)}] "
        # The host's own lines name both in their text; a failure has many lines, each to be found by its call.
        if function and (getattr(record, "user", False) or record.levelno >= logging.ERROR):
            prefix += f"{function} {invocation[:8]} | " if invocation else f"{function} | "
        lines = "\n".join(prefix + line for line in redact(text.rstrip("\n")).split("\n"))
        colour = _COLOURS.get(record.levelno, "") if self._colour else ""
        return f"{colour}{lines}{_RESET}" if colour else lines


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, function and invocationId where known, and a record's data."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        row = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(text),
        }
        for name, key in (
            ("function", "function"),
            ("invocation_id", "invocationId"),
            ("user", "user"),
        ):
            value = getattr(record, name, None)
            if value:
                row[key] = value
        row.update(getattr(record, "data", None) or {})
        return json.dumps(row, ensure_ascii=False)


class _Stdout(logging.StreamHandler[TextIO]):
    """A handler that does not die of a closed pipe: `funcjson start | head` is not an error."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            super().handleError(record)


def configure(
    level: str = "information", log_format: str = "text", stream: TextIO | None = None
) -> None:
    """Send the `funcjson` loggers to a stream. Called once, by the command line only."""
    target = stream or sys.stdout
    # Nothing shows where in the code a line was logged, so nobody need find out.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if isinstance(target, io.TextIOWrapper):
        # A line of user code is shown even when it has what cannot be encoded.
        target.reconfigure(errors="backslashreplace")
    handler = _Stdout(target)
    handler.setFormatter(
        JsonFormatter() if log_format == "json" else LineFormatter(target.isatty())
    )
    handler.addFilter(escape_arguments)
    logger = logging.getLogger("funcjson")
    logger.handlers[:] = [handler]
    logger.setLevel(LEVELS[level])
    logger.propagate = False
    for name, number in LEVELS.items():
        logging.addLevelName(number, name)
