"""What every worker promises to the host, whatever the language and wherever it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from funcjson.errors import HandlerError, HandlerLoadError, WorkerError
from funcjson.model import Binding, Call, Direction, Function, Language, RetryContext, WorkerLog
from funcjson.workers.base import LogSink, Worker
from funcjson.workers.child import WorkerProgram
from funcjson.workers.custom_handler import HandlerProcess
from funcjson.workers.custom_handler_program import HandlerProgram
from funcjson.workers.in_process import InProcessPythonWorker
from funcjson.workers.node import command_line, find_node
from funcjson.workers.process import ProcessWorker
from funcjson.workers.python import python_program

# -- the handlers, in each language; each has the trigger `event` and the output `out` ---------------

PYTHON = {
    "echo": "def main(event, out): out.set( event )",
    "edited": "def main(event, out): out.set('new12')",
    "talks": """
import logging
def main(event, out):
    print("first")
    logging.warning("second")
    print("x" * 200_000)
    print("last", end="")
""",
    "raises": """
def inner():
    raise ValueError("no good")
def main(event, out):
    inner()
""",
    "syntax": "def main(event, out:\n    pass",
    "missing": "import nosuchmodule\ndef main(event, out): pass",
    "bytes": "def main(event, out): out.set(bytes(range(256)))",
    "waits": """
import threading
gate = threading.Event()
def main(event, out):
    print("waiting")
    gate.wait()
""",
    "opens": """
from __app__.waits import gate
def main(event, out): gate.set()
""",
    "climbs": """
import sys
from __app__.waits import gate
def main(event, out):
    for part in ("\\r 0%", "\\r 50", "%\\r100%\\r", "\\nand so on"):
        sys.stdout.write(part)
        sys.stdout.flush()
    gate.wait()
""",
    "floods": """
import sys
from __app__.waits import gate
def main(event, out):
    for _ in range(20):
        sys.stdout.write("x" * 2**20)
        sys.stdout.flush()
    gate.wait()
""",
    "tries": "def main(event, out, context): out.set(str(context.retry_context.retry_count))",
    "traced": "def main(event, out, context): out.set(context.trace_context.trace_parent)",
    "where": "import os\ndef main(event, out): out.set(os.getcwd())",
    "exits": 'import os\ndef main(event, out):\n    os.write(2, b"so long\\n")\n    os._exit(7)',
    "killed": "import os\ndef main(event, out): os.kill(os.getpid(), 9)",
    "says": """
import os
def main(event, out):
    for i in range(5000):
        print("row", i, "x" * 100)
    print("the last")
    os.kill(os.getpid(), 9)
""",
    "process": "import os\ndef main(event, out): out.set(str(os.getpid()))",
    "raw": 'import os\ndef main(event, out): os.write(1, b"\\xff\\n" + b"y" * 200_000 + b"\\nend")',
    "setting": 'import os\ndef main(event, out): out.set(os.environ["COLOUR"])',
}
NODE = {
    "echo": "module.exports = async (c, event) => { c.bindings.out = JSON.stringify(event); };",
    "edited": "module.exports = async (c) => { c.bindings.out = 'new12'; };",
    "talks": """module.exports = async (c) => {
  console.log("first"); c.log.warn("second"); console.log("x".repeat(200000));
  process.stdout.write("last");
};""",
    "raises": """function inner() { throw new TypeError("no good"); }
module.exports = async (c) => { inner(); };""",
    "syntax": "module.exports = async (c => {};",
    "missing": "require('nosuchmodule'); module.exports = async (c) => {};",
    "bytes": """module.exports = async (c) => {
  c.bindings.out = Buffer.from([...Array(256).keys()]);
};""",
    "waits": """let open; const gate = new Promise((resolve) => { open = resolve; });
