"""app_hints: why a message does not arrive, with file and line, and no false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.test_app_facts import info, load, signalr

from funcjson.app_facts import AppFacts, facts_of
from funcjson.app_hints import (
    complete,
    delivery_hints,
    hub_hint,
    output_hints,
    target_hint,
    twin_hint,
    user_hint,
)


async def test_an_output_to_a_hub_that_nobody_can_join_is_noticed(tmp_path: Path) -> None:
    version = await load(tmp_path, negotiate=[info("chat")], send=[signalr("chta")])
    plan = version.plan("send")
    assert plan is not None

    (hint,) = output_hints(plan, facts_of(version))

    assert hint.startswith(
        "output 'messages': no function of this app lets clients into hub 'chta'"
    )
    assert "(send/function.json:1:" in hint
    assert "'chat' (negotiate, negotiate/function.json:1:" in hint


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


def test_a_hub_that_may_be_any_is_not_wondered_at() -> None:
    assert hub_hint("news", AppFacts({"chat": ("negotiate",)}, any_hub=True)) == ""


def test_listeners_that_cannot_be_read_may_hear_anything() -> None:
    assert target_hint("bye", AppFacts(listeners={"typing": "a.jsx:2"}, unread=True)) == ""


def test_the_place_of_a_target_is_told() -> None:
    facts = AppFacts(
        listeners={"news": "index.html:3"}, targets={"newz": {"send": "send/index.js:2"}}
    )

    assert "listens for 'newz' (send/index.js:2);" in target_hint("newz", facts, "send")


ALL_SEND = {"a": "a/index.js:1", "b": "b/index.js:1"}


@pytest.mark.parametrize(
    ("targets", "hears", "told"),
    [
        ({"news": ALL_SEND, "newz": {"send": "send/index.js:2"}}, (), True),
        ({"news": {"a": "a/index.js:1"}, "newz": {"send": "send/index.js:2"}}, (), False),
        ({"news": ALL_SEND, "newz": {"send": "send/index.js:2", "c": "c/index.js:1"}}, (), False),
        ({"typing": ALL_SEND, "newz": {"send": "send/index.js:2"}}, (), False),
        ({"news": ALL_SEND, "newz": {"send": "send/index.js:2"}}, ("newz",), False),
    ],
    ids=["one of several", "as often", "sent twice", "another word", "a page hears it"],
)
def test_a_name_that_only_one_handler_sends(
    targets: dict[str, dict[str, str]], hears: tuple[str, ...], told: bool
) -> None:
    facts = AppFacts(targets=targets, listeners=dict.fromkeys(hears, "page.html:1"))

    hint = twin_hint("newz", facts, "send")

    assert ("others send 'news' (a/index.js:1, b/index.js:1)" in hint) == told
    assert ("only this function sends 'newz' (send/index.js:2)" in hint) == told


async def test_a_lost_output_is_found_in_its_handler(tmp_path: Path) -> None:
    version = await load(tmp_path, "\nbindings.message = 1;\n", send=[signalr("chat")])
    steps: list[dict[str, Any]] = [{} for _ in range(9)]
    steps[6] = {"unbound": [{"name": "message"}, {"name": "other"}]}
    steps[8] = {"deliveries": [], "hints": []}

    complete({"function": "send", "steps": steps}, version, facts_of(version))

    assert [row["at"] for row in steps[6]["unbound"]] == ["send/index.js:2", None]
