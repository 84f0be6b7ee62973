"""Which files of the app were loaded, wherever they lie: the host watches them for changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_LIBRARIES = ("site-packages", "dist-packages", "node_modules")
_OURS = Path(__file__).resolve().parent.parent
_STANDARD = tuple(
    f"{folder}{os.sep}"
    for folder in (Path(os.__file__).parent, Path(os.__file__).resolve().parent, _OURS)
)


def is_library(path: str) -> bool:
    """Whether a file or folder is of an installed package, of Python's standard library, or of this worker."""
    whole = path + os.sep
    return whole.startswith(_STANDARD) or any(
        f"{os.sep}{name}{os.sep}" in whole for name in _LIBRARIES
    )


class LoadedFiles:
    """Gives each file once, by its real path."""

    def __init__(self) -> None:
        self._modules = 0
        self._folders: dict[str, str] = {}
        self._known: set[str] = set()

    def fresh(self, error: BaseException | None = None) -> list[str]:
        """Files of the modules that were loaded since the last time, and of those that an error kept from it."""
        # Most calls load nothing, and this is asked at each.
        if len(sys.modules) == self._modules and error is None:
            return []
        modules = list(sys.modules.values())
        # New ones come last.
        new = modules[self._modules :] if len(modules) > self._modules else modules
        self._modules = len(modules)
        files = set(filter(None, map(_file_of, new)))
        files.update(_files_of(error))
        return sorted(filter(self._is_new, map(self._real_path, files)))

    def _is_new(self, file: str) -> bool:
        is_new = bool(file) and file not in self._known
        self._known.add(file)
        return is_new

    def _real_path(self, file: str) -> str:
        """ "" for what is no file of the app."""
        folder, name = os.path.split(file)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        path = os.path.join(self._folders[folder], name)  # noqa: PTH118 - quicker
        if is_library(path) or not folder.startswith(os.sep):
            return ""
        return os.path.realpath(path)


def _file_of(module: object) -> str:
    try:
        # To ask the module itself would make a lazy one load.
        file = object.__getattribute__(module, "__dict__").get("__file__")
    except AttributeError:
        return ""
    return file if isinstance(file, str) else ""


def _files_of(error: BaseException | None) -> Iterator[str]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, SyntaxError) and error.filename:
            yield error.filename
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            yield trace.tb_frame.f_code.co_filename
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
