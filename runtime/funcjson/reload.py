"""Notices that an app's files changed, by looking at their times and sizes.

Looking costs about 2 us a file and works on every file system, which change notifications do not (containers, network shares).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_S = 0.025
# A save of several files is over when nothing was written for so long.
SETTLED_S = 0.025
# Looking may take this share of the time: an app of very many files is looked at less often.
_SHARE = 0.02
# Folders whose content is not the app's own, or changes while it runs.
_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "__blobstorage__", "__queuestorage__", "venv", "env"}
)
# What the Functions host watches (host.json, function.json, scripts), and the settings, which it does not.
_SUFFIXES = (".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_NAMES = frozenset(
    {"function.json", "host.json", "local.settings.json", "package.json", "tsconfig.json"}
)

Snapshot = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Watched:
    """What an app wants watched beside its code: file names anywhere, folders with all in them, and single files."""

    names: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


NOTHING_MORE = Watched()


def snapshot(root: Path, more: Watched = NOTHING_MORE) -> Snapshot:
    """Time (ns) and size of every watched file, by path."""
    found = dict(_files(str(root), _NAMES | more.names))
    for folder in more.folders:
        found.update(_files(str(root / folder), _NAMES, every=True))
    for file in more.files:
        with contextlib.suppress(OSError):
            status = (root / file).stat()
            found[str(root / file)] = (status.st_mtime_ns, status.st_size)
    return found


def _files(
    folder: str, names: frozenset[str], every: bool = False
) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # removed between two looks
    for entry in entries:
        name = entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                if name not in _SKIPPED and not name.startswith("."):
                    yield from _files(entry.path, names, every)
            elif every or name in names or name.endswith(_SUFFIXES):
                status = entry.stat()
                yield entry.path, (status.st_mtime_ns, status.st_size)
        except OSError:
            continue


def changed_files(before: Snapshot, after: Snapshot) -> list[str]:
    """Paths that were added, removed or written, sorted."""
    return sorted({path for path, _ in before.items() ^ after.items()})


Look = Callable[[Path, Watched], Snapshot]


class Watcher:
    """Waits for changes of an app's files."""

    def __init__(
        self, root: Path, look_every_s: float = LOOK_EVERY_S, look: Look = snapshot
    ) -> None:
        self._root = root
        self._look = look
        self._look_every_s = self._pause_s = look_every_s
        self._more = NOTHING_MORE
        self._seen = look(root, NOTHING_MORE)

    def also(self, more: Watched) -> None:
        """Watch more than code from now on; what changed since the last look is still a change."""
        if more != self._more:
            # What was watched before and is not known yet is new: that is still to be told.
            before = self._look(self._root, self._more)
            now = self._look(self._root, more)
            self._more = more
            self._seen = {p: s for p, s in now.items() if p not in before} | self._seen

    async def changes(self) -> list[str]:
        """The paths that changed since the last call; waits until there are some and the writing has paused."""
        while True:
            await asyncio.sleep(self._pause_s)
            began = time.perf_counter()
            now = self._look(self._root, self._more)
            self._pause_s = max(self._look_every_s, (time.perf_counter() - began) / _SHARE)
            if now == self._seen:
                continue
            # An editor or a checkout writes several files: take them together, once one look finds nothing new.
            while True:
                await asyncio.sleep(SETTLED_S)
                later = self._look(self._root, self._more)
                if later == now:
                    break
                now = later
            changed = changed_files(self._seen, now)
            self._seen = now
            if changed:  # a file that came and went between two looks is none
                return changed
