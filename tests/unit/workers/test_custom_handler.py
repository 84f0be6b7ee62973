"""A custom handler's process and the link to it, as far as they can be told without one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from funcjson.errors import HandlerError, Problem, WorkerError, WorkerStartError
from funcjson.model import Call, Language, WorkerLog
from funcjson.workers.child import WorkerProgram
from funcjson.workers.custom_handler import HandlerLink, HandlerProcess
from funcjson.workers.custom_handler_program import HandlerProgram

CALL = Call("the-id", "f", ())


def program(root: Path) -> WorkerProgram:
    return WorkerProgram(Language.CUSTOM, ("handler",), root, {})


@pytest.mark.parametrize(
    ("pipe", "text", "level"),
    [
        (1, "an error", "information"),
        (2, "listening", "error"),
        (2, "a Warning", "warning"),
    ],
)
async def test_stderr_is_for_errors_and_warnings(
    tmp_path: Path, pipe: int, text: str, level: str
) -> None:
    logs: list[WorkerLog] = []
    handler = HandlerProgram(tmp_path / "handler", (), tmp_path)
    process = HandlerProcess(handler, program(tmp_path), logs.append, 81)
    process.line(pipe, text)

    assert [(entry.message, entry.level, entry.category) for entry in logs] == [
        (text, level, "console")
    ]


async def test_a_working_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    handler = HandlerProgram(tmp_path / "handler", (), tmp_path / "nowhere")

    with pytest.raises(WorkerStartError) as caught:
        await HandlerProcess.start(handler, program(tmp_path), lambda _: None)

    assert caught.value.problems[0].code == "FJ0522"
    assert "nowhere" in caught.value.problems[0].why


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
    assert await link.stacks() == ""
