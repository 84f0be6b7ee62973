"""Keeps a running app current: loads each change beside the running version, and swaps when it is ready.

A newer save makes a reload that is under way out of date: it is dropped, so that a burst of saves is one reload.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from funcjson import banner
from funcjson.app_version import AppVersion
from funcjson.errors import FuncJsonError, Problem, Severity, WorkerError, render
from funcjson.held_ports import is_held_by_child, tells_of_taken_port
from funcjson.last_good import Taken, keep_last_good
from funcjson.reload import Watcher
from funcjson.watched_files import Watched
from funcjson.workers.typescript import SUFFIXES

log = logging.getLogger("funcjson.host")

# While saves go on and on, a reload is dropped for a newer one for this long, and then has as long to finish.
PATIENCE_S = 2.0
_BUILD = (
    "%s is not live: the app runs what was built from its TypeScript before. Build it after each change, for example with "
    "`npm run build`, or remove the build: then the TypeScript is run as it is."
)
_NOT_TAKEN = "The change was not taken: the last good version goes on running."
_NOTHING_RUNS = "The change was not taken, and no function runs until it can be: the version before had to end, as it held a port."


class Live(Protocol):
    """The host, as a reload sees it."""

    @property
    def version(self) -> AppVersion:
        """The version that serves."""

    async def prepare(self, changed: Iterable[str] = ()) -> AppVersion:
        """The app as its files are now, with its workers; `changed` are the paths of files that may differ.

        Raises FuncJsonError, and then nothing of it is left.
        """

    def install(self, version: AppVersion) -> None:
        """Make a version the one that serves."""

    async def drain(self, version: AppVersion) -> None:
        """Wait until no invocation of a version runs."""

    def hold(self) -> AbstractContextManager[None]:
        """Meanwhile calls that come wait."""


class Reloads:
    """Reloads an app at each change of its files, from `watch` until `close`."""

    def __init__(
        self, host: Live, watcher: Watcher, root: str, watched: Callable[[AppVersion], Watched]
    ) -> None:
        self._host = host
        self._watcher = watcher
        self._root = root
        self._watched = watched
        self._tasks: set[asyncio.Task[None]] = set()
        self._reload: asyncio.Task[None] | None = None
        self._drains: set[asyncio.Future[None]] = set()
        self._since = 0.0
        self._told_to_build = False
        # The version that serves, though it had to end.
        self._ended: AppVersion | None = None
        # Files whose change is not live yet.
        self._saved: set[str] = set()

    async def watch(self) -> None:
        """Reload at each change, for ever."""
        self.watch_more()
        while True:
            changed = await self._watcher.changes()
            names = self._names(changed)
            more = " ..." if len(names) > 3 else ""
            log.info("File change detected: %s%s", ", ".join(names[:3]), more)
            self._saved.update(names)
            await self._drop_outdated()
            self._reload = self._begin(self._take(frozenset(names)), "reload")

    def watch_more(self) -> None:
        """What is to be watched is more than before."""
        self._watcher.also(self._watched(self._host.version))

    async def close(self) -> None:
        """Leave what is under way, and stop what was replaced."""
        for drain in self._drains:
            drain.cancel()
        if self._reload is not None:
            _cancel_once(self._reload)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _names(self, paths: Iterable[str]) -> list[str]:
        """As they are told: relative to the app, also beyond it."""
        return [os.path.relpath(path, self._root) for path in paths]

    def _paths(self, names: Iterable[str]) -> list[str]:
        """The real ones, by which workers know them."""
        return [os.path.realpath(f"{self._root}{os.sep}{name}") for name in names]

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _drop_outdated(self) -> None:
        under_way = self._reload
        if under_way is None or under_way.done():
            self._since = time.monotonic()
            return
        if time.monotonic() - self._since > PATIENCE_S:
            await asyncio.wait({under_way}, timeout=PATIENCE_S)
            self._since = time.monotonic()
        # It stops what it started by itself, which is not waited for.
        _cancel_once(under_way)

    async def _take(self, changed: frozenset[str]) -> None:
        began = time.perf_counter()
        version = await self._prepared(changed)
        if version is None:
            return
        if not _needs_port_of(version):
            self._swap(version, changed, began)
            return
        # It opens a port at its start that the running version has open.
        await version.stop()
        with self._host.hold():
            await self._end(self._host.version)
            version = await self._prepared(changed)
            if version is not None:
                self._swap(version, changed, began)

    async def _prepared(self, changed: frozenset[str]) -> AppVersion | None:
        try:
            return await self._host.prepare(self._paths(self._saved))
        except FuncJsonError as error:
            self._refuse(error.problems, changed)
        except Exception:
            # The seam where a fault of ours must not end the watching.
            log.exception("The change was not taken: the reload failed inside the host")
        return None

    async def _end(self, old: AppVersion) -> None:
        """Stop the running version, so that another can have what it holds."""
        log.info("The running version holds a port that the changed one opens: it ends first")
        for each in old.serving:
            each.replaced = True
            await self._host.drain(each)
            await each.stop()
        names = (plan.function.name for plan in old.plans.values())
        old.broken = {name: WorkerError(_ended(name)) for name in names}
        self._ended = old

    def _swap(self, version: AppVersion, changed: frozenset[str], began: float) -> None:
        """Make a version the one that serves, if it is good for anything."""
        old = self._host.version
        known = set(map(render, (*old.problems, *_problems(old.broken.values()))))
        taken = keep_last_good(version, old)
        if taken.refused:
            self._refuse(taken.refused, changed)
            self._begin(version.stop(), "stop")
            return
        # Nothing is waited for here: a reload that is dropped has changed nothing.
        self._host.install(version)
        self._saved.clear()
        self._watcher.also(self._watched(version))
        if not self._told_to_build and (sources := _not_built(version, changed)):
            self._told_to_build = True
            log.warning(_BUILD, sources)
        _tell(version, taken, known, time.perf_counter() - began)
        serving = version.serving
        for replaced in [each for each in old.serving if each not in serving]:
            replaced.replaced = True
            self._begin(self._retire(replaced), "retire")

    def _refuse(self, problems: Iterable[Problem], changed: frozenset[str]) -> None:
        waiting = ""
        if self._saved > changed:
            waiting = (
                f"Saved, and not live until this is mended: {', '.join(sorted(self._saved))}\n"
            )
        said = _NOT_TAKEN if self._host.version is not self._ended else _NOTHING_RUNS
        log.error("%s\n%s%s", said, waiting, banner.problems_text(tuple(problems)))

    async def _retire(self, version: AppVersion) -> None:
        drain = asyncio.ensure_future(self._host.drain(version))
        self._drains.add(drain)
        await asyncio.wait({drain})
        self._drains.discard(drain)
        await version.stop()


def _cancel_once(task: asyncio.Task[None]) -> None:
    """A second time would keep it from stopping what it started."""
    if not task.cancelling():
        task.cancel()


def _problems(errors: Iterable[FuncJsonError]) -> Iterable[Problem]:
    return (problem for error in errors for problem in error.problems)


def _needs_port_of(version: AppVersion) -> bool:
    """Whether a version failed since it opens a port that a process of the running one has."""
    problems = (*version.index_problems, *_problems(version.broken.values()))
    texts = [f"{problem.what}\n{problem.why}" for problem in problems]
    taken = [text for text in texts if tells_of_taken_port(text)]
    return any(is_held_by_child(text) for text in taken)


def _ended(name: str) -> Problem:
    return Problem(
        "FJ0515",
        f"'{name}' does not run: its last good version ended in a reload, as it held a port that the changed one opens",
        why="the changed version could not be loaded either; the log of the reload says why",
        fix="mend what the reload told",
        function=name,
    )


def _not_built(version: AppVersion, changed: Iterable[str]) -> str:
    """The changed TypeScript files of an app that runs what was made of them before."""
    scripts = [plan.function.script_file or "" for plan in version.plans.values()]
    runs_build = any(file.endswith((".js", ".mjs", ".cjs")) for file in scripts) and not any(
        file.endswith(SUFFIXES) for file in scripts
    )
    sources = [f for f in changed if f.endswith(SUFFIXES) and ".d." not in f] if runs_build else []
    return ", ".join(sorted(sources))


def _tell(version: AppVersion, taken: Taken, known: set[str], took_s: float) -> None:
    """Say what is live, and of what is not why; what was said before is not said again."""
    kept, in_error = taken.kept or {}, taken.in_error or {}
    names = ", ".join(f"'{name}'" for name in sorted(kept))
    how = "goes on in its" if len(kept) == 1 else "go on in their"
    but = f"; {names} {how} last good version" if kept else ""
    log.info("Reloaded in %d ms; SignalR connections were kept%s", took_s * 1000, but)
    told = set(known)
    for name, problems in kept.items():
        if text := _new_text(problems, told):
            log.error(
                "The change was not taken for '%s': its last good version goes on running.\n%s",
                name,
                text,
            )
    for name, problems in in_error.items():
        if text := _new_text(problems, told):
            log.error("'%s' is in error until this is mended.\n%s", name, text)
    for problem in version.problems:
        if text := _new_text((problem,), told):
            level = logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING
            log.log(level, "%s", text)


def _new_text(problems: Iterable[Problem], told: set[str]) -> str:
    texts = [text for text in map(render, problems) if text not in told]
    told.update(texts)
    return "\n".join(texts)
