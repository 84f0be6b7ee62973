"""Find and import handlers as the real worker does: `__app__.<folder>`, and `function_app.py`.

Rules and texts: `azure_functions_worker/loader.py` of azure-functions-python-worker.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import failures
from .loaded import is_library

_NAMESPACE = "__app__"
# Extensions note that an app imports them, so the next app in this process needs new ones.
_OF_ONE_APP = (_NAMESPACE, "azurefunctions")
_GUIDE = "https://aka.ms/functions-modulenotfound"
_SCRIPT_NAME = re.compile(r"^[a-zA-Z0-9_][a-zA-Z0-9_\-]*\.py$")


class InvalidFileNameError(Exception):
    """PYTHON_SCRIPT_FILE_NAME is not a Python file's name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid file name: {name}")


class _AppLoader(importlib.machinery.SourceFileLoader):
    """Ignores and does not write byte code of a file changed within the last two seconds.

    Byte code is matched by size and by whole seconds of the change time, so a quick second edit
    would run the old code.
    """

    def path_stats(self, path: Any) -> Any:
        stats = super().path_stats(path)
        if time.time() - float(stats["mtime"]) < 2:
            raise OSError("changed just now")
        return stats


class ModuleSpace:
    """What an app adds to `sys.path` and `sys.modules`."""

    def __init__(self, app_root: str) -> None:
        self.app_root = app_root
        self._before: list[str] | None = None
        self._hook = _path_hook()

    def enter(self) -> None:
        """Put the app on `sys.path`: its packages first, its root last, so no folder hides a library."""
        if self._before is not None:
            return
        self._before = list(sys.path)
        packages = str(Path(self.app_root, ".python_packages", "lib", "site-packages"))
        if packages not in sys.path:
            sys.path.insert(0, packages)
        if self.app_root not in sys.path:
            sys.path.append(self.app_root)
        sys.path_hooks.insert(0, self._hook)
        _forget_finders()
        package = importlib.util.module_from_spec(_namespace_spec(self.app_root))
        sys.modules[_NAMESPACE] = package

    def leave(self) -> None:
        """Take the app's own modules and paths away again; idempotent."""
        if self._before is None:
            return
        for entry in [entry for entry in sys.path if entry not in self._before]:
            sys.path.remove(entry)
        self._before = None
        if self._hook in sys.path_hooks:
            sys.path_hooks.remove(self._hook)
        _forget_finders()
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _OF_ONE_APP or _is_own(
                self.app_root, getattr(module, "__file__", None) or ""
            ):
                del sys.modules[name]


def _namespace_spec(app_root: str) -> importlib.machinery.ModuleSpec:
    spec = importlib.machinery.ModuleSpec(_NAMESPACE, None, is_package=True)
    spec.submodule_search_locations = [app_root]
    return spec


def _is_own(app_root: str, path: str) -> bool:
    """Whether a path is the app's own code, not a library that lives inside its folder."""
    return (path + os.sep).startswith(app_root + os.sep) and (
        f"{os.sep}site-packages{os.sep}" not in path + os.sep
    )


def _path_hook() -> Callable[[str], Any]:
    standard = importlib.machinery.FileFinder.path_hook(
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (_AppLoader, importlib.machinery.SOURCE_SUFFIXES),
        (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
    )

    def hook(path: str) -> Any:
        if is_library(path):
            raise ImportError("not the app's own code", path=path)
        return standard(path)

    return hook


def _forget_finders() -> None:
    for path in list(sys.path_importer_cache):
        if not is_library(path):
            sys.path_importer_cache.pop(path, None)


def load_function(
    app_root: str, name: str, directory: str, script_file: str, entry_point: str | None
) -> Callable[..., Any]:
    """Import a handler. `script_file` is relative to the root. Raises as the import or RuntimeError."""
    script = os.path.normpath(Path(app_root, script_file or f"{name}/__init__.py"))
    if not script.startswith(app_root + os.sep):
        raise RuntimeError(
            f"script path {script} is not relative to the specified directory {directory}"
        )
    relative = Path(script).relative_to(app_root)
    if relative.suffix != ".py":
        raise RuntimeError(f"cannot load function {name}: invalid Python filename {script}")
    parts = [_NAMESPACE, *relative.parts[:-1]]
    if relative.stem.lower() != "__init__":
        parts.append(relative.stem)
    module = _import(".".join(parts))
    entry = entry_point or "main"
    function: Callable[..., Any] | None = getattr(module, entry, None)
    if function is None or not callable(function):
        error = RuntimeError(
            f"cannot load function {name}: function {entry}() is not present in "
            f"{relative.as_posix()}"
        )
        failures.at(error, script)
        raise error
    return function


def app_script(environment: Any) -> str:
    """The name of the code-first app's file. Raises InvalidFileNameError."""
    name = str(environment.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py")
    if not _SCRIPT_NAME.match(name):
        raise InvalidFileNameError(name)
    return name


def import_app(script_name: str, library: Any) -> Any:
    """Import the code-first file: (module, the app object in it). ValueError when not just one."""
    module = _import(Path(script_name).stem)
    app: Any = None
    for value in list(vars(module).values()):
        if isinstance(value, library.FunctionRegister):
            if app is not None:
                raise ValueError(
                    f"More than one {type(app).__name__} or other top level function app "
                    "instances are defined."
                )
            app = value
    if app is None:
        raise ValueError(f"Could not find top level function app instances in {script_name}.")
    return module, app


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise _with_advice(error) from error.__cause__


def _with_advice(error: ImportError) -> ImportError:
    text = (error.msg or str(error)).rstrip(".")
    advice = (
        "Cannot find module. Please check the requirements.txt file for the missing module. For "
        f"more info, please refer the troubleshooting guide: {_GUIDE}. Current sys.path: {sys.path}"
    )
    try:
        extended = type(error)(f"{text}. {advice}")
    except TypeError:
        # A subclass with a constructor of its own.
        return error
    extended.name, extended.path = error.name, error.path
    extended.__suppress_context__ = True
    return extended.with_traceback(error.__traceback__)
