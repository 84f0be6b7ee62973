"""Whether a taken port is that of a process of ours."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from funcjson.held_ports import is_held_by_child, tells_of_taken_port

LISTEN = """import socket
s = socket.create_server(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
input()
"""


@pytest.fixture
def port_of_child() -> Iterator[int]:
    """A port on which a process listens that this one started."""
    command = [sys.executable, "-c", LISTEN]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
    ) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())
        child.communicate(b"\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error: listen EADDRINUSE: address already in use :::8080", True),
        ("OSError: [Errno 98] Address already in use", True),
        ("OSError: [Errno 48] Address already in use", True),
        ("SyntaxError: invalid syntax", False),
    ],
)
def test_an_error_tells_of_a_taken_port(text: str, expected: bool) -> None:
    assert tells_of_taken_port(text) is expected


def test_a_port_of_a_process_of_ours_is_known(port_of_child: int) -> None:
    node = "listen EADDRINUSE: address already in use"

    assert is_held_by_child(f"{node} :::{port_of_child}\n    at x.js:2:1")
    assert is_held_by_child(f"{node} 127.0.0.1:{port_of_child}")
    assert is_held_by_child("[Errno 98] Address already in use")


def test_a_port_of_this_process_is_not_that_of_another(port_of_child: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]

        assert not is_held_by_child(f"EADDRINUSE: address already in use :::{port}")


def test_nothing_is_held_where_no_process_of_ours_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert not is_held_by_child("[Errno 98] Address already in use")
