"""app_facts: hubs, targets and places that an app's own files name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.app_facts import facts_of, place_in_handler
from funcjson.app_version import AppVersion, Loader

TRIGGER = {"type": "httpTrigger", "direction": "in", "name": "req"}
PAGE = '<script src="signalr.js"></script>\n<script>\nconnection.on("newMessage", show)\n</script>'


def signalr(hub: str) -> dict[str, Any]:
    return {"type": "signalR", "direction": "out", "name": "messages", "hubName": hub}


def info(hub: str, **more: str) -> dict[str, Any]:
    return {
        "type": "signalRConnectionInfo",
        "direction": "in",
        "name": "info",
        "hubName": hub,
        **more,
    }


async def load(
    root: Path, code: str = "module.exports = async () => {};\n", **functions: list[dict[str, Any]]
) -> AppVersion:
    (root / "host.json").write_text('{"version": "2.0"}', "utf-8")
    for name, bindings in functions.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(
            json.dumps({"bindings": [TRIGGER, *bindings]}), "utf-8"
        )
        (root / name / "index.js").write_text(code, "utf-8")
    return await Loader(root, {}).load()


async def test_hubs_of_clients_and_of_messages_are_told_apart(tmp_path: Path) -> None:
    version = await load(
        tmp_path, negotiate=[info("Chat", userId="{headers.x}")], send=[signalr("news")]
    )

    facts = facts_of(version)

    assert dict(facts.token_hubs) == {"chat": ("negotiate",)}
    assert dict(facts.send_hubs) == {"news": ("send",)}
    assert facts.hubs == ("chat", "news")
    assert facts.users


async def test_a_hub_that_is_an_expression_may_be_any(tmp_path: Path) -> None:
    version = await load(tmp_path, negotiate=[info("{query.hub}")], send=[signalr("news")])

    facts = facts_of(version)

    assert facts.any_hub


async def test_pages_are_read_for_what_they_listen_for(tmp_path: Path) -> None:
    for folder in ("content", "node_modules/x"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "content" / "index.html").write_text(PAGE, "utf-8")
    (tmp_path / "content" / "other.js").write_text("stream.on('data', f)", "utf-8")
    (tmp_path / "node_modules" / "x" / "x.js").write_text("signalr.on('inside')", "utf-8")

    facts = facts_of(await load(tmp_path, send=[signalr("chat")]))

    assert dict(facts.listeners) == {"newMessage": "content/index.html:3"}


CLIENT = 'import { HubConnectionBuilder } from "@microsoft/signalr";\n'


@pytest.mark.parametrize(
    ("code", "listeners", "unread"),
    [
        ('c.on("typing", f)', {"typing": "client.jsx:2"}, False),
        ("c\n  .on('typing', f)", {"typing": "client.jsx:2"}, False),
        ('const N = "newMessage"; c.on(N, f); c.on("typing", g)', {"typing": "client.jsx:2"}, True),
        ("c.on(`room-${id}`, f)", {}, True),
        ('process.on("unhandledRejection", f)', {}, False),
        ('req.on("data", f); socket.on("end", g); $("#b").on("click", h)', {}, False),
    ],
)
async def test_what_client_code_listens_for(
    tmp_path: Path, code: str, listeners: dict[str, str], unread: bool
) -> None:
    (tmp_path / "client.jsx").write_text(CLIENT + code, "utf-8")

    facts = facts_of(await load(tmp_path, send=[signalr("chat")]))

    assert (dict(facts.listeners), facts.unread) == (listeners, unread)


async def test_handlers_are_no_clients(tmp_path: Path) -> None:
    code = 'process.once; other.on("end", f); context.bindings.signalRMessages = [];\n'

    facts = facts_of(await load(tmp_path, code, send=[signalr("chat")]))

    assert (dict(facts.listeners), facts.unread) == ({}, False)


async def test_targets_that_handlers_send_and_where_hubs_are_written(tmp_path: Path) -> None:
    code = 'x = 1;\nmessages = { target: "news", arguments: [] };\n'

    version = await load(tmp_path, code, send=[signalr("chat")], negotiate=[info("chat")])
    facts = facts_of(version)

    assert facts.targets == {"news": {"send": "send/index.js:2"}}
    assert facts.hub_places["send", "chat"].startswith("send/function.json:1:")
    assert facts.hub_places["negotiate", "chat"].startswith("negotiate/function.json:1:")
    assert place_in_handler(version, "send", "messages") == "send/index.js:2"
    assert place_in_handler(version, "send", "message") == ""