module.exports = async (c) => { console.log("waiting"); await gate; };
module.exports.gate = gate;
module.exports.open = async (c) => { open(); };""",
    "opens": "const waits = require('../waits'); module.exports = async (c) => { await waits.open(c); };",
    "climbs": """const waits = require('../waits');
module.exports = async (c) => {
  for (const part of ["\\r 0%", "\\r 50", "%\\r100%\\r", "\\nand so on"]) process.stdout.write(part);
  await waits.gate;
};""",
    "floods": """const waits = require('../waits');
module.exports = async (c) => {
  for (let i = 0; i < 20; i += 1) process.stdout.write('x'.repeat(2 ** 20));
  await waits.gate;
};""",
    "tries": "module.exports = async (c) => { c.bindings.out = String(c.executionContext.retryContext.retryCount); };",
    "traced": "module.exports = async (c) => { c.bindings.out = c.traceContext.traceparent; };",
    "where": "module.exports = async (c) => { c.bindings.out = process.cwd(); };",
    "exits": """const fs = require('fs');
module.exports = async (c) => { fs.writeSync(2, "so long\\n"); process.exit(7); };""",
    "killed": "module.exports = async (c) => { process.kill(process.pid, 9); };",
    "says": """module.exports = async (c) => {
  for (let i = 0; i < 5000; i += 1) console.log('row', i, 'x'.repeat(100));
  console.log('the last');
  process.kill(process.pid, 'SIGKILL');
  for (;;);
};""",
    "ends": """module.exports = async (c) => {
  console.log('y'.repeat(400000)); process.stdout.write('the last'); process.exit(1);
};""",
    "process": "module.exports = async (c) => { c.bindings.out = String(process.pid); };",
    "raw": """const fs = require('fs');
module.exports = async (c) => {
  let rest = Buffer.concat([
    Buffer.from([255, 10]), Buffer.alloc(200000, 121), Buffer.from("\\nend"),
  ]);
  while (rest.length) {
    // The pipe takes what it has room for.
    try { rest = rest.subarray(fs.writeSync(1, rest)); } catch (e) { if (e.code !== 'EAGAIN') throw e; }
  }
};""",
    "setting": "module.exports = async (c) => { c.bindings.out = process.env.COLOUR; };",
}

# Handlers of `handler_program.py`, which is a custom handler.
CUSTOM = {
    "echo": "def main(call): return {'Outputs': {'out': call['Data']['event']}}",
    "edited": "def main(call): return {'Outputs': {'out': 'new12'}}",
    "bytes": """
import base64
def main(call): return {"Outputs": {"out": base64.b64encode(bytes(range(256))).decode()}}
""",
    "waits": """
import threading
gate = threading.Event()
def main(call):
    print("waiting", flush=True)
    gate.wait()
    return {"Outputs": {}}
""",
    "opens": """
def main(call):
    module("waits").gate.set()
    return {"Outputs": {}}
""",
    "climbs": """
import sys
def main(call):
    for part in ("\\r 0%", "\\r 50", "%\\r100%\\r", "\\nand so on\\n"):
        sys.stdout.write(part)
        sys.stdout.flush()
    module("waits").gate.wait()
    return {"Outputs": {}}
""",
    "floods": """
import sys
def main(call):
    for _ in range(20):
        sys.stdout.write("x" * 2**20)
        sys.stdout.flush()
    module("waits").gate.wait()
    print()
    return {"Outputs": {}}
""",
    "tries": """
def main(call): return {"Outputs": {"out": str(call["Metadata"]["RetryContext"]["RetryCount"])}}
""",
    "traced": "def main(call): return {'Outputs': {'out': dict(call['headers'])['traceparent']}}",
    "where": "import os\ndef main(call): return {'Outputs': {'out': os.getcwd()}}",
    "exits": 'import os\ndef main(call):\n    os.write(2, b"so long\\n")\n    os._exit(7)',
    "killed": "import os\ndef main(call): os.kill(os.getpid(), 9)",
    "says": """
