"""`customHandler` of host.json as a command line, and what is said of a program that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import Problem, WorkerStartError
from funcjson.settings import load_settings
from funcjson.workers.custom_handler_program import HandlerProgram, find_program, program_files


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "handler").write_text("#!/bin/sh\n")
    (tmp_path / "handler").chmod(0o755)
    (tmp_path / "work").mkdir()
    return tmp_path.resolve()


def found(app: Path, section: Any, environ: dict[str, str] | None = None) -> HandlerProgram:
    document = {"version": "2.0"} | ({"customHandler": section} if section is not None else {})
    (app / "host.json").write_text(json.dumps(document))
    settings = load_settings(app, environ or {})
    return find_program(settings, settings.worker_environment())


def refused(app: Path, section: Any, environ: dict[str, str] | None = None) -> Problem:
    with pytest.raises(WorkerStartError) as caught:
        found(app, section, environ)
    return caught.value.problems[0]


def described(**members: Any) -> dict[str, Any]:
    return {"description": {"defaultExecutablePath": "handler", **members}}


def test_a_program_of_the_app_runs_in_its_root(app: Path) -> None:
    program = found(app, described())

    assert program.command(5) == [str(app / "handler")]
    assert program.directory == app
    assert (program.port, program.passes_on) == (None, False)


def test_a_name_that_is_no_file_is_looked_for_on_path(app: Path) -> None:
    (app / "bin").mkdir()
    (app / "bin/node").write_text("#!/bin/sh\n")
    (app / "bin/node").chmod(0o755)

    program = found(
        app, {"description": {"defaultExecutablePath": "node"}}, {"PATH": f"{app / 'bin'}"}
    )

    assert program.executable == app / "bin/node"


def test_the_command_line_is_the_real_hosts(app: Path) -> None:
    program = found(
        app,
        described(
            arguments=[
                "--a b",
                '--c "d e"',
                "%PLACE%%NOTHING%",
                "--port=%FUNCTIONS_CUSTOMHANDLER_PORT%",
            ],
            defaultWorkerPath="my server.js",
            workerArguments=["-v"],
            workingDirectory="work",
        ),
        {"PLACE": "here"},
    )

    assert program.command(81)[1:] == [
        *("--a", "b", "--c", "d e", "here", "--port=81", "my server.js", "-v")
    ]
    assert program.directory == app / "work"


@pytest.mark.parametrize("name", ["enableForwardingHttpRequest", "enableProxyingHttpRequest"])
def test_either_option_passes_requests_on(app: Path, name: str) -> None:
    assert found(app, {**described(), name: True}).passes_on


def test_letter_case_does_not_matter_and_the_environment_wins(app: Path) -> None:
    section = {"Description": {"DefaultExecutablePath": "nothing"}, "Port": 81}
    name = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath"

    program = found(app, section, {name: "handler"})

    assert program.executable == app / "handler"
    assert program.port == 81


@pytest.mark.parametrize("section", [{}, {"description": {}}, described(defaultExecutablePath=" ")])
def test_a_section_without_a_program_says_what_to_add(app: Path, section: Any) -> None:
    problem = refused(app, section)

    assert problem.code == "FJ0522"
    assert "defaultExecutablePath" in problem.fix


def test_a_custom_runtime_without_a_section_says_where_it_comes_from(app: Path) -> None:
    problem = refused(app, None, {"FUNCTIONS_WORKER_RUNTIME": "custom"})

    assert "environment" in problem.why
    assert "customHandler" in problem.fix


def test_a_file_that_may_not_be_run_says_how_to_allow_it(app: Path) -> None:
    (app / "handler").chmod(0o644)

    assert "chmod +x handler" in refused(app, described()).fix


@pytest.mark.parametrize(
    ("there", "written", "fix"),
    [
        ("handler", "handler.exe", '"defaultExecutablePath": "handler"'),
        ("server.c", "server", "build it from server.c"),
        ("nothing", "server", "install 'server'"),
    ],
)
def test_a_program_that_is_missing_says_what_to_do(
    app: Path, there: str, written: str, fix: str
) -> None:
    (app / there).touch()

    problem = refused(app, {"description": {"defaultExecutablePath": written}}, {"PATH": ""})

    assert fix in problem.fix
    assert written in problem.what


def test_the_files_of_a_handler_are_known_also_before_they_exist(app: Path) -> None:
    section = described(
        defaultExecutablePath="build/server", arguments=["run main.js"], defaultWorkerPath="x/y.rb"
    )
    (app / "host.json").write_text(json.dumps({"version": "2.0", "customHandler": section}))

    assert program_files(load_settings(app, {})) == ("server", "y.rb", "run", "main.js")


def test_an_app_without_a_handler_has_no_such_files(app: Path) -> None:
    assert program_files(load_settings(app, {})) == ()


def test_the_older_section_passes_requests_on_by_name(app: Path) -> None:
    document = {"version": "2.0", "httpWorker": {**described(), "port": 5}}
    (app / "host.json").write_text(json.dumps(document))
    program = find_program(settings := load_settings(app, {}), settings.worker_environment())

    assert program.command(5) == [str(app / "handler")]
    assert (program.port, program.passes_on, program.by_name) == (None, True, True)
    assert str(program.where) == "host.json  /httpWorker"
