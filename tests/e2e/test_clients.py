"""The chat samples with three real clients: the official JavaScript one and two for Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.processes import ChatClient, RunningHost

CLIENTS = {
    "@microsoft/signalr": ("node", "node_client.mjs"),
    "pysignalr": (sys.executable, "pysignalr_client.py"),
    "signalrcore": (sys.executable, "signalrcore_client.py"),
}


@pytest.fixture(params=CLIENTS)
def pair(
    request: pytest.FixtureRequest, sample: RunningHost, npm_packages: Path
) -> Iterator[tuple[ChatClient, ChatClient]]:
    """Two connected clients of one kind: ann and bob."""
    with ExitStack() as stack:
        clients = []
        for user in ("ann", "bob"):
            client = ChatClient(CLIENTS[request.param], f"{sample.host}/api", user)
            stack.callback(client.stop)
            clients.append(client)
        yield clients[0].connected(), clients[1].connected()


def test_a_message_reaches_whom_it_is_for_and_nobody_else(
    sample: RunningHost, pair: tuple[ChatClient, ChatClient]
) -> None:
    ann, bob = pair

    def post(function: str, body: dict[str, str], user: str = "ann") -> None:
        answer = sample.call("POST", f"/api/{function}", body, user)
        assert answer.status == 202, (answer, sample.output.text())

    post("messages", {"text": "to all"})
    post("sendToUser", {"userId": "bob", "text": "to bob"})
    post("addToGroup", {"groupName": "readers"}, user="bob")
    post("sendToGroup", {"groupName": "readers", "text": "to readers"})
    post("removeFromGroup", {"groupName": "readers"}, user="bob")
    post("sendToGroup", {"groupName": "readers", "text": "to nobody"})
    post("messages", {"text": "the end"})

    assert ann.messages_until("the end") == ["to all", "the end"]
    assert bob.messages_until("the end") == ["to all", "to bob", "to readers", "the end"]


def test_a_message_names_its_sender_and_its_receiver(
    sample: RunningHost, pair: tuple[ChatClient, ChatClient]
) -> None:
    ann, _ = pair

    sample.call("POST", "/api/sendToUser", {"userId": "ann", "text": "grüße ☕"}, user="bob")

    assert ann.next_message() == {"sender": "bob", "text": "grüße ☕", "to": "ann"}
