"""One worker process: how its end and its output are put into words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from funcjson.errors import WorkerStartError
from funcjson.model import Language, WorkerLog
from funcjson.workers.child import Child, WorkerProgram, level_of_stderr


def program(root: Path, *command: str) -> WorkerProgram:
    return WorkerProgram(Language.PYTHON, command, root, {})


async def test_a_crash_is_explained_by_the_lines_of_the_calls_that_ran(tmp_path: Path) -> None:
    child = Child(program(tmp_path), lambda _: None)

    def stderr(text: str, invocation_id: str) -> None:
        child.channel.receive(
            {"op": "log", "stream": "stderr", "message": text, "invocation_id": invocation_id}
        )

    child.channel.ask("done", {"op": "invoke"})
    stderr("warn: of a call before", "done")
    child.line(2, "written before")
    running = child.channel.ask("runs", {"op": "invoke"})
    stderr("warn: of another call", "done")
    child.channel.receive({"op": "result", "id": "done"})
    stderr("fatal: its own", "runs")
    child.line(2, "fatal: of the process")
    child.finish()
    await asyncio.gather(running, return_exceptions=True)

    assert child.exited.result().why == (
        "its last lines on stderr:\nfatal: its own\nfatal: of the process"
    )


async def test_a_crash_without_a_word_is_told_as_that(tmp_path: Path) -> None:
    child = Child(program(tmp_path), lambda _: None)
    child.line(2, "warn: of a call before")
    running = child.channel.ask("runs", {"op": "invoke"})
    child.finish()
    await asyncio.gather(running, return_exceptions=True)

    assert child.exited.result().why == "it wrote nothing to stderr"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("x.py:1: DeprecationWarning: old", "warning"),
        ("ValueError: no", "error"),
        ("Traceback (most recent call last):", "error"),
        ("Unhandled Exception", "error"),
        ("100%|####|", "information"),
    ],
)
def test_the_words_of_a_stderr_line_give_its_level(line: str, level: str) -> None:
    assert level_of_stderr(line) == level


async def test_a_command_that_does_not_exist_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkerStartError) as caught:
        await Child.start(program(tmp_path, str(tmp_path / "nothing")), lambda _: None)

    assert caught.value.problems[0].code == "FJ0510"
    assert "No such file" in caught.value.problems[0].why


async def test_lines_of_any_length_are_logged_whole(tmp_path: Path) -> None:
    logs: list[WorkerLog] = []
    child = Child(program(tmp_path), logs.append)
    child.line(1, "y" * 1_000_000)
    child.line(2, "a warning")

    assert [(len(entry.message), entry.level) for entry in logs] == [
        (1_000_000, "information"),
        (9, "warning"),
    ]


async def test_the_end_is_told_before_the_calls_fail(tmp_path: Path) -> None:
    child = Child(program(tmp_path), lambda _: None)
    order: list[str] = []
    child.exited.add_done_callback(lambda _: order.append("exited"))
    call = child.channel.ask("1", {"op": "invoke"})
    call.add_done_callback(lambda _: order.append("call"))
    child.line(2, "last words")
    child.finish()
    child.finish()
    await asyncio.gather(call, return_exceptions=True)

    assert order == ["exited", "call"]
    assert "last words" in child.exited.result().why
