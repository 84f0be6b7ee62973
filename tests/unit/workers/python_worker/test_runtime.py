"""Messages in, messages out, without a host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from funcjson.workers.python_worker.runtime import Runtime

TRIGGER = {"name": "event", "type": "signalRTrigger", "direction": "in"}


class Host:
    """Asks a runtime and waits for its answers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.logs: list[dict[str, Any]] = []
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.given_up: list[BaseException] = []
        self.runtime = Runtime(
            self._take, self._loop, own_process=False, give_up=self.given_up.append
        )

    def _take(self, message: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._deliver, message)

    def _deliver(self, message: dict[str, Any]) -> None:
        if message["op"] == "log":
            self.logs.append(message)
        else:
            self._waiting.pop(message.get("id") or "init").set_result(message)

    async def ask(self, op: str, identifier: str, **members: Any) -> dict[str, Any]:
        answer = self._waiting[identifier] = self._loop.create_future()
        self.runtime.receive({"op": op, "id": identifier, **members})
        return await answer

    async def load(self, name: str, code: str) -> dict[str, Any]:
        (self.root / name).mkdir()
        (self.root / name / "__init__.py").write_text(code, encoding="utf-8")
        function = {"name": name, "script_file": f"{name}/__init__.py", "bindings": [TRIGGER]}
        return await self.ask("load", f"load {name}", function=function)

    async def invoke(self, name: str) -> dict[str, Any]:
        inputs = [["event", {"json": "{}"}]]
        return await self.ask("invoke", f"call {name}", function=name, inputs=inputs)


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path)
    host._waiting["init"] = host._loop.create_future()
    ready = host._waiting["init"]
    host.runtime.receive({"op": "init", "version": 1, "app_root": str(tmp_path)})
    assert (await ready)["op"] == "ready"
    yield host
    host.runtime.close()


async def test_ready_says_which_python_and_which_library(tmp_path: Path) -> None:
    host = Host(tmp_path)
    answer = await host.ask("init", "init", version=1, app_root=str(tmp_path))
    host.runtime.close()

    assert answer["runtime"].startswith("python 3.")
    assert answer["library"].startswith("azure-functions")


async def test_load_and_invoke(host: Host) -> None:
    assert (await host.load("f", "def main(event): return event"))["op"] == "loaded"
    assert await host.invoke("f") == {
        "op": "result",
        "id": "call f",
        "outputs": {},
        "return": {"string": "{}"},
    }


async def test_unknown_operations_are_ignored(host: Host) -> None:
    host.runtime.receive({"op": "novelty", "id": "1"})
    await host.load("f", "def main(event): pass")

    assert (await host.invoke("f"))["op"] == "result"


async def test_a_function_that_is_not_loaded_fails(host: Host) -> None:
    assert (await host.invoke("nothing"))["type"] == "LookupError"


async def test_a_code_first_function_that_is_gone_fails_to_load(host: Host) -> None:
    answer = await host.ask("load", "1", function={"name": "f", "code_first": True})

    assert "the app does not define it" in answer["message"]


async def test_a_code_first_function_loads_without_an_index_before(host: Host) -> None:
    (host.root / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.generic_trigger(arg_name='event', type='signalRTrigger')\n"
        "def f(event): return 'v2'\n",
        encoding="utf-8",
    )
    loaded = await host.ask("load", "1", function={"name": "f", "code_first": True})

    assert loaded["op"] == "loaded"
    assert (await host.invoke("f"))["return"] == {"string": "v2"}


async def test_an_app_without_the_code_first_file_has_no_such_functions(host: Host) -> None:
    answer = await host.ask("index", "1")

    assert (answer["functions"], answer["error"]) == ([], None)


async def test_a_value_that_cannot_be_given_fails_the_call(host: Host) -> None:
    await host.load("f", "def main(event): return {1}")

    assert (await host.invoke("f"))["type"] == "TypeError"


async def test_each_call_has_context_variables_of_its_own(host: Host) -> None:
    await host.load(
        "f",
        "import contextvars\nv = contextvars.ContextVar('v', default='clean')\n"
        "def main(event):\n  seen = v.get()\n  v.set('dirty')\n  return seen",
    )

    assert [(await host.invoke("f"))["return"]["string"] for _ in range(3)] == ["clean"] * 3


async def test_a_task_that_a_handler_starts_keeps_its_invocation(host: Host) -> None:
    await host.load(
        "f",
        "import asyncio, logging\n"
        "async def work(): logging.warning('in a task')\n"
        "async def main(event): await asyncio.create_task(work())",
    )
    await host.invoke("f")

    assert [(log["message"], log["invocation_id"]) for log in host.logs] == [
        ("in a task", "call f")
    ]


async def test_a_cancelled_async_handler_fails_its_call(host: Host) -> None:
    await host.load(
        "f",
        "import asyncio\nasync def main(event):\n  asyncio.current_task().cancel()\n"
        "  await asyncio.sleep(0)",
    )

    assert (await host.invoke("f"))["type"] == "CancelledError"


async def test_an_answer_that_cannot_be_given_at_all_ends_the_worker(host: Host) -> None:
    await host.load("f", "def main(event): return event")
    ended = asyncio.Event()

    def full(message: dict[str, Any]) -> None:
        raise MemoryError

    def give_up(error: BaseException) -> None:
        host.given_up.append(error)
        host._loop.call_soon_threadsafe(ended.set)

    host.runtime._send, host.runtime._give_up = full, give_up
    inputs = [["event", {"json": "{}"}]]
    host.runtime.receive({"op": "invoke", "id": "1", "function": "f", "inputs": inputs})
    await ended.wait()

    assert [type(error) for error in host.given_up] == [MemoryError]
