"""A Python worker in a process of its own, with functions that a test writes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import Problem, WorkerError
from funcjson.model import Binding, Call, Direction, Function, Language, WorkerLog
from funcjson.workers.process import ProcessWorker
from funcjson.workers.python import python_program

BINDINGS = (Binding("event", "signalRTrigger", Direction.IN, {}, ""),)


class PythonApp:
    """A started worker, and what it logs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.logs: list[WorkerLog] = []
        self._changed = asyncio.Event()
        self.worker = ProcessWorker(python_program(root, os.environ), self._on_log)

    def _on_log(self, entry: WorkerLog) -> None:
        self.logs.append(entry)
        self._changed.set()

    async def line(self, text: str) -> WorkerLog:
        """The first log line with a text, when it comes."""
        while not (found := [entry for entry in self.logs if text in entry.message]):
            self._changed.clear()
            await self._changed.wait()
        return found[0]

    async def load(self, name: str, code: str) -> None:
        (self.root / name).mkdir()
        (self.root / name / "__init__.py").write_text(code, encoding="utf-8")
        script = f"{name}/__init__.py"
        function = Function(name, self.root / name, BINDINGS, Language.PYTHON, script)
        await self.worker.load(function)

    async def call(self, name: str, data: str | bytes = "", identifier: str = "") -> Any:
        """What a function returns, as JSON."""
        typed = {"bytes": data} if isinstance(data, bytes) else {"string": data}
        result = await self.worker.invoke(Call(identifier or name, name, (("event", typed),)))
        return json.loads(result.return_value.get("json", "null"))


async def lost(call: Awaitable[Any]) -> Problem:
    """Why a call's worker was lost."""
    with pytest.raises(WorkerError) as caught:
        await call
    return caught.value.problems[0]


@asynccontextmanager
async def python_app(root: Path, **codes: str) -> AsyncIterator[PythonApp]:
    """A worker with functions of these names and codes."""
    app = PythonApp(root)
    await app.worker.start()
    try:
        for name, code in codes.items():
            await app.load(name, code)
        yield app
    finally:
        await app.worker.stop()
