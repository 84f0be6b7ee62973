"""`--install`: into the app's own folders, once; what fails is told and keeps nothing from starting."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from funcjson.frontends import Needs
from funcjson.install import install
from funcjson.workers.environments import find_python, venv_python


def write_package(folder: Path, **content: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps(content), "utf-8")
    return folder


def local_package(folder: Path, **content: Any) -> str:
    """A package on this machine, as a dependency names it."""
    return f"file:{write_package(folder, name=folder.name, version='1.0.0', **content)}"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


def installed(app: Path) -> list[str]:
    return sorted(p.name for p in (app / "node_modules").iterdir() if not p.name.startswith("."))


# -- JavaScript ----------------------------------------------------------------------------------


def test_npm_packages_go_into_the_apps_node_modules(app: Path, tmp_path: Path) -> None:
    write_package(app, dependencies={"own": local_package(tmp_path / "own")})

    assert install(app, Needs()) == ()
    assert installed(app) == ["own"]


@pytest.mark.parametrize("value", [5, ["own"], "own"])
def test_dependencies_that_are_no_object_are_told_with_their_place(
    app: Path, value: object
) -> None:
    (app / "package.json").write_text(f'{{\n  "devDependencies": {json.dumps(value)}\n}}', "utf-8")

    (problem,) = install(app, Needs())

    assert (problem.code, problem.where and (problem.where.line, problem.where.column)) == (
        "FJ0520",
        (2, 22),
    )
    assert "devDependencies" in problem.what
    assert "devDependencies" in problem.fix
    assert not (app / "node_modules").exists()


def test_the_files_of_the_app_stay_as_they_are(app: Path, tmp_path: Path) -> None:
    write_package(app, dependencies={"own": local_package(tmp_path / "own")})
    before = (app / "package.json").read_text("utf-8")

    install(app, Needs())

    assert (app / "package.json").read_text("utf-8") == before
    assert sorted(p.name for p in app.iterdir()) == ["node_modules", "package.json"]


@pytest.mark.parametrize(
    ("needs", "found"), [(Needs(), ["own"]), (Needs(compiler=True), ["compiler", "own"])]
)
def test_packages_for_development_come_only_where_typescript_has_to_run(
    app: Path, tmp_path: Path, needs: Needs, found: list[str]
) -> None:
    own, compiler = (local_package(tmp_path / name) for name in ("own", "compiler"))
    write_package(app, dependencies={"own": own}, devDependencies={"compiler": compiler})

    assert install(app, needs) == ()
    assert installed(app) == found


def test_the_library_of_v4_code_comes_from_wherever_it_stands(app: Path, tmp_path: Path) -> None:
    library = write_package(tmp_path / "library", name="@azure/functions", version="4.0.0")
    write_package(app, devDependencies={"@azure/functions": f"file:{library}"})

    assert install(app, Needs()) == ()
    assert (app / "node_modules/@azure/functions/package.json").is_file()


@pytest.mark.parametrize("kind", ["dependencies", "devDependencies"])
@pytest.mark.parametrize("compiler", [False, True])
def test_core_tools_are_never_installed(
    app: Path, tmp_path: Path, kind: str, compiler: bool
) -> None:
    tools = local_package(
        tmp_path / "azure-functions-core-tools", scripts={"postinstall": "exit 7"}
    )
    declared = {"dependencies": {"own": local_package(tmp_path / "own")}}
    declared[kind] = declared.get(kind, {}) | {"azure-functions-core-tools": tools}
    write_package(app, **declared)

    assert install(app, Needs(compiler=compiler)) == ()
    assert installed(app) == ["own"]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A registry on this machine that has one package, `far`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        content = b'{"name": "far", "version": "1.0.0"}'
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    digest = base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            dist = {"tarball": f"{url}/far.tgz", "integrity": f"sha512-{digest}"}
            version = {"name": "far", "version": "1.0.0", "dist": dist}
            document = {
                "name": "far",
                "dist-tags": {"latest": "1.0.0"},
                "versions": {"1.0.0": version},
            }
            is_package = self.path.endswith(".tgz")
            self.send_response(200 if is_package or self.path == "/far" else 404)
            self.end_headers()
            self.wfile.write(packed.getvalue() if is_package else json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("npm_config_registry", url)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()


def test_a_lock_file_whose_addresses_cannot_be_had_is_done_without(
    app: Path, registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    write_package(app, name="app", version="1.0.0", dependencies={"far": "^1.0.0"})
    # Port 9 is nobody's: the address of a feed that only the app's author can reach.
    far = {"version": "1.0.0", "resolved": "http://127.0.0.1:9/far.tgz"}
    packages = {"": {"dependencies": {"far": "^1.0.0"}}, "node_modules/far": far}
    lock = json.dumps({"name": "app", "lockfileVersion": 3, "packages": packages})
    (app / "package-lock.json").write_text(lock, "utf-8")

    assert install(app, Needs()) == ()
    assert installed(app) == ["far"]
    assert (app / "package-lock.json").read_text("utf-8") == lock


def test_what_was_installed_is_not_installed_again(app: Path) -> None:
    write_package(app, dependencies={})
    install(app, Needs())
    marks = list((app / "node_modules").glob(".funcjson-*"))
    before = [mark.stat().st_mtime_ns for mark in marks]

    install(app, Needs())

    assert marks
    assert [mark.stat().st_mtime_ns for mark in marks] == before


def test_a_failure_says_which_file_and_the_command_and_is_tried_again(app: Path) -> None:
    (app / "package.json").write_text("{ not json", "utf-8")

    for _ in range(2):
        (problem,) = install(app, Needs())
        assert "package.json" in problem.what
        assert "npm install" in problem.fix


# -- Python --------------------------------------------------------------------------------------


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip finds packages: it has a stand-in for azure-functions."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    name = "azure_functions-1.0"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("azure/functions/__init__.py", "")
        info = f"{name}.dist-info"
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: azure-functions\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def has_library(app: Path) -> bool:
    command = [str(find_python(app)), "-c", "import azure.functions"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_requirements_go_into_the_apps_own_environment(app: Path) -> None:
    (app / "requirements.txt").write_text("# nothing to install\n", "utf-8")

    assert install(app, Needs()) == ()
    assert venv_python(app / ".venv").exists()
    assert not has_library(app)


def test_azure_functions_is_there_though_the_app_does_not_name_it(app: Path, wheels: Path) -> None:
    (app / "requirements.txt").write_text("# nothing to install\n", "utf-8")

    assert install(app, Needs(library=True)) == ()
    assert has_library(app)


def test_azure_functions_is_there_though_a_requirement_cannot_be_had(
    app: Path, wheels: Path
) -> None:
    (app / "requirements.txt").write_text("nobody-has-this-package\n", "utf-8")

    (problem,) = install(app, Needs(library=True))

    assert "requirements.txt" in problem.what
    assert has_library(app)


@pytest.mark.parametrize(("name", "has_python"), [(".venv", False), ("venv", True)])
def test_an_environment_whose_python_does_not_run_is_made_anew(
    app: Path, wheels: Path, name: str, has_python: bool
) -> None:
    (app / name / "bin").mkdir(parents=True)
    (app / name / "pyvenv.cfg").touch()
    if has_python:
        (app / name / "bin/python").write_bytes(b"of another processor")
        (app / name / "bin/python").chmod(0o755)
    else:
        (app / name / "bin/python").symlink_to(app / "gone")
    (app / "requirements.txt").write_text("# nothing to install\n", "utf-8")

    assert install(app, Needs(library=True)) == ()

    assert find_python(app) == app / name / "bin/python"
    assert subprocess.run([find_python(app), "-c", "import azure.functions"]).returncode == 0


def test_an_environment_without_pip_is_filled_all_the_same(app: Path, wheels: Path) -> None:
    subprocess.run(["python3", "-m", "venv", "--without-pip", app / ".venv"], check=True)
    (app / "requirements.txt").write_text("azure-functions\n", "utf-8")

    assert install(app, Needs(library=True)) == ()
    assert find_python(app) == app / ".venv/bin/python"
    assert has_library(app)
    # That of funcjson's Python did it.
    assert not list((app / ".venv").rglob("pip/__init__.py"))


def test_without_any_pip_the_environment_gets_its_own(
    app: Path, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As funcjson's Python is where uv has installed funcjson.
    bare = tmp_path / "bare"
    for folder in (bare, app / ".venv"):
        subprocess.run(["python3", "-m", "venv", "--without-pip", folder], check=True)
    monkeypatch.setattr(sys, "executable", str(bare / "bin/python"))

    assert install(app, Needs(library=True)) == ()
    assert has_library(app)


def test_an_environment_of_windows_stays_and_one_that_runs_is_made(app: Path, wheels: Path) -> None:
    (app / ".venv/Scripts").mkdir(parents=True)
    (app / ".venv/Scripts/python.exe").write_bytes(b"MZ")
    (app / ".venv/pyvenv.cfg").touch()
    (app / "requirements.txt").write_text("azure-functions\n", "utf-8")

    assert install(app, Needs(library=True)) == ()
    assert find_python(app) == app / "venv/bin/python"
    assert has_library(app)
    assert (app / ".venv/Scripts/python.exe").read_bytes() == b"MZ"


def test_where_there_is_no_place_for_an_environment_that_is_told(app: Path, wheels: Path) -> None:
    for name in (".venv", "venv", "env"):
        (app / name).touch()
    (app / "requirements.txt").write_text("azure-functions\n", "utf-8")

    (problem,) = install(app, Needs(library=True))

    assert problem.code == "FJ0520"
    assert "no place" in problem.what
    assert "rename or remove" in problem.fix


def test_an_environment_of_the_app_under_another_name_is_the_one(app: Path, wheels: Path) -> None:
    subprocess.run(["python3", "-m", "venv", app / "venv"], check=True)
    (app / "requirements.txt").write_text("azure-functions\n", "utf-8")

    assert install(app, Needs(library=True)) == ()
    assert not (app / ".venv").exists()
    assert list((app / "venv").rglob("azure/functions/__init__.py"))


def test_an_app_that_declares_and_needs_nothing_is_left_as_it_is(app: Path) -> None:
    install(app, Needs())

    assert list(app.iterdir()) == []
