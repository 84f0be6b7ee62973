"""app_facts: what an app's own files say about a message that does not arrive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.app_facts import (
    AppFacts,
    delivery_hints,
    facts_of,
    hub_hint,
    output_hints,
    target_hint,
    user_hint,
)
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


async def load(root: Path, **functions: list[dict[str, Any]]) -> AppVersion:
    (root / "host.json").write_text('{"version": "2.0"}', "utf-8")
    for name, bindings in functions.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(
            json.dumps({"bindings": [TRIGGER, *bindings]}), "utf-8"
        )
        (root / name / "index.js").write_text("module.exports = async () => {};\n", "utf-8")
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


async def test_an_output_to_a_hub_that_nobody_can_join_is_noticed(tmp_path: Path) -> None:
    version = await load(tmp_path, negotiate=[info("chat")], send=[signalr("chta")])
    plan = version.plan("send")
    assert plan is not None

    (hint,) = output_hints(plan, facts_of(version))

    assert hint.startswith(
        "output 'messages': no function of this app lets clients into hub 'chta'"
    )
    assert "'chat' (negotiate)" in hint


async def test_a_hub_that_is_an_expression_may_be_any(tmp_path: Path) -> None:
    version = await load(tmp_path, negotiate=[info("{query.hub}")], send=[signalr("news")])

    facts = facts_of(version)

    assert facts.any_hub
    assert hub_hint("news", facts) == ""


async def test_pages_are_read_for_what_they_listen_for(tmp_path: Path) -> None:
    for folder in ("content", "node_modules/x"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "content" / "index.html").write_text(PAGE, "utf-8")
    (tmp_path / "content" / "other.js").write_text("stream.on('data', f)", "utf-8")
    (tmp_path / "node_modules" / "x" / "x.js").write_text("signalr.on('inside')", "utf-8")

    facts = facts_of(await load(tmp_path, send=[signalr("chat")]))

    assert dict(facts.listeners) == {"newMessage": "content/index.html:3"}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("newMessage", ""),
        ("NEWMESSAGE", ""),
        ("newMesage", "did you mean 'newMessage'?"),
        ("bye", "they listen for 'newMessage' (index.html:3)"),
    ],
)
def test_targets(target: str, words: str) -> None:
    hint = target_hint(target, AppFacts(listeners={"newMessage": "index.html:3"}))

    assert words in hint
    assert bool(hint) == bool(words)


def test_nothing_is_said_of_targets_without_a_page() -> None:
    assert target_hint("anything", AppFacts()) == ""


def test_a_message_to_a_user_when_nobody_has_a_user_id() -> None:
    assert "so nobody is user 'bob'" in user_hint("bob", AppFacts(users=False))
    assert user_hint("bob", AppFacts()) == ""


def test_each_hint_is_given_once() -> None:
    facts = AppFacts({"chat": ("negotiate",)}, users=False)
    row = {"hub": "news", "target": "m", "to": "user", "name": "bob"}

    hints = delivery_hints([row, row], facts)

    assert len(hints) == 2
