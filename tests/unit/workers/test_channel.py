"""The host's side of the wire: answers find their questions, failures become errors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import HandlerError, HandlerLoadError, Location, Problem, WorkerError
from funcjson.model import Binding, Call, Direction, Function, Language, RetryContext, WorkerLog
from funcjson.workers.base import IndexedFunction
from funcjson.workers.channel import Channel
from funcjson.workers.last_words import Stderr
from funcjson.workers.load_fixes import load_fix

ROOT = Path("/app")
CALL = Call("id-1", "f", (("req", {"string": "a"}),))
FUNCTION = Function(
    "f",
    ROOT / "f",
    (Binding("req", "httpTrigger", Direction.IN, {"name": "req", "route": "r"}, ""),),
    Language.PYTHON,
    "f/__init__.py",
)


class Wire:
    """A channel, what it sent, and what it logged."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.logs: list[WorkerLog] = []
        self.stderr = Stderr()
        self.asked = asyncio.Event()
        self.now = 100.0
        self.channel = Channel(
            self._send, self.logs.append, ROOT, self.stderr, clock=lambda: self.now
        )

    def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.asked.set()

    async def answered(self, asking: Any, **answer: Any) -> Any:
        """Ask, answer the last message that was sent, and give the outcome."""
        task = asyncio.ensure_future(asking)
        await self.asked.wait()
        self.channel.receive({"id": self.sent[-1].get("id"), **answer})
        return await task


async def test_a_busy_loop_is_told_with_the_time_that_it_has_been_busy_by_now() -> None:
    wire = Wire()
    wire.channel.receive({"op": "stacks", "id": None, "text": "    at spin", "busy_s": 1.0})
    wire.now += 4.0

    assert (await wire.channel.stacks()).render() == (
        "The event loop of the worker has been busy for 5.0 s, here:\n    at spin"
    )


async def test_an_invocation_is_sent_whole() -> None:
    wire = Wire()
    call = Call(
        "id-1", "f", CALL.inputs, {"m": {"string": "v"}}, RetryContext(1, 3, "e", "at x"), "00-x"
    )
    result = await wire.answered(
        wire.channel.invoke(call), op="result", outputs={"o": {"int": 1}}, **{"return": {}}
    )

    assert wire.sent == [
        {
            "op": "invoke",
            "id": "id-1",
            "function": "f",
            "inputs": (("req", {"string": "a"}),),
            "metadata": {"m": {"string": "v"}},
            "retry": [1, 3, "e", "at x"],
            "trace_parent": "00-x",
        }
    ]
    assert result.outputs == {"o": {"int": 1}}
    assert result.return_value == {}


async def test_load_sends_bindings_with_name_type_and_direction() -> None:
    wire = Wire()
    await wire.answered(wire.channel.load(FUNCTION), op="loaded")

    assert wire.sent[0]["function"]["bindings"] == [
        {"name": "req", "route": "r", "type": "httpTrigger", "direction": "in"}
    ]
    assert wire.sent[0]["function"]["script_file"] == "f/__init__.py"


async def test_a_load_failure_names_function_place_and_reason() -> None:
    wire = Wire()
    with pytest.raises(HandlerLoadError) as caught:
        await wire.answered(
            wire.channel.load(FUNCTION),
            op="failed",
            type="SyntaxError",
            message="never closed",
            stack="  File ...",
            file="/app/f/__init__.py",
            line=3,
            column=7,
        )
    problem = caught.value.problems[0]

    assert problem.what == "the handler of 'f' could not be loaded: SyntaxError: never closed"
    assert problem.where == Location("f/__init__.py", 3, 7)
    assert problem.azure == ("Result: Failure\nException: SyntaxError: never closed")


async def test_a_handler_error_has_the_users_message_and_stack() -> None:
    wire = Wire()
    with pytest.raises(HandlerError) as caught:
        await wire.answered(
            wire.channel.invoke(CALL), op="failed", type="ValueError", message="a\nb", stack="s"
        )

    assert caught.value.message == "ValueError: a\nb"
    assert caught.value.stack == "s"
    assert caught.value.problems[0].what == "'f' raised ValueError: a"
    assert caught.value.problems[0].fix.startswith("correct the code")


async def test_a_place_outside_the_app_keeps_its_whole_path() -> None:
    wire = Wire()
    with pytest.raises(HandlerError) as caught:
        await wire.answered(
            wire.channel.invoke(CALL), op="failed", type="E", message="", file="/lib/x.py", line=1
        )

    assert caught.value.problems[0].where == Location("/lib/x.py", 1)


