"""Checks of a machine: languages and their packages, ports, and the network around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from funcjson.doctor.app_checks import Finding
from funcjson.doctor.patient import Patient
from funcjson.errors import FuncJsonError, Location, Problem, Severity
from funcjson.listening import DEFAULT_PORT as HOST_PORT
from funcjson.listening import is_loopback
from funcjson.local_service import DEFAULT_PORT as SERVICE_PORT
from funcjson.local_service import find_need
from funcjson.model import Language
from funcjson.workers.custom_handler_program import find_program
from funcjson.workers.environments import broken_environment
from funcjson.workers.node import no_node
from funcjson.workers.python import missing_library, python_program

# What Azure has stopped to offer: older than these.
AZURE_PYTHON = (3, 10)
AZURE_NODE = (20, 0)

_ASK_PYTHON = """
import importlib.metadata as metadata, importlib.util, json, sys
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
try:
    found = importlib.util.find_spec("azure.functions") is not None
except ModuleNotFoundError:
    found = False
packages = {name: version(name) for name in sys.argv[1:]}
print(json.dumps({"version": sys.version_info[:3], "functions": found, "packages": packages}))
"""
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:[=<>!~;#@]|$)")
_NODE_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def python(patient: Patient) -> Finding:
    """The app's Python: which one, whether it has azure.functions and what requirements.txt names."""
    if Language.PYTHON not in patient.languages:
        return "not used", []
    environment = patient.settings.worker_environment()
    program = Path(python_program(patient.root, environment).command[0])
    named = list(_requirements(patient.root))
    command = (str(program), "-c", _ASK_PYTHON, *named)
    ran = patient.machine.run(command, patient.root, environment)
    try:
        facts = json.loads(ran.out)
    except ValueError:
        return "", [_does_not_run(program, ran.err)]
    problems = list(_python_problems(patient, program, facts, named))
    if broken := broken_environment(patient.root):
        problems.append(_does_not_run(broken.folder, broken.why))
    own = program.is_relative_to(patient.root)
    where = program.relative_to(patient.root).parts[0] if own else str(program)
    with_it = "with" if facts["functions"] else "without"
    return f"{'.'.join(map(str, facts['version']))} ({where}), {with_it} azure-functions", problems


def _python_problems(
    patient: Patient, program: Path, facts: Any, named: list[str]
) -> Iterator[Problem]:
    if not facts["functions"]:
        answer = {"type": "ModuleNotFoundError", "message": "No module named 'azure.functions'"}
        missing = missing_library(answer, program)
        # Loading the handlers has said so already, but for an app without any.
        if missing is not None and all(p.code != "FJ0511" for p in patient.problems):
            yield missing
    version = tuple(facts["version"][:2])
    if version < AZURE_PYTHON:
        yield _old("Python", facts["version"], AZURE_PYTHON)
    packages = facts["packages"]
    if lost := [n for n in named if packages[n] is None and n != "azure-functions"]:
        yield _not_installed(lost, "requirements.txt")
    if named and "azure-functions" not in [name.lower().replace("_", "-") for name in named]:
        yield Problem(
            "FJ0540",
            "requirements.txt does not name azure-functions",
            Location("requirements.txt"),
            why="Azure installs what the file names, and handlers need it",
            fix="add a line: azure-functions",
            severity=Severity.WARNING,
        )


def _requirements(root: Path) -> Iterator[str]:
    """Names in requirements.txt that are needed in any case."""
    try:
        lines = (root / "requirements.txt").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        match = _REQUIREMENT.match(line)
        # Behind a ";" stands for which Pythons it is meant.
        if match and ";" not in line:
            yield match[1]


def node(patient: Patient) -> Finding:
    """Node, and the packages that package.json names."""
    if Language.NODE not in patient.languages:
        return "not used", []
    environment = patient.settings.worker_environment()
    ran = patient.machine.run(("node", "--version"), patient.root, environment)
    match = _NODE_VERSION.match(ran.out)
    if match is None:
        known = any(problem.code == "FJ0501" for problem in patient.problems)
        return "", [] if known else [no_node("no program 'node' is on PATH")]
    version = tuple(int(part) for part in match.groups())
    problems = [_old("Node.js", version, AZURE_NODE)] if version[:2] < AZURE_NODE else []
    declared = patient.package().get("dependencies")
    names = list(declared) if isinstance(declared, dict) else []
    if lost := [name for name in names if not _has_package(patient.root, name)]:
        problems.append(_not_installed(lost, "package.json"))
    have = f", {len(names)} packages of package.json" if names else ""
    return f"{match[0].removeprefix('v')}{have}", problems


