"""scripts: which file has the handler, by the host's rules, and what is said when none has."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.errors import Location, Severity
from funcjson.frontends.scripts import Script, find_script
from funcjson.model import Language


class Places:
    def locate(self, pointer: str) -> Location:
        return Location("f/function.json", 1, 1, pointer)

    locate_key = locate


def _find(root: Path, *files: str, declared: object = None) -> Script:
    for name in ("f/function.json", *files):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return find_script(root, "f", declared, Places())


@pytest.mark.parametrize(
    ("files", "chosen", "language"),
    [
        (["f/index.js"], "f/index.js", Language.NODE),
        (["f/__init__.py"], "f/__init__.py", Language.PYTHON),
        (["f/handler.mjs"], "f/handler.mjs", Language.NODE),
        (["f/handler.py", "f/.DS_Store"], "f/handler.py", Language.PYTHON),
        (["f/run.js", "f/lib.js"], "f/run.js", Language.NODE),
        (["f/Run.py", "f/index.js"], "f/Run.py", Language.PYTHON),
        (["f/INDEX.JS", "f/lib.js"], "f/INDEX.JS", Language.NODE),
        (["f/index.cjs", "f/lib.js"], "f/index.cjs", Language.NODE),
        (["f/__init__.py", "f/helper.py", "f/sample.dat"], "f/__init__.py", Language.PYTHON),
        (["f/index.ts"], "f/index.ts", Language.NODE),
        (["f/index.ts", "f/lib.ts"], "f/index.ts", Language.NODE),
        (["f/index.ts", "f/index.js"], "f/index.js", Language.NODE),
        (["f/handler.js", "f/inner/index.js"], "f/handler.js", Language.NODE),
    ],
)
def test_the_hosts_order(tmp_path: Path, files: list[str], chosen: str, language: Language) -> None:
    assert _find(tmp_path, *files) == Script(chosen, language)


@pytest.mark.parametrize(
    ("declared", "file"),
    [
        ("handler.py", "f/handler.py"),
        ("../dist/f/index.js", "dist/f/index.js"),
        ("./handler.py", "f/handler.py"),
        ("../shared/handler.py", "shared/handler.py"),
    ],
)
def test_a_declared_file_is_relative_to_the_folder(
    tmp_path: Path, declared: str, file: str
) -> None:
    assert _find(tmp_path, file, declared=declared).file == file


def test_backslashes_are_taken_with_a_warning(tmp_path: Path) -> None:
    found = _find(tmp_path, "dist/f.js", declared="..\\dist\\f.js")

    assert found.file == "dist/f.js"
    assert [(p.code, p.severity) for p in found.problems] == [("FJ0143", Severity.WARNING)]


@pytest.mark.parametrize("declared", ["", "  ", None, 5])
def test_a_blank_declaration_is_none(tmp_path: Path, declared: object) -> None:
    assert _find(tmp_path, "f/index.js", declared=declared).file == "f/index.js"


@pytest.mark.parametrize(
    ("declared", "files", "why", "fix"),
    [
        ("indx.js", ["f/index.js"], "there is no file f/indx.js; there is index.js", '"index.js"'),
        ("Index.js", ["f/index.js"], "letter case counts on this machine", '"index.js"'),
        ("x.js", ["f/other.py"], "its folder has: other.py", "correct the path"),
        ("../lib/x.py", ["f/x.md"], "its folder has no file", "correct the path"),
    ],
)
def test_a_missing_file_is_explained(
    tmp_path: Path, declared: str, files: list[str], why: str, fix: str
) -> None:
    found = _find(tmp_path, *files, declared=declared)

    (problem,) = found.problems
    assert (found.file, problem.code) == (None, "FJ0140")
    assert why in problem.why
    assert fix in problem.fix


@pytest.mark.parametrize("source", ["f/index.ts", "src/f/index.ts", "dist/f/index.ts"])
def test_the_source_of_a_file_that_was_not_compiled_is_run(tmp_path: Path, source: str) -> None:
    found = _find(tmp_path, source, declared="../dist/f/index.js")

    (problem,) = found.problems
    assert (found.file, found.language) == (source, Language.NODE)
    assert (problem.code, problem.severity) == ("FJ0140", Severity.WARNING)
    assert f"{source} is run as it is" in problem.what
    assert "__dirname is the folder of the source" in problem.why
    assert "npm run build" in problem.fix
    assert problem.azure is not None


@pytest.mark.parametrize(
    ("files", "what", "fix"),
    [
        ([], "there is no handler", "add index.js or __init__.py"),
        (["f/.env"], "there is no handler", "add index.js or __init__.py"),
        (
            ["f/a.js", "f/b.js"],
            "it is not clear which file has the handler",
            '"scriptFile": "a.js"',
        ),
        (["f/a.md", "f/b.md"], "it is not clear which file", "add index.js or __init__.py"),
    ],
)
def test_no_clear_handler_names_what_is_there(
    tmp_path: Path, files: list[str], what: str, fix: str
) -> None:
    (problem,) = _find(tmp_path, *files).problems

    assert problem.code == "FJ0141"
    assert problem.what.startswith(what)
    assert fix in problem.fix
    assert (problem.azure or "").startswith("Unable to determine the primary function script.")


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("f/run.ps1", "PowerShell handlers do not run here"),
        ("f/run.csx", "C# script handlers do not run here"),
        ("f/README.md", "'f/README.md' is not in a language that can be run"),
    ],
)
def test_other_languages_are_named(tmp_path: Path, file: str, what: str) -> None:
    found = _find(tmp_path, file)

    assert (found.file, found.language) == (file, None)
    assert [(p.code, p.what) for p in found.problems] == [("FJ0142", what)]
