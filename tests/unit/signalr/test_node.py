from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from tests.conformance.rest_world import World

from funcjson.signalr.backplane.base import Request
from funcjson.signalr.node import Node

JOIN = {"verb": "join_user", "hub": "chat", "user": "ann", "group": "g", "ttl": 60}


def tags(node: Node, hub: str = "chat") -> dict[str, list[str]]:
    return {user: sorted(groups) for user, groups in node.sessions.hub(hub).tags.items()}


async def node_with(groups: Iterable[str], user: str = "ann") -> Node:
    node = World({}).service.node
    for group in groups:
        await node.answer({**JOIN, "user": user, "group": group})
    return node


async def test_a_verb_of_another_version_is_an_error() -> None:
    with pytest.raises(KeyError):
        await World({}).service.node.answer({"verb": "dance"})


async def test_others_may_add_verbs() -> None:
    node = World({}).service.node

    async def dance(request: Request) -> dict[str, Any]:
        return {"danced": request["how"]}

    node.more["dance"] = dance

    assert await node.answer({"verb": "dance", "how": "well"}) == {"danced": "well"}


async def test_a_node_takes_over_what_another_one_knows() -> None:
    other = await node_with(["g", "h"])
    node = World({}).service.node
    node.hear_tags()

    await node.take_over_tags([await other.answer({"verb": "tags"})], [])

    assert tags(node) == {"ann": ["g", "h"]}


async def test_what_the_others_forgot_is_forgotten_but_not_our_own_news() -> None:
    other = await node_with(["both", "theirs"])
    node = await node_with(["both", "old", "new"])
    node.hear_tags()

    await node.take_over_tags([await other.answer({"verb": "tags"})], [{**JOIN, "group": "new"}])

    assert tags(node) == {"ann": ["both", "new", "theirs"]}


async def test_what_we_removed_is_not_learned_again() -> None:
    other = await node_with(["g", "h"])
    third = await node_with(["x", "y"], "bob")
    node = World({}).service.node
    node.hear_tags()
    removed = [
        {"verb": "leave_user", "hub": "Chat", "user": "ann", "group": "g"},
        {"verb": "leave_user_all", "hub": "chat", "user": "bob"},
    ]

    replies = [await each.answer({"verb": "tags"}) for each in (other, third)]
    await node.take_over_tags(replies, removed)

    assert tags(node) == {"ann": ["h"]}


async def test_without_other_nodes_everything_stays() -> None:
    node = await node_with(["g"])
    node.hear_tags()

    await node.take_over_tags([], [])

    assert tags(node) == {"ann": ["g"]}


async def test_a_removal_that_comes_while_catching_up_wins() -> None:
    other = await node_with(["g", "h"])
    node = World({}).service.node
    node.hear_tags()
    reply = await other.answer({"verb": "tags"})
    await node.answer({"verb": "leave_user", "hub": "chat", "user": "ann", "group": "g"})

    await node.take_over_tags([reply], [])

    assert tags(node) == {"ann": ["h"]}


async def test_forgetting_a_user_of_no_hub_makes_none() -> None:
    node = World({}).service.node

    await node.answer({"verb": "leave_user", "hub": "chat", "user": "a", "group": "g"})
    await node.answer({"verb": "leave_user_all", "hub": "chat", "user": "a"})

    assert node.sessions.hubs == {}