def _has_package(root: Path, name: str) -> bool:
    """As Node looks for it: in node_modules here and in each folder above."""
    return any(
        (folder / "node_modules" / name / "package.json").is_file()
        for folder in (root, *root.parents)
    )


def custom_handler(patient: Patient) -> Finding:
    """The program of a custom handler."""
    if Language.CUSTOM not in patient.languages:
        return "not used", []
    try:
        program = find_program(patient.settings, patient.settings.worker_environment())
    except FuncJsonError as error:
        known = {problem.what for problem in patient.problems}
        return "", [problem for problem in error.problems if problem.what not in known]
    return f"{program.executable} listens when it is started", []


def ports(patient: Patient) -> Finding:
    """Whether the host, and the local service when it is needed, can listen where they would."""
    local = patient.settings.local_host
    wanted = {local.port or HOST_PORT: "--port"}
    need = find_need(patient.settings, patient.connections(), explicit_port=False)
    if need:
        wanted[need.port or SERVICE_PORT] = "--service-port"
    problems = [
        _taken(port, option, patient.machine.holder(port))
        for port, option in wanted.items()
        if not patient.machine.is_free("127.0.0.1", port)
    ]
    return f"{' and '.join(map(str, wanted))} free", problems


def network(patient: Patient) -> Finding:
    """Proxies that take local requests away, and containers that nobody can reach."""
    problems: list[Problem] = []
    environ = {name.lower(): value for name, value in patient.environ.items()}
    through = [name for name in _PROXIES if environ.get(name)]
    spared = {part.strip().lower() for part in environ.get("no_proxy", "").split(",")}
    if through and not spared & {"*", "localhost", "127.0.0.1"}:
        problems.append(_proxied([name.upper() for name in through]))
    if patient.machine.is_container() and is_loopback(
        patient.settings.local_host.address or "127.0.0.1"
    ):
        problems.append(_contained())
    return "local requests stay local", problems


# -- what is said --------------------------------------------------------------------------------


def _does_not_run(program: Path, why: str) -> Problem:
    return Problem(
        "FJ0541",
        f"{program} does not run",
        why=why.strip()[-500:] or "it gave no answer",
        fix="a virtual environment does not move between machines: remove it, and make it again "
        "with funcjson start --install",
    )


def _old(language: str, version: Any, oldest: tuple[int, int]) -> Problem:
    return Problem(
        "FJ0542",
        f"{language} {'.'.join(map(str, version))} works here and not on Azure",
        why=f"Azure offers {language} {oldest[0]}{f'.{oldest[1]}' if oldest[1] else ''} and newer",
        fix="use a newer one, so that both behave alike",
        severity=Severity.NOTE,
    )


def _not_installed(names: list[str], file: str) -> Problem:
    return Problem(
        "FJ0540",
        f"{file} names packages that are not installed: {', '.join(names)}",
        Location(file),
        why="the handlers will not find them",
        fix="funcjson start --install",
        severity=Severity.WARNING,
    )


def _taken(port: int, option: str, holder: str) -> Problem:
    return Problem(
        "FJ0521",
        f"port {port} is in use" + (f" by {holder}" if holder else ""),
        why="the host would listen there"
        if option == "--port"
        else "the local SignalR service would listen there",
        fix=f"end that program, or start with {option} 0, which takes any free one",
        severity=Severity.WARNING,
        azure=f"Port {port} is unavailable. Close the process using that port, or specify another "
        "port using --port [-p]."
        if option == "--port"
        else None,
    )


def _proxied(names: list[str]) -> Problem:
    return Problem(
        "FJ0543",
        f"{' and '.join(names)} may take local requests to a proxy",
        why="NO_PROXY does not name localhost, so handlers and clients may ask the proxy for it",
        fix="set NO_PROXY=localhost,127.0.0.1",
        severity=Severity.WARNING,
    )


def _contained() -> Problem:
    return Problem(
        "FJ0544",
        "this is a container, and the host listens inside it only",
        why="127.0.0.1 of a container cannot be reached from outside, even with published ports",
        fix="start with --address 0.0.0.0, and publish the ports of host and service",
        severity=Severity.NOTE,
    )
