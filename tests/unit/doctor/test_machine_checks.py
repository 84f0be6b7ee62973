"""Checks of a machine, whose answers are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.doctor.doctor_world import (
    HTTP,
    NEGOTIATE,
    FakeMachine,
    patient,
    python_facts,
)

from funcjson.doctor import machine_checks
from funcjson.doctor.machine import Ran

PYTHON = {"f/function.json": HTTP, "f/__init__.py": "def main(req): pass"}
NODE = {"f/function.json": HTTP, "f/index.js": "module.exports = async () => {};"}
SIGNALR = {"f/function.json": NEGOTIATE, "f/index.js": ""}
HANDLER = {
    "version": "2.0",
    "customHandler": {"description": {"defaultExecutablePath": "handler"}},
}


def codes(finding: tuple[str, list[Any]]) -> list[str]:
    return [problem.code for problem in finding[1]]


# -- languages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "files"),
    [
        (machine_checks.python, NODE),
        (machine_checks.node, PYTHON),
        (machine_checks.custom_handler, PYTHON),
    ],
)
def test_a_language_without_functions_is_not_looked_at(
    tmp_path: Path, check: Any, files: Any
) -> None:
    machine = FakeMachine()

    assert check(patient(tmp_path, files, machine)) == ("not used", [])
    assert machine.asked == []


@pytest.mark.parametrize(
    ("requirements", "ran", "found"),
    [
        (None, python_facts(), []),
        ("azure-functions\n", python_facts(**{"azure-functions": "1"}), []),
        ("Azure_Functions>=1 # it\n", python_facts(Azure_Functions="1"), []),
        (
            "azure-functions\nattrs\n",
            python_facts(**{"azure-functions": "1"}, attrs=None),
            ["FJ0540"],
        ),
        ("attrs==1\n", python_facts(attrs="1"), ["FJ0540"]),
        (
            "azure-functions\n-r x\n./own\nx; python_version<'3'\n",
            python_facts(**{"azure-functions": "1"}),
            [],
        ),
        (None, python_facts((3, 9, 2)), ["FJ0542"]),
        (None, python_facts(functions=False), ["FJ0511"]),
        (None, Ran(1, "", "bad interpreter"), ["FJ0541"]),
    ],
)
def test_the_python_of_an_app_is_asked_about_itself(
    tmp_path: Path, requirements: str | None, ran: Ran, found: list[str]
) -> None:
    app = patient(
        tmp_path, PYTHON | {"requirements.txt": requirements}, FakeMachine({"python": ran})
    )

    assert codes(machine_checks.python(app)) == found


def test_a_virtual_environment_without_a_python_is_named(tmp_path: Path) -> None:
    machine = FakeMachine({"python": python_facts()})
    app = patient(tmp_path, PYTHON | {".venv/pyvenv.cfg": "home = /gone"}, machine)
    finding = machine_checks.python(app)

    assert codes(finding) == ["FJ0541"]
    assert str(tmp_path / ".venv") in finding[1][0].what


def test_the_python_of_the_app_is_the_one_that_is_asked(tmp_path: Path) -> None:
    machine = FakeMachine({"python": python_facts()})
    files = {".venv/pyvenv.cfg": "", ".venv/bin/python": ""}
    said, problems = machine_checks.python(patient(tmp_path.resolve(), PYTHON | files, machine))

    assert said == "3.12.1 (.venv), with azure-functions"
    assert problems == []


@pytest.mark.parametrize(
    ("ran", "package", "found"),
    [
        (Ran(0, "v22.1.0\n"), None, []),
        (Ran(0, "v18.1.0\n"), None, ["FJ0542"]),
        (Ran(None), None, ["FJ0501"]),
        (Ran(0, "v22.1.0\n"), {"dependencies": {"there": "1", "@x/gone": "1"}}, ["FJ0540"]),
        (Ran(0, "v22.1.0\n"), {"dependencies": {"there": "1"}}, []),
        (Ran(0, "v22.1.0\n"), "{", []),
    ],
)
def test_node_and_its_packages_are_looked_for(
    tmp_path: Path, ran: Ran, package: Any, found: list[str]
) -> None:
    files = {"package.json": package, "node_modules/there/package.json": "{}"}
    finding = machine_checks.node(patient(tmp_path, NODE | files, FakeMachine({"node": ran})))

    assert codes(finding) == found
    if found == ["FJ0540"]:
        assert finding[1][0].what.endswith(": @x/gone")


def test_a_package_above_the_app_counts(tmp_path: Path) -> None:
    (tmp_path / "node_modules/there").mkdir(parents=True)
    (tmp_path / "node_modules/there/package.json").write_text("{}")
    machine = FakeMachine({"node": Ran(0, "v22.1.0")})
    files = NODE | {"package.json": {"dependencies": {"there": "1"}}}

    assert machine_checks.node(patient(tmp_path / "app", files, machine)) == (
        "22.1.0, 1 packages of package.json",
        [],
    )


@pytest.mark.parametrize(("is_there", "found"), [(True, []), (False, ["FJ0522"])])
def test_the_program_of_a_custom_handler_is_looked_for(
    tmp_path: Path, is_there: bool, found: list[str]
) -> None:
    app = patient(tmp_path, {"f/function.json": HTTP, "host.json": HANDLER}, environ={"PATH": ""})
    if is_there:
        (tmp_path / "handler").touch(0o755)

    assert codes(machine_checks.custom_handler(app)) == found


# -- ports and network ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "taken", "options"),
    [
        (NODE, {}, []),
        (NODE, {7071: "", 8888: ""}, ["--port 0"]),
        (SIGNALR, {7071: "node (pid 5)", 8888: ""}, ["--port 0", "--service-port 0"]),
        (NODE | {"local.settings.json": {"Host": {"LocalHttpPort": 81}}}, {7071: ""}, []),
        (NODE | {"local.settings.json": {"Host": {"LocalHttpPort": 81}}}, {81: ""}, ["--port 0"]),
    ],
)
def test_ports_that_are_taken_are_named(
    tmp_path: Path, files: Any, taken: dict[int, str], options: list[str]
) -> None:
    finding = machine_checks.ports(patient(tmp_path, files, FakeMachine(taken=taken)))

    assert [option for p in finding[1] for option in options if option in p.fix] == options
    assert len(finding[1]) == len(options)
    for problem in finding[1]:
        port = int(problem.what.split()[1])
        assert problem.what.endswith(taken[port] or "in use")


@pytest.mark.parametrize(
    ("environ", "container", "found"),
    [
        ({}, False, []),
        ({"HTTP_PROXY": "http://user:word@proxy"}, False, ["FJ0543"]),
        ({"https_proxy": "http://proxy", "NO_PROXY": "x, localhost"}, False, []),
        ({"ALL_PROXY": ""}, False, []),
        ({}, True, ["FJ0544"]),
    ],
)
def test_what_takes_local_requests_away_is_reported(
    tmp_path: Path, environ: dict[str, str], container: bool, found: list[str]
) -> None:
    app = patient(tmp_path, NODE, FakeMachine(container=container), environ)
    finding = machine_checks.network(app)

    assert codes(finding) == found
    assert "word" not in str(finding)


def test_a_container_that_listens_outside_is_well(tmp_path: Path) -> None:
    files = NODE | {"local.settings.json": {"Host": {"LocalHttpAddress": "0.0.0.0"}}}

    assert machine_checks.network(patient(tmp_path, files, FakeMachine(container=True)))[1] == []
