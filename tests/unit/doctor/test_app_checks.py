"""Checks of an app: each has an app that it is content with, and one for each thing it reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.doctor.doctor_world import HTTP, NEGOTIATE, FakeMachine, patient, write_app

from funcjson.doctor import app_checks
from funcjson.doctor.machine import Ran
from funcjson.doctor.patient import meet
from funcjson.errors import Problem, Severity

KEY = "0123456789-nobody-may-see-this-key"
SERVICE = f"Endpoint=https://x.service.signalr.net;AccessKey={KEY};Version=1.0;"
HANDLER = {"f/index.js": "module.exports = async () => {};"}
PLAIN = {"f/function.json": HTTP, **HANDLER}
SIGNALR = {"f/function.json": NEGOTIATE, **HANDLER}


def values(**settings: Any) -> dict[str, Any]:
    return {"local.settings.json": {"IsEncrypted": False, "Values": settings}}


def host(**members: Any) -> dict[str, Any]:
    return {"local.settings.json": {"IsEncrypted": False, "Values": {}, "Host": members}}


def one(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


def test_functions_are_counted_by_language(tmp_path: Path) -> None:
    app = patient(tmp_path, PLAIN | {"g/function.json": HTTP, "g/__init__.py": "def main(): pass"})
    said, problems = app_checks.functions(app)

    assert said.startswith("2 functions (1 node, 1 python)")
    assert problems == []


def test_what_loading_said_is_handed_on(tmp_path: Path) -> None:
    app = patient(tmp_path, PLAIN | {"g/function.json": []})

    assert "FJ0201" in [problem.code for problem in app_checks.functions(app)[1]]


# -- settings ------------------------------------------------------------------------------------


def test_an_app_without_settings_is_well(tmp_path: Path) -> None:
    said, problems = app_checks.settings(patient(tmp_path, PLAIN))

    assert "none is needed" in said
    assert problems == []


def test_storage_is_told_to_be_of_no_use(tmp_path: Path) -> None:
    app = patient(tmp_path, PLAIN | values(AzureWebJobsStorage="UseDevelopmentStorage=true"))

    assert "AzureWebJobsStorage is not needed" in app_checks.settings(app)[0]


def test_what_is_wrong_with_a_setting_stands_with_the_settings_alone(tmp_path: Path) -> None:
    app = patient(tmp_path, PLAIN | values(A={"B": 1}, FUNCTIONS_WORKER_RUNTIME="node"))
    app = replace(app, problems=(*app.settings.problems, *app.problems))

    assert app.settings.problems
    assert "'A' is an object" in one(app_checks.settings(app)[1]).what
    assert app_checks.functions(app)[1] == []


def test_a_value_that_counts_for_nothing_stands_with_the_settings_alone(tmp_path: Path) -> None:
    settings = values(PYTHON_THREADPOOL_THREAD_COUNT="abc", FUNCTIONS_WORKER_RUNTIME="node")
    app = meet(write_app(tmp_path, PLAIN | settings), {}, FakeMachine())

    assert one(app_checks.settings(app)[1]).what == "PYTHON_THREADPOOL_THREAD_COUNT is 'abc'"
    assert "FJ0178" not in [problem.code for problem in app_checks.functions(app)[1]]


def test_functions_in_code_are_known_once_they_ran(tmp_path: Path) -> None:
    code = """import azure.functions as func
