from __future__ import annotations

import pytest

from funcjson.signalr.loopback import is_loopback, is_own_host


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("localhost.", True),
        ("app.localhost", True),
        ("a.b.LocalHost.", True),
        ("applocalhost", False),
        (".localhost", False),
        ("localhost..", False),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_what_is_this_machine(address: str, expected: bool) -> None:
    assert is_loopback(address) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("localhost", True),
        ("localhost:7071", True),
        ("[::1]:8888", True),
        ("localhost.:7071", True),
        ("app.localhost:7071", True),
        ("127.0.0.1:1", True),
        ("rebound.example:7071", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_which_hosts_are_this_machine(header: str, expected: bool) -> None:
    assert is_own_host(header) == expected
