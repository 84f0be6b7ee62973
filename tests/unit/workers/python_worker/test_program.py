"""The child process's own part; that it serves a host is in the contract."""

from __future__ import annotations

import socket

from funcjson.workers.python_worker.program import _messages
from funcjson.workers.wire import Decoder, encode


def test_messages_end_with_the_host() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(encode({"op": "load", "id": "1"}) + encode({"op": "stop"}))
        ours.shutdown(socket.SHUT_WR)

        assert [m["op"] for m in _messages(theirs, Decoder())] == ["load", "stop"]


def test_a_broken_connection_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()

    assert list(_messages(theirs, Decoder())) == []
