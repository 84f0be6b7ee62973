"""What holds for Python handlers because their process is their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import HandlerLoadError, WorkerStartError
from funcjson.model import Binding, Call, Direction, Function, Language, WorkerLog
from funcjson.workers.child import WorkerProgram
from funcjson.workers.process import ProcessWorker
from funcjson.workers.python import PROGRAM, missing_library, python_program

BINDINGS = (Binding("event", "signalRTrigger", Direction.IN, {}, ""),)


async def returned(
    root: Path,
    code: str,
    logs: list[WorkerLog] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Any:
    """What a handler with this code returns, as JSON."""
    (root / "f").mkdir()
    (root / "f" / "__init__.py").write_text(code, encoding="utf-8")
    sink = logs.append if logs is not None else lambda entry: None
    worker = ProcessWorker(python_program(root, environment), sink)
    await worker.start()
    try:
        await worker.load(Function("f", root / "f", BINDINGS, Language.PYTHON, "f/__init__.py"))
        result = await worker.invoke(Call("1", "f", (("event", {"string": ""}),)))
    finally:
        await worker.stop()
    return json.loads(result.return_value.get("json", "null"))


async def test_nothing_of_funcjson_is_among_the_apps_modules_or_paths(tmp_path: Path) -> None:
    code = "import sys\ndef main(event): return [list(sys.modules), sys.path]"
    modules, path = await returned(tmp_path, code)
    workers = str(PROGRAM.parent.parent)

    assert [name for name in modules if name.split(".")[0] in ("funcjson", "aiohttp")] == []
    assert [entry for entry in path if entry.startswith(workers)] == []
    assert path[-1] == os.path.realpath(tmp_path)  # noqa: ASYNC240


async def test_modules_named_like_ours_are_the_apps(tmp_path: Path) -> None:
    for name in ("wire", "values", "capture", "context", "pool", "runtime", "program"):
        (tmp_path / f"{name}.py").write_text(f"who = 'app {name}'", encoding="utf-8")
    code = (
        "import wire, runtime, values\ndef main(event): return [wire.who, runtime.who, values.who]"
    )

    assert await returned(tmp_path, code) == ["app wire", "app runtime", "app values"]


async def test_the_socket_is_not_shown_and_not_inherited(tmp_path: Path) -> None:
    code = """
import os, subprocess, sys
LIST = "import os; print(len(os.listdir('/proc/self/fd')))"
def main(event):
    out = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True).stdout
    return [[name for name in os.environ if "FUNCJSON" in name], out.strip()]
"""
    names, descriptors = await returned(tmp_path, code)

    assert names == []
    # stdin, stdout, stderr, and the folder that is listed.
    assert descriptors == "4"


async def test_output_of_a_started_program_is_logged(tmp_path: Path) -> None:
    logs: list[WorkerLog] = []
    code = """
import subprocess, sys
def main(event): subprocess.run([sys.executable, "-c", "print('from below')"], stdout=sys.stdout)
"""
    await returned(tmp_path, code, logs)

    assert "from below" in [entry.message for entry in logs]


async def test_lines_printed_at_import_belong_to_no_invocation(tmp_path: Path) -> None:
    logs: list[WorkerLog] = []
    await returned(tmp_path, "print('at import')\ndef main(event): pass", logs)

    assert WorkerLog("at import", "information", category="console") in logs


async def test_the_loop_may_be_stopped_and_signals_be_handled_at_import(tmp_path: Path) -> None:
    code = """
import asyncio, signal
signal.signal(signal.SIGUSR1, lambda *_: None)
async def main(event):
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0)
    return ["went on"]
"""

    assert await returned(tmp_path, code) == ["went on"]


async def test_a_blocked_async_handler_does_not_stop_the_others_or_the_stacks(
    tmp_path: Path,
) -> None:
    root = tmp_path
    for name, code in {
        "blocks": "from __app__.opens import gate\nasync def main(event): gate.wait()",
        "opens": "import threading\ngate = threading.Event()\ndef main(event): gate.set()",
    }.items():
        (root / name).mkdir()
        (root / name / "__init__.py").write_text(code, encoding="utf-8")
    worker = ProcessWorker(python_program(root, os.environ), lambda entry: None)
    await worker.start()
    for name in ("opens", "blocks"):
        script = f"{name}/__init__.py"
        await worker.load(Function(name, root / name, BINDINGS, Language.PYTHON, script))
    blocked = asyncio.create_task(worker.invoke(Call("1", "blocks", (("event", {}),))))
    stacks = ""
    while "gate.wait" not in stacks:
        stacks = (await worker.stacks()).render()
    await worker.invoke(Call("2", "opens", (("event", {}),)))
    await blocked
    await worker.stop()

    assert "blocks/__init__.py" in stacks


async def test_a_python_without_the_library_says_how_to_get_it(tmp_path: Path) -> None:
    # -S leaves the installed packages out.
    program = WorkerProgram(
        Language.PYTHON,
        [sys.executable, "-S", str(PROGRAM)],
        tmp_path,
        {"PATH": os.environ["PATH"]},
        explain=lambda answer: missing_library(answer, Path(sys.executable)),
    )
    worker = ProcessWorker(program, lambda entry: None)
    with pytest.raises(WorkerStartError) as caught:
        await worker.start()

    assert caught.value.problems[0].code == "FJ0511"
    assert "--install" in caught.value.problems[0].fix


@pytest.mark.parametrize(
    ("python", "told"),
    [
        (b"#!/bin/sh\necho 3.8\nexit 1\n", "it is Python 3.8, and handlers need 3.9 or newer"),
        (b"MZ of another system", "Exec format error"),
    ],
    ids=["too old", "of another system"],
)
async def test_a_python_that_cannot_run_handlers_is_told_with_the_way_out(
    tmp_path: Path, python: bytes, told: str
) -> None:
    file = tmp_path / ".venv/bin/python"
    file.parent.mkdir(parents=True)
    file.write_bytes(python)
    file.chmod(0o755)
    (tmp_path / ".venv/pyvenv.cfg").touch()
    with pytest.raises(WorkerStartError) as caught:
        await ProcessWorker(python_program(tmp_path, os.environ), lambda entry: None).start()

    problem = caught.value.problems[0]
    assert told in problem.why
    assert f"remove {tmp_path / '.venv'} and start with --install" in problem.fix


async def test_a_program_that_is_no_worker_ends_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('not a worker')"]
    worker = ProcessWorker(
        WorkerProgram(Language.PYTHON, command, tmp_path, os.environ), lambda entry: None
    )
    with pytest.raises(WorkerStartError) as caught:
        await worker.start()

    assert "exit code 1" in caught.value.problems[0].why
    assert "not a worker" in caught.value.problems[0].why


async def test_a_worker_that_is_not_ready_in_time_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    program = WorkerProgram(Language.PYTHON, command, tmp_path, os.environ, start_timeout_s=0.01)
    with pytest.raises(WorkerStartError, match=r"not ready after 0\.01 s"):
        await ProcessWorker(program, lambda entry: None).start()


async def test_a_forked_process_writes_past_the_host(tmp_path: Path) -> None:
    logs: list[WorkerLog] = []
    code = """
