"""A look at an app's files: the time and size of each file that is watched.

Looks work on every file system, which change notifications do not (containers, network shares). A look asks for each watched file
and each folder, about 2 us each: the entries of a folder whose time stands are those that were read before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

# Clocks of file systems are coarse: a folder that changed so lately may change again without another time.
COARSE_S = 2.0
# Some file systems give a folder no time of its own: each is read again in turn, in this share of the time.
_AGAIN_SHARE = 0.005
# Folders whose content is not the app's own, or changes while it runs.
_SKIPPED = frozenset({"node_modules", "__pycache__", "__blobstorage__", "__queuestorage__"})
# The sign of an environment of Python.
_VENV = "pyvenv.cfg"
# What the Functions host watches (host.json, function.json, scripts), and the settings, which it does not.
_SUFFIXES = (".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx")
_NAMES = frozenset(
    {"function.json", "host.json", "local.settings.json", "package.json", "tsconfig.json"}
)

Snapshot = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Watched:
    """What an app wants watched beside its code: file names anywhere, folders with all in them, and single files,
    which may lie anywhere."""

    names: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


NOTHING_MORE = Watched()
Look = Callable[[Path, Watched], Snapshot]


def snapshot(root: Path, more: Watched = NOTHING_MORE) -> Snapshot:
    """Time (ns) and size of every watched file, by path."""
    return Looker()(root, more)


@dataclass(frozen=True, slots=True)
class _Folder:
    """What was read of a folder: its time, whether that tells of every later change, and the paths that count."""

    time_ns: int
    is_settled: bool
    folders: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


# A folder's path, and whether all of its files count.
_Key = tuple[str, bool]
# Device and number: the same for all ways that lead to a folder.
_Place = tuple[int, int]


class Looker:
    """A `Look` that remembers the entries of folders. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._root = ""
        self._names: frozenset[str] = frozenset()
        self._folders: dict[_Key, _Folder] = {}
        self._files: tuple[str, ...] = ()
        self._single: list[str] = []
        self._turns: list[_Key] = []
        self._again_at = 0.0

    def __call__(self, root: Path, more: Watched = NOTHING_MORE) -> Snapshot:
        """Time (ns) and size of every watched file, by path."""
        names = _NAMES | more.names
        if (str(root), names) != (self._root, self._names):
            self._root, self._names, self._folders = str(root), names, {}
        known, self._folders = self._folders, {}
        self._read_one_again(known)
        found: Snapshot = {}
        seen = self._walk(str(root), False, known, found)
        for folder in more.folders:
            self._walk(str(root / folder), True, known, found)
        if more.files != self._files:
            self._files = more.files
            self._single = [file for file in more.files if not self._is_seen(root / file, seen)]
        _add(found, [str(root / file) for file in self._single])
        return found

    def _walk(
        self, top: str, every: bool, known: dict[_Key, _Folder], found: Snapshot
    ) -> set[_Place]:
        """The files below a folder, each once: where a link leads to a folder of the app, its own path counts."""
        seen: set[_Place] = set()
        waiting, links = [top], list[str]()
        while waiting or links:
            path = (waiting or links).pop()
            try:
                status = os.stat(path)  # noqa: PTH116 - much quicker
            except OSError:
                continue  # removed between two looks
            place = (status.st_dev, status.st_ino)
            if place in seen:
                continue
            seen.add(place)
            folder = known.get((path, every))
            if folder is None or not folder.is_settled or folder.time_ns != status.st_mtime_ns:
                folder = self._read(path, every, status.st_mtime_ns)
            self._folders[path, every] = folder
            waiting += folder.folders
            links += folder.links
            _add(found, folder.files)
        return seen

    def _read(self, path: str, every: bool, time_ns: int) -> _Folder:
        is_settled = abs(self._clock() - time_ns / 1e9) > COARSE_S
        folders, links, files = [], [], []
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError:
            return _Folder(time_ns, False)
        for entry in entries:
            name = entry.name
            if name == _VENV:
                return _Folder(time_ns, is_settled)
            if _is_folder(entry):
                if name in _SKIPPED or name.startswith("."):
                    continue
                if not entry.is_symlink():
                    folders.append(entry.path)
                elif self._is_own(os.path.realpath(entry.path)):
                    links.append(entry.path)
            elif every or self._is_watched(name):
                files.append(entry.path)
        return _Folder(time_ns, is_settled, tuple(folders), tuple(links), tuple(files))

    def _is_watched(self, name: str) -> bool:
        return name in self._names or name.endswith(_SUFFIXES)

    def _is_own(self, target: str) -> bool:
        """Whether a link leads to code: not to a folder that the app is in, nor into what is skipped."""
        root = os.path.realpath(self._root) + os.sep
        return not root.startswith(target.rstrip(os.sep) + os.sep) and not (
            _SKIPPED.intersection(Path(target).parts)
        )

    def _is_seen(self, file: Path, seen: set[_Place]) -> bool:
        """Whether a file is watched anyway."""
        try:
            status = file.parent.stat()
        except OSError:
            return False
        return self._is_watched(file.name) and (status.st_dev, status.st_ino) in seen

    def _read_one_again(self, known: dict[_Key, _Folder]) -> None:
        began = time.perf_counter()
        if began < self._again_at or not known:
            return
        if not self._turns:
            self._turns = list(known)
        key = self._turns.pop()
        if folder := known.get(key):
            known[key] = self._read(*key, folder.time_ns)
        took = time.perf_counter() - began
        self._again_at = began + took / _AGAIN_SHARE


def _add(found: Snapshot, files: Iterable[str]) -> None:
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116 - much quicker
        except OSError:
            continue
        found[file] = (status.st_mtime_ns, status.st_size)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads to itself