app = func.FunctionApp()
@app.route("f")
def f(req): pass
"""
    disabled = {"AzureWebJobs.f.Disabled": "true", "AzureWebJobs.nope.Disabled": "true"}
    settings = values(FUNCTIONS_WORKER_RUNTIME="python", **disabled)
    app = meet(write_app(tmp_path, {"function_app.py": code} | settings), {}, FakeMachine())

    assert one(app_checks.settings(app)[1]).what == "'AzureWebJobs.nope.Disabled' disables nothing"


@pytest.mark.parametrize(
    ("handlers", "language"),
    [
        (PLAIN, "node"),
        ({"f/function.json": HTTP, "f/__init__.py": "def main(req): pass"}, "python"),
        ({"f/function.json": HTTP, "host.json": {"version": "2.0", "customHandler": {}}}, "custom"),
    ],
)
def test_settings_without_the_language_are_noted(
    tmp_path: Path, handlers: dict[str, Any], language: str
) -> None:
    app = patient(tmp_path, handlers | values(A="1"))
    note = one(app_checks.settings(app)[1])

    assert (note.code, note.severity) == ("FJ0177", Severity.NOTE)
    assert f'"FUNCTIONS_WORKER_RUNTIME": "{language}"' in note.fix


@pytest.mark.parametrize(
    ("setting", "tracked", "found"),
    [(SERVICE, True, True), (SERVICE, False, False), ("", True, False), ("plain", True, False)],
)
def test_keys_in_version_control_are_named_and_not_shown(
    tmp_path: Path, setting: str, tracked: bool, found: bool
) -> None:
    machine = FakeMachine({"git": Ran(0 if tracked else 1)})
    settings = values(AzureSignalRConnectionString=setting, FUNCTIONS_WORKER_RUNTIME="node")
    app = patient(tmp_path, SIGNALR | settings, machine)
    problems = app_checks.settings(app)[1]

    assert [problem.code for problem in problems] == (["FJ0175"] if found else [])
    assert KEY not in str(problems)
    if found:
        assert "AzureSignalRConnectionString" in problems[0].why


@pytest.mark.parametrize("content", [{}, "{"])
def test_what_is_wrong_with_host_json_stands_with_it(tmp_path: Path, content: Any) -> None:
    app = patient(tmp_path, PLAIN | {"host.json": content})

    assert "host.json" in [str(p.where.file) for p in app_checks.host_json(app)[1] if p.where]
    assert app_checks.settings(app)[1] == []


# -- connections ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (PLAIN, "no binding uses SignalR"),
        (SIGNALR, "AzureSignalRConnectionString: the local service"),
        (
            SIGNALR | values(AzureSignalRConnectionString=SERVICE),
            "AzureSignalRConnectionString: a service of its own (from local.settings.json Values)",
        ),
        (
            SIGNALR | values(AzureSignalRConnectionString__serviceUri="https://x"),
            "AzureSignalRConnectionString: endpoints of Azure",
        ),
        (
            SIGNALR
            | values(
                AzureSignalRConnectionString="Endpoint=http://localhost;Port=1;AccessKey=k;Version=1.0;"
            ),
            "AzureSignalRConnectionString: the local service, at its address "
            "(from local.settings.json Values)",
        ),
        ({"g/function.json": []}, "not known, as no function was loaded"),
    ],
)
def test_each_connection_setting_is_followed(tmp_path: Path, files: Any, said: str) -> None:
    assert app_checks.connections(patient(tmp_path, files)) == (said, [])


@pytest.mark.parametrize("section", ["Values", "ConnectionStrings"])
def test_a_connection_string_under_another_name_is_found(tmp_path: Path, section: str) -> None:
    document = {"local.settings.json": {"IsEncrypted": False, section: {"SignalRConn": SERVICE}}}
    problem = one(app_checks.connections(patient(tmp_path, SIGNALR | document))[1])

    assert problem.code == "FJ0172"
    assert '"connectionStringSetting": "SignalRConn"' in problem.fix
    assert problem.where is not None
    assert problem.where.pointer == f"/{section}/SignalRConn"
    assert KEY not in str(problem)


def test_https_on_this_machine_is_noted(tmp_path: Path) -> None:
    text = "Endpoint=https://localhost;Port=1;AccessKey=KEY;Version=1.0;"
    document = {"local.settings.json": {"Values": {"AzureSignalRConnectionString": text}}}

    problem = one(app_checks.connections(patient(tmp_path, SIGNALR | document))[1])

    assert problem.code == "FJ0129"
    assert problem.where is not None
    assert problem.where.line > 0


def test_a_second_connection_string_is_no_matter_when_the_first_is_set(tmp_path: Path) -> None:
    both = values(AzureSignalRConnectionString=SERVICE, Other=SERVICE)

    assert app_checks.connections(patient(tmp_path, SIGNALR | both))[1] == []


# -- browsers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "codes"),
    [
        ({}, []),
        ({"CORS": "http://localhost:3000", "CORSCredentials": True}, []),
        ({"CORS": "http://localhost:3000"}, ["FJ0173"]),
        ({"CORS": "*"}, ["FJ0173"]),
        ({"CORS": "*", "CORSCredentials": True}, ["FJ0151"]),
        ({"CORS": "https://example.org", "CORSCredentials": True}, ["FJ0173"]),
        ({"CORS": "http://localhost:3000/", "CORSCredentials": True}, ["FJ0152"]),
    ],
)
def test_cors_is_seen_from_the_page_that_negotiates(
    tmp_path: Path, members: dict[str, Any], codes: list[str]
) -> None:
    problems = app_checks.browsers(patient(tmp_path, SIGNALR | host(**members)))[1]

    assert [problem.code for problem in problems] == codes


def test_an_app_that_does_not_negotiate_needs_no_credentials(tmp_path: Path) -> None:
    assert app_checks.browsers(patient(tmp_path, PLAIN | host(CORS="*"))) == (
        "any page may call the functions",
        [],
    )


# -- login ---------------------------------------------------------------------------------------


def test_functions_that_ask_who_calls_are_named_with_a_persona(tmp_path: Path) -> None:
    asking = [*HTTP, {**NEGOTIATE[2], "userId": "{headers.x-ms-client-principal-id}"}]
    files = {"f/function.json": asking, **HANDLER, "personas.json": {"alice": {"id": "1"}}}
    said, problems = app_checks.login(patient(tmp_path, files))

    assert said == (
        "f asks who the caller is: sign in at /.auth/login/aad, or start with --as alice"
    )
    assert problems == []


def test_a_personas_file_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    app = patient(tmp_path, PLAIN | {"personas.json": {"alice": 5}})

    assert one(app_checks.login(app)[1]).code == "FJ0154"


# -- host.json -----------------------------------------------------------------------------------


def bundle(version: str) -> dict[str, Any]:
    section = {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": version}
    return {"host.json": {"version": "2.0", "ExtensionBundle": section}}


@pytest.mark.parametrize(
    ("files", "severities"),
    [
        (PLAIN, []),
        (SIGNALR, [Severity.WARNING]),
        (SIGNALR | bundle("[4.*, 5.0.0)"), []),
        (SIGNALR | bundle("[1.*, 2.0.0)"), [Severity.NOTE]),
        (SIGNALR | bundle("whatever"), []),
        (PLAIN | {"host.json": None}, [Severity.WARNING]),
    ],
)
def test_the_extension_bundle_is_what_azure_needs(
    tmp_path: Path, files: Any, severities: list[Severity]
) -> None:
    problems = app_checks.host_json(patient(tmp_path, files))[1]

    assert [problem.severity for problem in problems] == severities
    assert {problem.code for problem in problems} <= {"FJ0174"}


def test_proxies_are_reported(tmp_path: Path) -> None:
    app = patient(tmp_path, PLAIN | {"proxies.json": {}})

    assert one(app_checks.host_json(app)[1]).code == "FJ0176"
