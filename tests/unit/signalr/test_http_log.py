"""Requests that cannot be read: one line, the reason, none of their bytes."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from funcjson.signalr.http_log import http_log, in_one_line


def _logged(fault: Exception) -> logging.LogRecord:
    """As aiohttp logs a fault with a request."""
    record = logging.LogRecord(
        "aiohttp",
        logging.ERROR,
        "",
        0,
        "Error handling request from %s",
        ("127.0.0.1",),
        (type(fault), fault, None),
    )
    assert in_one_line(record)
    return record


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            BadHttpMessage("Received HTTPS traffic on an HTTP port\n\n  b'\\x16'"),
            "Received HTTPS traffic on an HTTP port",
        ),
        (
            BadHttpMessage("Got more than 16896 bytes when reading: b'Bearer aaa...'."),
            "Got more than 16896 bytes when reading",
        ),
        (
            BadHttpMessage(
                "Got more than 12800 bytes when reading: bytearray(b'/client/?acc...')."
            ),
            "Got more than 12800 bytes when reading",
        ),
        (
            web.RequestPayloadError("400, message:\n  Can not decode content-encoding: gzip"),
            "Can not decode content-encoding: gzip",
        ),
    ],
)
def test_what_is_no_http_is_told_in_one_line_without_its_bytes(
    fault: Exception, reason: str
) -> None:
    record = _logged(fault)

    assert record.exc_info is None
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"a request that cannot be read was answered 400: {reason}"


def test_a_fault_of_our_own_keeps_its_traceback() -> None:
    record = _logged(RuntimeError("a bug"))

    assert record.exc_info
    assert record.getMessage() == "Error handling request from 127.0.0.1"


def test_a_logger_filters_once() -> None:
    assert http_log("funcjson.test.http").filters == http_log("funcjson.test.http").filters
    assert http_log("funcjson.test.http").filters.count(in_one_line) == 1
