"""The worker inside this process: what it borrows it gives back. The rest is in the contract."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from funcjson.errors import WorkerError, WorkerStartError
from funcjson.model import Binding, Call, Direction, Function, Language, WorkerLog
from funcjson.workers.in_process import InProcessPythonWorker

BINDINGS = (Binding("event", "signalRTrigger", Direction.IN, {}, ""),)


def write(root: Path, code: str) -> Function:
    (root / "f").mkdir(exist_ok=True)
    (root / "f" / "__init__.py").write_text(code, encoding="utf-8")
    return Function("f", root / "f", BINDINGS, Language.PYTHON, "f/__init__.py")


async def run(root: Path, code: str, **options: object) -> object:
    worker = InProcessPythonWorker(root, lambda _: None, **options)  # type: ignore[arg-type]
    await worker.start()
    try:
        await worker.load(write(root, code))
        result = await worker.invoke(Call("1", "f", (("event", {"string": ""}),)))
        return result.return_value.get("string")
    finally:
        await worker.stop()


async def test_settings_are_there_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "before")
    monkeypatch.delenv("THEIRS", raising=False)
    code = "import os\ndef main(event): return os.environ['OURS'] + os.environ['THEIRS']"

    assert await run(tmp_path, code, environment={"OURS": "a", "THEIRS": "b"}) == "ab"
    assert os.environ["OURS"] == "before"
    assert "THEIRS" not in os.environ


async def test_the_directory_changes_only_when_asked(tmp_path: Path) -> None:
    before = os.getcwd()  # noqa: PTH109
    code = "import os\ndef main(event): return os.getcwd()"

    assert await run(tmp_path, code) == before
    assert await run(tmp_path, code, change_directory=True) == os.path.realpath(tmp_path)  # noqa: ASYNC240
    assert os.getcwd() == before  # noqa: PTH109


async def test_apps_with_the_same_names_one_after_the_other(tmp_path: Path) -> None:
    for text in ("one", "two"):
        root = tmp_path / text
        root.mkdir()
        (root / "common_module.py").write_text(f"x = {text!r}", encoding="utf-8")

        assert await run(root, "from common_module import x\ndef main(event): return x") == text
    assert "common_module" not in sys.modules


async def test_import_errors_and_missing_start_are_the_workers_errors(tmp_path: Path) -> None:
    worker = InProcessPythonWorker(tmp_path, lambda _: None)
    with pytest.raises(WorkerStartError, match="not running"):
        await worker.invoke(Call("1", "f", ()))
    await worker.stop()


async def test_a_missing_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.functions", None)
    worker = InProcessPythonWorker(tmp_path, lambda _: None, environment={"LEFT": "no"})
    with pytest.raises(WorkerStartError) as caught:
        await worker.start()

    assert caught.value.problems[0].code in ("FJ0510", "FJ0511")
    assert "LEFT" not in os.environ


async def test_a_restart_reads_the_files_again(tmp_path: Path) -> None:
    logs: list[WorkerLog] = []
    worker = InProcessPythonWorker(tmp_path, logs.append)
    await worker.start()
    await worker.start()
    await worker.load(write(tmp_path, "def main(event): return 'a'"))
    write(tmp_path, "def main(event): return 'b'")
    await worker.restart("edited")
    result = await worker.invoke(Call("1", "f", (("event", {"string": ""}),)))
    await worker.stop()
    await worker.restart("too late")

    assert result.return_value == {"string": "b"}
    with pytest.raises(WorkerError):
        await worker.stacks()


STREAMS = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse
app = func.FunctionApp()
@app.route(route="f")
def f(req: Request) -> StreamingResponse:
    return StreamingResponse(iter(["a", "b"]))
"""
USUAL = """
import azure.functions as func
app = func.FunctionApp()
@app.route(route="f")
def f(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"usual")
"""


async def test_an_app_with_http_streams_leaves_the_next_one_without(tmp_path: Path) -> None:
    request = {
        "method": "GET",
        "url": "http://localhost/",
        "headers": {},
        "query": {},
        "params": {},
    }
    call = Call("1", "f", (("req", {"http": request}),))
    bodies = []
    for name, code in (("streams", STREAMS), ("usual", USUAL), ("again", STREAMS)):
        root = tmp_path / name
        root.mkdir()
        (root / "function_app.py").write_text(code, encoding="utf-8")
        setting = {"PYTHON_ENABLE_INIT_INDEXING": "1"}
        worker = InProcessPythonWorker(root, lambda _: None, environment=setting)
        await worker.start()
        try:
            index = await worker.index()
            assert (index.error, index.streams) == (None, code is STREAMS)
            answer = await worker.invoke(call)
            bodies.append(answer.return_value["http"]["body"])
        finally:
            await worker.stop()

    assert bodies == [{"bytes": b"ab"}, {"bytes": b"usual"}, {"bytes": b"ab"}]


def environment(root: Path, version: str) -> Path:
    """An environment of an app for a version of Python, with one package."""
    folder = root / ".venv"
    packages = folder / f"lib/python{version}/site-packages"
    packages.mkdir(parents=True)
    (packages / "only_there.py").write_text("what = 'of the environment'", encoding="utf-8")
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text(f"version = {version}.1\n", encoding="utf-8")
    return packages


async def test_packages_of_the_apps_environment_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    packages = environment(tmp_path, f"{sys.version_info[0]}.{sys.version_info[1]}")
    # As a package that is being worked on is installed.
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/edited.py").touch()
    (packages / "edited.pth").write_text(str(tmp_path / "elsewhere"), encoding="utf-8")
    code = "import edited, only_there\ndef main(event): return only_there.what"

    assert await run(tmp_path, code) == "of the environment"


async def test_packages_for_another_python_are_told_with_the_way_out(tmp_path: Path) -> None:
    environment(tmp_path, "3.8")
    worker = InProcessPythonWorker(tmp_path, lambda _: None)

    with pytest.raises(WorkerStartError) as caught:
        await worker.start()

    problem = caught.value.problems[0]
    assert "--debug runs handlers in funcjson's own Python" in problem.what
    assert problem.why.endswith(".venv is for Python 3.8")
    assert "debugpy" in problem.fix
