"""The worker of a language, ready to be started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from funcjson.model import Language, WorkerLog
from funcjson.settings import Settings
from funcjson.workers.base import LogSink, Worker
from funcjson.workers.channel import Told
from funcjson.workers.custom_handler import custom_handler_worker
from funcjson.workers.environments import Broken, broken_environment
from funcjson.workers.in_process import InProcessPythonWorker
from funcjson.workers.node import node_program
from funcjson.workers.process import ProcessWorker
from funcjson.workers.python import python_program
from funcjson.workers.typescript import TypeScript

# The real host takes at most this many.
MOST_PROCESSES = 10
Loaded = Callable[[Sequence[str]], None]


async def make_worker(  # noqa: PLR0913 - what the loader knows of an app
    language: Language,
    settings: Settings,
    log: LogSink,
    *,
    in_process: bool = False,
    run_main: bool = True,
    hostname: str = "",
    typescript: TypeScript | None = None,
    loaded: Loaded | None = None,
) -> Worker:
    """A worker that is not started yet; `run_main` is about package.json's, `hostname` where the host is,
    `typescript` what versions before compiled in memory; `loaded` is told the paths of files that were loaded.

    Raises WorkerStartError when it cannot be had.
    """
    root, environment = settings.app_root, settings.worker_environment(hostname)
    count = _process_count(settings, log)
    told: Told = {"files": lambda said: loaded(said["files"])} if loaded is not None else {}
    if language is Language.PYTHON and (broken := broken_environment(root)) is not None:
        log(WorkerLog(_passed_over(broken), "warning", category="system"))
    if language is Language.PYTHON and in_process:
        return InProcessPythonWorker(root, log, environment=environment, change_directory=True)
    if language is Language.PYTHON:
        program = replace(python_program(root, environment), told=told)
        return ProcessWorker(program, log, count=count)
    if language is Language.NODE:
        program = await node_program(root, environment, debug=in_process)
        program = replace(program, options={"run_main": run_main}, told=told)
        if typescript is not None:
            program = typescript.serve(program)
        return ProcessWorker(program, log, count=count)
    return custom_handler_worker(settings, log, environment)


def _passed_over(broken: Broken) -> str:
    return (
        f"the app's {broken.folder.name} is not used: {broken.why}. Start with --install, which makes one that "
        f"runs here; until then {sys.executable} runs the handlers"
    )


def _process_count(settings: Settings, log: LogSink) -> int:
    text = (settings.get("FUNCTIONS_WORKER_PROCESS_COUNT") or "").strip()
    if not text:
        return 1
    count = max(1, min(int(text), MOST_PROCESSES)) if text.isdecimal() else 1
    if str(count) != text:
        said = f"FUNCTIONS_WORKER_PROCESS_COUNT is '{text}', it must be from 1 to {MOST_PROCESSES}; {count} is used"
        log(WorkerLog(said, "warning", category="system"))
    return count