async def test_index_gives_functions_and_warnings() -> None:
    wire = Wire()
    result = await wire.answered(
        wire.channel.index(),
        op="indexed",
        functions=[{"name": "f", "document": {}, "script_file": "function_app.py", "line": 4}],
        error=None,
        stack="",
        warnings=["w"],
    )

    assert result.functions == (IndexedFunction("f", {}, "function_app.py", 4),)
    assert result.warnings == (("w", None),)
    assert result.error is None


async def test_an_index_that_fails_is_an_error_text() -> None:
    wire = Wire()
    result = await wire.answered(
        wire.channel.index(), op="failed", type="ValueError", message="m", stack="s"
    )

    assert (result.error, result.stack) == ("ValueError: m", "s")


async def test_logs_go_to_the_sink_with_their_invocation() -> None:
    wire = Wire()
    wire.channel.receive(
        {
            "op": "log",
            "level": "warning",
            "message": "m",
            "category": "console",
            "function": "f",
            "invocation_id": "i",
            "stream": "stderr",
        }
    )

    assert wire.logs == [WorkerLog("m", "warning", "f", "i", "console")]
    assert wire.stderr.all() == ["m"]


async def test_unknown_messages_are_ignored_also_with_an_id_that_waits() -> None:
    wire = Wire()
    task = asyncio.ensure_future(wire.channel.invoke(CALL))
    await asyncio.sleep(0)
    wire.channel.receive({"op": "novelty", "id": "id-1"})
    assert not task.done()
    wire.channel.receive({"op": "result", "id": "id-1", "outputs": {}, "return": {"int": 1}})

    assert (await task).return_value == {"int": 1}


async def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    wire = Wire()
    task = asyncio.ensure_future(wire.channel.invoke(CALL))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    wire.channel.receive({"op": "result", "id": "id-1", "outputs": {}, "return": {}})
    assert wire.channel.waiting == 0


async def test_close_fails_what_waits_and_what_comes() -> None:
    wire = Wire()
    task = asyncio.ensure_future(wire.channel.invoke(CALL))
    await asyncio.sleep(0)
    wire.channel.close(Problem("FJ0512", "gone"))
    with pytest.raises(WorkerError, match="gone"):
        await task
    with pytest.raises(WorkerError, match="gone"):
        await wire.channel.invoke(CALL)


async def test_a_missing_module_is_told_in_one_line_with_a_remedy() -> None:
    wire = Wire()
    said = (
        "No module named 'nope'. Cannot find module. Please check the requirements.txt file for "
        "the missing module. For more info, ... Current sys.path: ['/a', '/b']"
    )
    with pytest.raises(HandlerLoadError) as caught:
        await wire.answered(
            wire.channel.load(FUNCTION), op="failed", type="ModuleNotFoundError", message=said
        )
    problem = caught.value.problems[0]

    assert problem.what == (
        "the handler of 'f' could not be loaded: ModuleNotFoundError: No module named 'nope'"
    )
    assert "requirements.txt" in problem.fix
    assert problem.azure is not None
    assert "sys.path" in problem.azure


@pytest.mark.parametrize(
    ("message", "fix"),
    [
        ("Cannot find module './x'", "path"),
        ("Cannot find module 'x'", "package.json"),
        ("Unable to determine function entry point. If multiple", "module.exports"),
        ("cannot load function f: function main() is not present in f/__init__.py", "entryPoint"),
        ("the following parameters are declared in Python but not in function.json: {'r'}", "name"),
        ("the following parameters are declared in function.json but not in Python: {'r'}", "add"),
        ("ValueError: anything", "correct the file"),
    ],
)
async def test_each_load_failure_has_a_remedy(message: str, fix: str) -> None:
    wire = Wire()
    with pytest.raises(HandlerLoadError) as caught:
        await wire.answered(wire.channel.load(FUNCTION), op="failed", type="Error", message=message)

    assert fix in caught.value.problems[0].fix


async def test_an_exception_without_text_is_told_by_its_name() -> None:
    wire = Wire()
    with pytest.raises(HandlerError) as caught:
        await wire.answered(
            wire.channel.invoke(CALL), op="failed", type="KeyboardInterrupt", message=""
        )

    assert caught.value.problems[0].what == "'f' raised KeyboardInterrupt"


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("Node.js 20.1.0 cannot run TypeScript: index.ts", "start with --install"),
        ("something else", "correct the file"),
    ],
)
def test_each_fault_of_loading_has_its_remedy(said: str, fix: str) -> None:
    assert load_fix(f"Error: Worker was unable to load function f: '{said}'").startswith(fix)
