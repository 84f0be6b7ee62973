"""Which loaded files are told to the host."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import LazyLoader, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from funcjson.workers.python_worker.loaded import LoadedFiles, is_library

NAMES = ("own_module", "own_package", "own_package.inner", "lazy_module", "installed")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path of modules."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in NAMES:
        sys.modules.pop(name, None)


def write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def test_modules_are_told_once_by_their_real_path(path: Path) -> None:
    inner = write(path / "elsewhere/inner.py")
    package = write(path / "elsewhere/__init__.py")
    (path / "own_package").symlink_to("elsewhere")
    loaded = LoadedFiles()
    loaded.fresh()
    importlib.import_module("own_package.inner")

    assert loaded.fresh() == sorted(map(str, (package, inner)))
    assert loaded.fresh() == []


@pytest.mark.parametrize("folder", ["site-packages", "lib/dist-packages", "node_modules/x"])
def test_what_is_installed_is_not_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    write(path / folder / "installed.py")
    monkeypatch.syspath_prepend(str(path / folder))
    loaded = LoadedFiles()
    loaded.fresh()
    importlib.import_module("installed")

    assert loaded.fresh() == []


def test_libraries_are_known_by_their_place() -> None:
    standard = Path(json.__file__)

    assert is_library(str(standard))
    assert is_library(str(Path(os.__file__).parent))
    assert is_library(pytest.__file__)
    assert not is_library(__file__)


def test_a_lazy_module_is_not_made_to_load(path: Path) -> None:
    write(path / "lazy_module.py", "raise RuntimeError('loaded')\n")
    spec = spec_from_file_location("lazy_module", path / "lazy_module.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules["lazy_module"] = module
    spec.loader.exec_module(module)

    assert str(path / "lazy_module.py") in LoadedFiles().fresh()


@pytest.mark.parametrize(
    "text", ["x = ", "raise RuntimeError('no')", "import json\njson.loads('')"]
)
def test_what_an_error_kept_from_loading_is_told(path: Path, text: str) -> None:
    file = write(path / "own_module.py", text)
    loaded = LoadedFiles()
    loaded.fresh()
    with pytest.raises(Exception) as caught:
        importlib.import_module("own_module")

    assert str(file) in loaded.fresh(caught.value)
    assert [name for name in loaded.fresh(caught.value) if name == str(file)] == []
