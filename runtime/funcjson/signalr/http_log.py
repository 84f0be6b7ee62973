"""What aiohttp says of requests: those that cannot be read in one line, and never with their bytes."""

from __future__ import annotations

import logging
import re

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError


def http_log(name: str) -> logging.Logger:
    """The logger to give to a server of aiohttp."""
    logger = logging.getLogger(name)
    logger.addFilter(in_one_line)  # once, however often this is called
    return logger


def in_one_line(record: logging.LogRecord) -> bool:
    """A log filter: bytes that are no HTTP are their sender's fault, and not worth a traceback.

    The reason is kept, but not the bytes, which may hold a token.
    """
    fault = record.exc_info[1] if record.exc_info else None
    if isinstance(fault, HttpProcessingError | web.RequestPayloadError):
        said = str(fault).removeprefix("400, message:").strip()
        reason = re.split(r"""\n|:? \S*['"]""", said, maxsplit=1)[0].rstrip(":")
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = "a request that cannot be read was answered 400: %s"
        record.args = (reason,)
        record.exc_info = record.exc_text = None
    return True
