"""A custom handler's process, as far as it can be told without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.errors import WorkerStartError
from funcjson.model import Language, WorkerLog
from funcjson.workers.child import WorkerProgram
from funcjson.workers.custom_handler import HandlerProcess
from funcjson.workers.custom_handler_program import HandlerProgram


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