import logging, multiprocessing
def work():
    print("from the fork")
    logging.warning("logged in the fork")
def main(event):
    print("before", end="")
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    return [process.exitcode]
"""
    assert await returned(tmp_path, code, logs) == [0]
    lines = {entry.message: entry.level for entry in logs}
    assert lines == {
        "before": "information",
        "from the fork": "information",
        "WARNING:root:logged in the fork": "warning",
    }


async def test_arguments_for_python_and_another_python_may_be_set(tmp_path: Path) -> None:
    link = tmp_path / "other-python"
    link.write_text(f'#!/bin/sh\nOTHER=1 exec {sys.executable} "$@"\n', encoding="utf-8")
    link.chmod(0o755)
    environment = {
        **os.environ,
        "languageWorkers__python__defaultExecutablePath": str(link),
        "languageWorkers__python__arguments": "-X 'utf8=1' -W error::UserWarning",
    }
    code = "import os, sys\ndef main(event): return [os.environ['OTHER'], sys._xoptions['utf8']]"

    assert await returned(tmp_path, code, environment=environment) == ["1", "1"]


async def test_extensions_run_around_a_call_when_they_are_switched_on(tmp_path: Path) -> None:
    code = """
import azure.functions as func
seen = []
class Own(func.AppExtensionBase):
    @classmethod
    def post_function_load_app_level(cls, name, directory, *rest): seen.append(name)
    @classmethod
    def pre_invocation_app_level(cls, logger, context, arguments, *rest): seen.append("before")
    @classmethod
    def post_invocation_app_level(cls, logger, context, arguments, result, *rest): 1 / 0
def main(event): return seen
"""
    environment = {**os.environ, "PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
    logs: list[WorkerLog] = []

    assert await returned(tmp_path, code, logs, environment) == ["f", "before"]
    assert [entry.level for entry in logs if "ZeroDivisionError" in entry.message] == ["error"]


async def test_a_module_that_never_ends_is_given_up_and_the_others_are_loaded(
    tmp_path: Path,
) -> None:
    codes = {
        "bad": "import threading\nthreading.Event().wait()\ndef main(event): pass",
        "good": "def main(event): return ['good']",
        "late": "def main(event): return ['late']",
    }
    for name, code in codes.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code, encoding="utf-8")
    functions = {
        name: Function(name, tmp_path / name, BINDINGS, Language.PYTHON, f"{name}/__init__.py")
        for name in codes
    }
    logs: list[WorkerLog] = []
    program = replace(python_program(tmp_path, os.environ), load_notice_s=0.1, load_limit_s=1.0)
    worker = ProcessWorker(program, logs.append)
    await worker.start()
    try:
        # "good" was loaded before it, "late" waits behind it.
        outcomes = await asyncio.gather(
            *(worker.load(functions[name]) for name in ("good", "bad", "late")),
            return_exceptions=True,
        )
        answers = [
            await worker.invoke(Call(name, name, (("event", {"string": ""}),)))
            for name in ("good", "late")
        ]
    finally:
        await worker.stop()

    assert (outcomes[0], outcomes[2]) == (None, None)
    assert isinstance(outcomes[1], HandlerLoadError)
    problem = outcomes[1].problems[0]
    assert "did not come to its end within 1 s" in problem.what
    assert "bad/__init__.py" in problem.why
    assert [json.loads(answer.return_value["json"]) for answer in answers] == [["good"], ["late"]]
    assert any("still loading 'bad'" in line.message for line in logs)


async def test_an_app_of_decorators_that_never_ends_says_where_it_is(tmp_path: Path) -> None:
    code = "import threading\nthreading.Event().wait()\n"
    (tmp_path / "function_app.py").write_text(code, encoding="utf-8")
    program = replace(python_program(tmp_path, os.environ), load_limit_s=1.0)
    worker = ProcessWorker(program, lambda _: None)
    await worker.start()
    try:
        result = await worker.index()
    finally:
        await worker.stop()

    assert result.functions == ()
    assert "did not come to its end within 1 s" in (result.error or "")
    assert "function_app.py" in result.stack
