"""What stands in the way of an upstream request, in words; the sender itself is in tests/contract/test_upstream_http.py."""

from __future__ import annotations

import errno
import socket
import ssl
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from funcjson.signalr.upstream_sender import connection_fault

KEY: Any = SimpleNamespace(host="h", port=1, ssl=True, is_ssl=True)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "x")),
            "nothing listens there",
        ),
        (aiohttp.ClientConnectorError(KEY, cast("Any", socket.gaierror(-2, "x"))), "no such host"),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLError("self-signed")),
            "SSL_CERT_FILE",
        ),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("wrong version")), "http://, not https://"),
        (aiohttp.ServerDisconnectedError(), "closed the connection without an answer"),
        (aiohttp.ClientPayloadError(), "broke off"),
        (ValueError("odd"), "odd"),
        (OSError(), "OSError"),
    ],
)
def test_a_fault_is_told_in_our_words(error: Exception, says: str) -> None:
    assert says in connection_fault(error)
