"""Which worker an app gets, and how many processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.model import Language, WorkerLog
from funcjson.settings import load_settings
from funcjson.workers.make import make_worker


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", None),
        ("3", None),
        ("0", "1 is used"),
        ("-1", "1 is used"),
        ("abc", "1 is used"),
        ("200", "10 is used"),
    ],
)
async def test_a_number_of_processes_that_cannot_be_is_told(
    text: str, told: str | None, tmp_path: Path
) -> None:
    logs: list[WorkerLog] = []
    settings = load_settings(tmp_path, {"FUNCTIONS_WORKER_PROCESS_COUNT": text})

    await make_worker(Language.PYTHON, settings, logs.append)

    if told is None:
        assert logs == []
    else:
        (line,) = logs
        assert f"FUNCTIONS_WORKER_PROCESS_COUNT is '{text}'" in line.message
        assert told in line.message


async def test_an_environment_that_is_passed_over_is_told(tmp_path: Path) -> None:
    (tmp_path / ".venv/Scripts").mkdir(parents=True)
    (tmp_path / ".venv/Scripts/python.exe").touch()
    (tmp_path / ".venv/pyvenv.cfg").touch()
    logs: list[WorkerLog] = []

    await make_worker(Language.PYTHON, load_settings(tmp_path, {}), logs.append)

    (line,) = logs
    assert line.level == "warning"
    assert "the app's .venv is not used: it was made on another system" in line.message
    assert "--install" in line.message
