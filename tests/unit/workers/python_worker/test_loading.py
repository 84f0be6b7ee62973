"""What an app adds to the module space, and that it is taken away again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from funcjson.workers.python_worker import failures, loading
from funcjson.workers.python_worker.loading import ModuleSpace


@pytest.fixture
def space(tmp_path: Path) -> Iterator[ModuleSpace]:
    space = ModuleSpace(str(tmp_path))
    space.enter()
    yield space
    space.leave()


def write(root: Path, name: str, text: str, age_s: float = 0) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if age_s:
        moment = path.stat().st_mtime - age_s
        os.utime(path, (moment, moment))
    return path


def test_everything_is_taken_away_again(tmp_path: Path) -> None:
    write(tmp_path, "f/__init__.py", "from shared_of_app import x\ndef main(): pass")
    write(tmp_path, "shared_of_app.py", "x = 1")
    before = (list(sys.path), list(sys.path_hooks), set(sys.modules))
    space = ModuleSpace(str(tmp_path))
    space.enter()
    space.enter()
    loading.load_function(str(tmp_path), "f", "", "f/__init__.py", None)
    assert {"__app__", "__app__.f", "shared_of_app"} <= set(sys.modules)
    space.leave()
    space.leave()

    assert (list(sys.path), list(sys.path_hooks), set(sys.modules)) == before


def test_no_folder_of_the_app_hides_a_library(tmp_path: Path, space: ModuleSpace) -> None:
    write(tmp_path, "colorsys/__init__.py", "def main(): return 'mine'")
    main = loading.load_function(str(tmp_path), "colorsys", "", "colorsys/__init__.py", None)
    import colorsys  # noqa: PLC0415

    assert main() == "mine"
    assert colorsys.rgb_to_hsv is not None


def test_packages_of_the_app_come_first(tmp_path: Path, space: ModuleSpace) -> None:
    assert sys.path[0] == str(tmp_path / ".python_packages" / "lib" / "site-packages")
    assert sys.path[-1] == str(tmp_path)


@pytest.mark.parametrize(("age_s", "cached"), [(0, False), (10, True)])
def test_byte_code_is_kept_only_of_files_that_rest(
    tmp_path: Path, space: ModuleSpace, monkeypatch: pytest.MonkeyPatch, age_s: int, cached: bool
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    write(tmp_path, "f/__init__.py", "def main(): pass", age_s)
    loading.load_function(str(tmp_path), "f", "", "f/__init__.py", None)

    assert (tmp_path / "f" / "__pycache__").exists() is cached


def test_an_import_error_of_its_own_class_keeps_it(tmp_path: Path, space: ModuleSpace) -> None:
    write(
        tmp_path,
        "f/__init__.py",
        "class Own(ImportError):\n  def __init__(self): super().__init__('mine')\nraise Own()",
    )
    with pytest.raises(ImportError, match=r"^mine$"):
        loading.load_function(str(tmp_path), "f", "", "f/__init__.py", None)


def test_the_advice_keeps_name_and_path(tmp_path: Path, space: ModuleSpace) -> None:
    write(tmp_path, "f/__init__.py", "import nosuchmodule")
    with pytest.raises(ModuleNotFoundError, match=r"aka\.ms/functions-modulenotfound") as caught:
        loading.load_function(str(tmp_path), "f", "", "f/__init__.py", None)

    assert caught.value.name == "nosuchmodule"


@pytest.mark.parametrize("name", ["app.txt", "../x.py", ".py", "a b.py"])
def test_a_script_name_must_be_a_python_file(name: str) -> None:
    with pytest.raises(loading.InvalidFileNameError, match="Invalid file name: "):
        loading.app_script({"PYTHON_SCRIPT_FILE_NAME": name})


def test_the_script_name_has_a_default() -> None:
    assert loading.app_script({}) == "function_app.py"


def test_a_function_that_is_not_there_has_a_place(tmp_path: Path, space: ModuleSpace) -> None:
    script = write(tmp_path, "f/__init__.py", "def other(): pass")
    with pytest.raises(RuntimeError, match=r"main\(\) is not present in f/__init__\.py") as caught:
        loading.load_function(str(tmp_path), "f", "", "f/__init__.py", None)

    found = failures.describe(caught.value, str(tmp_path))
    assert (found["type"], found["file"], found["line"]) == ("RuntimeError", str(script), 1)


def test_extensions_that_an_app_imports_are_taken_away_again(tmp_path: Path) -> None:
    write(tmp_path, "f/__init__.py", "import azurefunctions.extensions.base\ndef main(): pass")
    space = ModuleSpace(str(tmp_path))
    space.enter()
    loading.load_function(str(tmp_path), "f", "", "f/__init__.py", None)
    assert "azurefunctions.extensions.base" in sys.modules
    space.leave()

    assert not [name for name in sys.modules if name.startswith("azurefunctions")]