import os
def main(call):
    for i in range(5000):
        print("row", i, "x" * 100)
    print("the last", flush=True)
    os.kill(os.getpid(), 9)
""",
    "process": "import os\ndef main(call): return {'Outputs': {'out': os.getpid()}}",
    "raw": """
import os
def main(call):
    os.write(1, b"\\xff\\n" + b"y" * 200_000 + b"\\nend")
    return {"Outputs": {}}
""",
    "setting": "import os\ndef main(call): return {'Outputs': {'out': os.environ['COLOUR']}}",
}
PROGRAM = Path(__file__).with_name("handler_program.py")


@dataclass(frozen=True, slots=True)
class Kind:
    """One implementation: how to make it, and what it is."""

    name: str
    language: Language
    handlers: dict[str, str]
    file: str
    make: Callable[[Path, LogSink, dict[str, str], int], Awaitable[Worker]]
    has_process: bool = True
    # Whether the worker runs the handlers itself, so that it knows their stacks and what they print.
    runs_handlers: bool = True


async def python_process(
    root: Path, log: LogSink, environment: dict[str, str], count: int
) -> Worker:
    return ProcessWorker(python_program(root, environment), log, count=count)


async def python_in_process(
    root: Path, log: LogSink, environment: dict[str, str], count: int
) -> Worker:
    return InProcessPythonWorker(root, log, environment=environment, change_directory=True)


async def node_process(root: Path, log: LogSink, environment: dict[str, str], count: int) -> Worker:
    command = command_line(await find_node())
    program = WorkerProgram(Language.NODE, command, root, environment)
    return ProcessWorker(program, log, count=count)


async def custom_handler(
    root: Path, log: LogSink, environment: dict[str, str], count: int
) -> Worker:
    handler = HandlerProgram(Path(sys.executable), (str(PROGRAM),), root)
    program = WorkerProgram(Language.CUSTOM, handler.command(0), root, environment)
    return ProcessWorker(program, log, start_child=partial(HandlerProcess.start, handler))


KINDS = (
    Kind("python process", Language.PYTHON, PYTHON, "__init__.py", python_process),
    Kind("python in process", Language.PYTHON, PYTHON, "__init__.py", python_in_process, False),
    Kind("node process", Language.NODE, NODE, "index.js", node_process),
    Kind(
        "custom handler",
        Language.CUSTOM,
        CUSTOM,
        "handler.py",
        custom_handler,
        runs_handlers=False,
    ),
)
every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
with_process = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.has_process], ids=lambda kind: kind.name
)

runs_handlers = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.runs_handlers], ids=lambda kind: kind.name
)
with_pool = pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if kind.has_process and kind.runs_handlers],
    ids=lambda kind: kind.name,
)


@dataclass(slots=True)
class App:
    """A started worker, the functions in it, and what it logged."""

    kind: Kind
    root: Path
    worker: Worker
    logs: list[WorkerLog] = field(default_factory=list)
    seen: asyncio.Condition = field(default_factory=asyncio.Condition)
    _wakers: set[asyncio.Task[None]] = field(default_factory=set)

    def on_log(self, entry: WorkerLog) -> None:
        self.logs.append(entry)
        task = asyncio.get_running_loop().create_task(self._wake())
        self._wakers.add(task)
        task.add_done_callback(self._wakers.discard)

    async def _wake(self) -> None:
        async with self.seen:
            self.seen.notify_all()

    async def line(self, text: str) -> WorkerLog:
        """The first log line with a text, when it comes."""

        def found() -> WorkerLog | None:
            return next((entry for entry in self.logs if text in entry.message), None)

        async with self.seen:
            await self.seen.wait_for(lambda: found() is not None)
        entry = found()
        assert entry is not None
        return entry

    def function(self, name: str) -> Function:
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        (folder / self.kind.file).write_text(self.kind.handlers[name], encoding="utf-8")
        bindings = (
            Binding("event", "signalRTrigger", Direction.IN, {}, "/bindings/0"),
            Binding("out", "signalR", Direction.OUT, {}, "/bindings/1"),
        )
        script = f"{name}/{self.kind.file}"
        return Function(name, folder, bindings, self.kind.language, script)

    async def load(self, *names: str) -> None:
        for name in names:
            await self.worker.load(self.function(name))

    async def call(self, name: str, identifier: str = "", **members: object) -> object:
        """The value of `out`."""
        call = Call(
            identifier or f"id of {name}",
            name,
            (("event", {"json": json.dumps({"target": name})}),),
            **members,  # type: ignore[arg-type]
        )
        result = await self.worker.invoke(call)
        value = result.outputs.get("out")
        return next(iter(value.values())) if value else None


@asynccontextmanager
async def started(kind: Kind, root: Path, *names: str, count: int = 1) -> AsyncIterator[App]:
    logs: list[App] = []
    environment = {**os.environ, "COLOUR": "light-blue"}
    # As for most users, so that stale byte code would be noticed.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    worker = await kind.make(root, lambda entry: logs[0].on_log(entry), environment, count)
    app = App(kind, root, worker)
    logs.append(app)
    await worker.start()
    try:
        await app.load(*names)
        yield app
    finally:
        await worker.stop()


# -- calls ---------------------------------------------------------------------------------------


@every
async def test_a_call_gets_the_trigger_and_gives_the_output(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "echo") as app:
        assert json.loads(str(await app.call("echo"))) == {"target": "echo"}


@every
async def test_bytes_cross_unchanged(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "bytes") as app:
        assert await app.call("bytes") == bytes(range(256))


@every
async def test_calls_run_side_by_side(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "waits", "opens") as app:
        waiting = asyncio.create_task(app.call("waits"))
        await app.line("waiting")
        await app.call("opens")

        await waiting


@every
async def test_a_cancelled_caller_does_not_disturb_the_worker(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "waits", "opens", "echo") as app:
        waiting = asyncio.create_task(app.call("waits"))
        await app.line("waiting")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await app.call("opens")

        assert await app.call("echo") is not None


@every
async def test_a_handler_sees_which_try_it_is(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "tries") as app:
        assert await app.call("tries", retry=RetryContext(2, 5)) == "2"


@every
async def test_a_handler_sees_the_trace_parent(kind: Kind, tmp_path: Path) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with started(kind, tmp_path, "traced") as app:
        assert await app.call("traced", trace_parent=parent) == parent


@every
async def test_handlers_run_in_the_app_root_with_its_settings(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "where", "setting") as app:
        assert await app.call("where") == os.path.realpath(tmp_path)  # noqa: ASYNC240
        assert await app.call("setting") == "light-blue"


# -- log lines -----------------------------------------------------------------------------------


@runs_handlers
async def test_log_lines_are_there_before_the_answer_whole_and_with_their_invocation(
    kind: Kind, tmp_path: Path
) -> None:
    async with started(kind, tmp_path, "talks") as app:
        await app.call("talks", "the-id")
        lines = [entry for entry in app.logs if entry.category != "system"]

        assert [entry.message for entry in lines] == ["first", "second", "x" * 200_000, "last"]
        assert {entry.invocation_id for entry in lines} == {"the-id"}
        assert {entry.function for entry in lines} == {"talks"}
        assert lines[1].level == "warning"


@with_process
async def test_nothing_that_was_written_before_a_kill_is_lost(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "says") as app:
        with pytest.raises(WorkerError):
            await app.call("says")
        said = [entry.message for entry in app.logs if entry.category != "system"]

    assert said == [*(f"row {i} {'x' * 100}" for i in range(5000)), "the last"]


async def test_nothing_that_was_written_before_an_exit_is_lost(tmp_path: Path) -> None:
    node = next(kind for kind in KINDS if kind.language is Language.NODE)
    async with started(node, tmp_path, "ends") as app:
        with pytest.raises(WorkerError):
            await app.call("ends")
        said = [entry for entry in app.logs if entry.category != "system"]

    assert [entry.message for entry in said] == ["y" * 400_000, "the last"]
    assert {entry.function for entry in said} == {"ends"}


@every
async def test_a_line_that_is_written_over_is_shown_each_time(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "waits", "opens", "climbs") as app:
        climbing = asyncio.create_task(app.call("climbs"))
        await app.line("100%")
        running = not climbing.done()
        await app.call("opens")
        await climbing
        await app.line("and so on")

        lines = [entry.message for entry in app.logs if entry.category == "console"]
        assert running
        assert lines == [" 0%", " 50%", "100%", "and so on"]


@every
async def test_what_has_no_line_end_is_not_kept_without_bound_and_not_lost(
    kind: Kind, tmp_path: Path
) -> None:
    async with started(kind, tmp_path, "waits", "opens", "floods") as app:
        flooding = asyncio.create_task(app.call("floods"))
        await app.line("xxx")
        running = not flooding.done()
        await app.call("opens")
        await flooding
        while sum(len(entry.message) for entry in app.logs if "x" in entry.message) < 20 * 2**20:
            async with app.seen:
                await app.seen.wait()

        lines = [entry.message for entry in app.logs if entry.category == "console"]
        assert running
        assert {*"".join(lines)} == {"x"}
        assert sum(map(len, lines)) == 20 * 2**20


@with_process
async def test_what_is_written_past_the_language_is_kept(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "raw") as app:
        await app.call("raw")
        await app.worker.stop()

        lines = [entry.message for entry in app.logs if entry.category != "system"]
        assert lines == ["\ufffd", "y" * 200_000, "end"]


# -- failures ------------------------------------------------------------------------------------


@runs_handlers
async def test_an_exception_has_the_users_own_stack_and_place(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "raises") as app:
        with pytest.raises(HandlerError) as caught:
            await app.call("raises")
    problem = caught.value.problems[0]

    assert "no good" in caught.value.message
    assert "inner" in caught.value.stack
    assert "funcjson" not in caught.value.stack.replace(str(tmp_path), "")
    assert problem.where is not None
    assert problem.where.file == f"raises/{kind.file}"
    assert problem.where.line > 0


@runs_handlers
@pytest.mark.parametrize("name", ["syntax", "missing"])
async def test_a_handler_that_cannot_be_loaded_leaves_the_others(
    kind: Kind, tmp_path: Path, name: str
) -> None:
    async with started(kind, tmp_path, "echo") as app:
        with pytest.raises(HandlerLoadError) as caught:
            await app.load(name)

        assert caught.value.problems[0].function == name
        assert await app.call("echo") is not None


@every
async def test_a_function_that_is_not_loaded_fails_its_call(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path) as app:
        with pytest.raises(HandlerError):
            await app.call("echo")


@with_process
async def test_a_worker_that_exits_fails_its_calls_with_code_and_last_lines(
    kind: Kind, tmp_path: Path
) -> None:
    async with started(kind, tmp_path, "waits", "exits") as app:
        waiting = asyncio.create_task(app.call("waits"))
        await app.line("waiting")
        with pytest.raises(WorkerError) as caught:
            await app.call("exits")
        with pytest.raises(WorkerError):
            await waiting

        assert "exit code 7" in caught.value.problems[0].what
        assert "so long" in caught.value.problems[0].why


@with_process
async def test_a_worker_that_is_killed_names_the_signal(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "killed") as app:
        with pytest.raises(WorkerError) as caught:
            await app.call("killed")

        assert "signal SIGKILL" in caught.value.problems[0].what


@with_process
async def test_after_an_exit_a_fresh_process_has_the_functions(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "exits", "process") as app:
        before = await app.call("process")
        with pytest.raises(WorkerError):
            await app.call("exits")

        assert await app.call("process") not in (before, None)


@runs_handlers
async def test_a_handler_that_does_not_load_keeps_no_other_from_being_loaded_again(
    kind: Kind, tmp_path: Path
) -> None:
    async with started(kind, tmp_path, "tries") as app:
        with pytest.raises(HandlerLoadError):
            await app.load("syntax")
        await app.load("echo")
        told = len(app.logs)
        await app.worker.restart("the test wants it")

        assert json.loads(str(await app.call("echo"))) == {"target": "echo"}
        assert [entry.message for entry in app.logs[told:] if "syntax" in entry.message] == []


@every
async def test_a_restart_fails_running_calls_and_loads_the_functions_again(
    kind: Kind, tmp_path: Path
) -> None:
    async with started(kind, tmp_path, "waits", "echo") as app:
        waiting = asyncio.create_task(app.call("waits"))
        await app.line("waiting")
        await app.worker.restart("the test wants it")
        with pytest.raises(WorkerError) as caught:
            await waiting

        assert "the test wants it" in caught.value.problems[0].what
        assert await app.call("echo") is not None


@every
async def test_an_edited_handler_runs_after_a_restart(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "echo") as app:
        await app.call("echo")
        # In Python of the same size and within the same second: neither must matter.
        (tmp_path / "echo" / kind.file).write_text(kind.handlers["edited"], encoding="utf-8")
        await app.worker.restart("edited")

        assert await app.call("echo") == "new12"


@runs_handlers
async def test_stacks_show_where_a_handler_is(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "waits", "opens") as app:
        waiting = asyncio.create_task(app.call("waits"))
        await app.line("waiting")

        assert "waits" in (await app.worker.stacks()).render()
        await app.call("opens")
        await waiting


# -- the end -------------------------------------------------------------------------------------


@every
async def test_stop_ends_running_calls_and_may_be_asked_twice(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "waits") as app:
        waiting = asyncio.create_task(app.call("waits"))
        await app.line("waiting")
        await app.worker.stop()
        await app.worker.stop()

        with pytest.raises(WorkerError):
            await waiting
        with pytest.raises(WorkerError):
            await app.call("waits")


@with_process
async def test_stop_leaves_no_process(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "process") as app:
        pid = int(str(await app.call("process")))
        await app.worker.stop()

        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@with_pool
async def test_several_processes_share_the_calls(kind: Kind, tmp_path: Path) -> None:
    async with started(kind, tmp_path, "waits", "process", count=2) as app:
        waiting = asyncio.create_task(app.call("waits"))
        await app.line("waiting")
        free = {await app.call("process", str(at)) for at in range(4)}

        assert len(free) == 1
        await app.worker.restart("free it", "id of waits")
        with pytest.raises(WorkerError):
            await waiting
        # The other process is the one that was replaced.
        os.kill(int(str(free.pop())), 0)


HOST = """
import asyncio, os, sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.contract.test_workers import KINDS, App
async def main():
    kind = next(k for k in KINDS if k.name == {kind!r})
    worker = await kind.make(Path({root!r}), lambda entry: None, dict(os.environ), 1)
    await worker.start()
    app = App(kind, Path({root!r}), worker)
    await app.load("process", "waits")
    print(await app.call("process"), flush=True)
    asyncio.create_task(app.call("waits"))
    await asyncio.sleep(0)
    os._exit(9)
asyncio.run(main())
"""


@with_process
async def test_a_worker_ends_when_its_host_dies(kind: Kind, tmp_path: Path) -> None:
    repository = str(Path(__file__).parents[2])
    path = [repository, str(Path(repository) / "runtime")]
    code = HOST.format(path=path, kind=kind.name, root=str(tmp_path))
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=repository
    )
    assert host.stdout is not None
    pid = int(await host.stdout.readline())
    # The worker may be gone before it can be watched.
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, ended.set)
        await asyncio.wait_for(ended.wait(), 10)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

    assert await host.wait() == 9
