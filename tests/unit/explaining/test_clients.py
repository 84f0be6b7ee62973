"""Made-up clients: how they are written, and which hub they mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from funcjson.errors import FuncJsonError
from funcjson.explaining.clients import Clients, ClientSpec, parse_client, reasons, unheard


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("alice", ClientSpec("alice")),
        ("alice@Chat", ClientSpec("alice", "chat")),
        ("alice@chat+a+b", ClientSpec("alice", "chat", ("a", "b"))),
        ("alice+a", ClientSpec("alice", "", ("a",))),
        ("@chat", ClientSpec("", "chat")),
    ],
)
def test_a_client_is_written_in_one_word(text: str, spec: ClientSpec) -> None:
    assert parse_client(text) == spec
    assert str(spec).lower() == text.lower()


@pytest.mark.parametrize("text", ["", "a@b@c", "alice@"])
def test_what_is_no_client_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NAME@HUB"):
        parse_client(text)


@pytest.mark.parametrize("hubs", [(), ("chat", "news")])
async def test_a_client_without_a_hub_needs_an_app_with_one(hubs: tuple[str, ...]) -> None:
    endpoint = SimpleNamespace(client_endpoint="http://127.0.0.1:1/")
    stage: Any = SimpleNamespace(local=SimpleNamespace(endpoint=endpoint))

    with pytest.raises(FuncJsonError) as caught:
        async with Clients(stage, [ClientSpec("alice")], hubs):
            pass

    assert caught.value.problems[0].code == "FJ0158"


async def test_without_clients_nothing_is_heard() -> None:
    stage: Any = SimpleNamespace(local=None)

    async with Clients(stage, (), ("chat",)) as clients:
        assert await clients.heard() == []


def test_messages_that_a_client_has_no_handler_for() -> None:
    client = {"messages": [{"target": "News"}, {"target": "newz"}, {"target": "newz"}]}

    assert unheard(client, ("news",)) == ["newz"]
    assert unheard(client, ()) == []


def test_a_client_that_got_a_message_needs_no_reason() -> None:
    client = {"connection": "c1", "user": "ann", "hub": "chat", "groups": ["red"]}
    row = {"hub": "chat", "to": "group", "name": "blue", "target": "m", "got": [], "missed": []}

    assert reasons(client, [row]) == ["not in group 'blue'; it is in 'red'"]
    assert reasons(client, [{**row, "got": [{"connection": "c1"}]}]) == []
    assert reasons(client, [{**row, "target": ""}]) == []
