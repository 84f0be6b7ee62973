"""The link to a custom handler, as far as it can be told without a program."""

from __future__ import annotations

import asyncio

import pytest

from funcjson.errors import HandlerError, Problem, WorkerError
from funcjson.model import Call
from funcjson.workers.base import Stacks
from funcjson.workers.custom_handler_link import HandlerLink

CALL = Call("the-id", "f", ())


async def test_a_call_of_what_is_not_loaded_fails() -> None:
    exited: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
    link = HandlerLink(81, False, exited, lambda _: None)

    with pytest.raises(HandlerError):
        await link.invoke(CALL)


async def test_a_call_after_the_end_fails_with_its_reason() -> None:
    exited: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
    link = HandlerLink(81, False, exited, lambda _: None)
    exited.set_result(Problem("FJ0512", "gone"))

    with pytest.raises(WorkerError, match="gone"):
        await link.invoke(CALL)
    assert link.waiting == 0


async def test_a_link_has_no_functions_of_its_own_and_no_stacks() -> None:
    exited: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
    link = HandlerLink(81, False, exited, lambda _: None)

    assert (await link.index()).functions == ()
    assert await link.stacks() == Stacks()
