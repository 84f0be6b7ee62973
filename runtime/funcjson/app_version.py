"""One loaded version of an app: its settings, plans, workers, and the problems of what did not load.

A reload makes a new version beside the old one; the host swaps them when the new one is ready.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from funcjson.bindings.base import Services
from funcjson.bindings.http_trigger import entry_of
from funcjson.console import LEVELS
from funcjson.errors import AppLoadError, FuncJsonError, Location, Problem, Severity
from funcjson.frontends import (
    Model,
    Needs,
    Rules,
    choose_model,
    load_indexed,
    needs_of,
    read_app,
    registers_hooks,
    run_as_it_is,
)
from funcjson.http_route_table import build_table
from funcjson.model import Function, Language, LeftOut, WorkerLog
from funcjson.plan import Plan, make_plan
from funcjson.registry import Registry, open_registry
from funcjson.settings import Settings, load_settings
from funcjson.workers.base import IndexResult, LogSink, Worker
from funcjson.workers.custom_handler_payload import is_http_only
from funcjson.workers.custom_handler_program import passes_on
from funcjson.workers.load_fixes import load_fix
from funcjson.workers.make import Loaded, make_worker
from funcjson.workers.typescript import TypeScript

log = logging.getLogger("funcjson.host")


@dataclass(slots=True, eq=False)
class AppVersion:
    """What the host runs.

    `plans` by function name in lower case. `broken` has the error of a function whose handler did not load: it is listed and
    routable, and calling it fails with that error. `problems` are all of loading, warnings too. `streams`
    are the functions whose HTTP requests and responses pass in pieces while the handler runs. `kept`, by name in lower
    case, has the older version that goes on running a function which this one cannot. `index_problems`: why the code of a
    code-first app could not be read for functions. `left_out` are functions that settings keep from running.
    """

    settings: Settings
    plans: dict[str, Plan]
    workers: dict[Language, Worker]
    problems: tuple[Problem, ...]
    broken: dict[str, FuncJsonError] = field(default_factory=dict)
    services: Services | None = None
    replaced: bool = False
    streams: frozenset[str] = frozenset()
    kept: dict[str, AppVersion] = field(default_factory=dict)
    index_problems: tuple[Problem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def serving(self) -> tuple[AppVersion, ...]:
        """This version, and the older ones that still run something for it."""
        return (self, *dict.fromkeys(self.kept.values()))

    def runner(self, name: str) -> AppVersion:
        """The version in which a function runs."""
        return self.kept.get(name.lower(), self)

    def plan(self, name: str) -> Plan | None:
        return self.plans.get(name.lower())

    async def stop(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self.workers.values()))


@dataclass(frozen=True, slots=True)
class Loader:
    """Reads an app from disk and starts what it needs.

    `in_process` runs Python handlers in the host's own process. `log` gets each line of user code; by default it is shown.
    `hostname` is where the host is, for the handlers; `typescript` what versions before this one compiled in memory;
    `loaded` is told the paths of files that workers loaded, again and again.
    """

    root: Path
    environ: Mapping[str, str]
    in_process: bool = False
    azure: bool = False
    log: LogSink | None = None
    hostname: str = ""
    typescript: TypeScript | None = None
    loaded: Loaded | None = None

    def settings(self) -> Settings:
        """The app's settings as they are now."""
        return load_settings(self.root, self.environ)

    def needs(self) -> Needs:
        """What the handlers need. Raises AppLoadError when the folder is not an app."""
        return needs_of(self.root, open_registry(), self.settings())

    async def load(self) -> AppVersion:
        """Settings, documents and plans; code-first apps are indexed by their worker, which is then already started.

        Raises AppLoadError when the folder is not an app, or its host.json or settings cannot be read.
        """
        settings = self.settings()
        registry = open_registry()
        model = choose_model(self.root, settings)
        found = read_app(self.root, registry, settings)
        if unreadable := _unreadable(model.model, settings, found.problems):
            raise AppLoadError(unreadable)
        version = AppVersion(settings, {}, {}, (*settings.problems, *found.problems))
        version.left_out = found.left_out
        functions = list(found.functions)
        language = _CODE_FIRST.get(model.model)
        if language is not None:
            try:
                functions += await self._index(version, language, Rules(registry, settings))
            except BaseException:
                await version.stop()
                raise
        for function in self._routable(version, functions):
            self._plan(version, function, registry)
        version.streams |= _passed_on(settings, functions)
        return version

    def _routable(self, version: AppVersion, functions: list[Function]) -> list[Function]:
        """All but those whose route is taken or cannot be read, which the host drops as well."""
        entries = [
            entry_of(f) for f in functions if f.trigger.type == "httpTrigger" and not f.disabled
        ]
        _, problems = build_table(entries, version.settings.host.route_prefix)
        version.problems += problems
        dropped = {p.function for p in problems if p.severity is Severity.ERROR}
        return [function for function in functions if function.name not in dropped]

    def _plan(self, version: AppVersion, function: Function, registry: Registry) -> None:
        try:
            plan = make_plan(function, registry, version.settings, azure=self.azure)
        except FuncJsonError as error:
            version.problems += error.problems
            return
        version.plans[function.name.lower()] = plan

    async def _index(self, version: AppVersion, language: Language, rules: Rules) -> list[Function]:
        """Ask the worker which functions the app's code registers."""
        worker = await self._worker(language, version.settings, run_main=True)
        version.workers[language] = worker
        try:
            await worker.start()
            result = await worker.index()
        except FuncJsonError as error:
            raise AppLoadError(error.problems) from error
        if result.error is not None:
            version.index_problems = (_index_failed(language, version.settings, result),)
            version.problems += version.index_problems
        version.problems += tuple(
            Problem("FJ0149", text, place, severity=Severity.WARNING)
            for text, place in result.warnings
        )
        loaded = load_indexed(result.functions, self.root, language, rules)
        version.problems += loaded.problems
        version.left_out += loaded.left_out
        if language is Language.NODE:
            scripts = [function.script_file for function in loaded.functions]
            version.problems += run_as_it_is(self.root, scripts)
        if result.streams:
            version.streams |= {function.name for function in loaded.functions}
        return list(loaded.functions)

    async def start_workers(self, version: AppVersion) -> None:
        """Start the workers that the plans need, side by side, and load the handlers.

        A worker that does not start breaks the functions of its language only.
        """
        languages = {plan.function.language for plan in version.plans.values()}
        await asyncio.gather(*(self._start_worker(version, language) for language in languages))

    async def _start_worker(self, version: AppVersion, language: Language) -> None:
        functions = [p.function for p in version.plans.values() if p.function.language is language]
        worker = version.workers.get(language)
        try:
            if worker is None:
                run_main = self.azure or registers_hooks(self.root)
                worker = await self._worker(language, version.settings, run_main=run_main)
                version.workers[language] = worker
                await worker.start()
        except FuncJsonError as error:
            version.broken.update({function.name: error for function in functions})
            return
        results = await asyncio.gather(
            *(worker.load(function) for function in functions), return_exceptions=True
        )
        for function, result in zip(functions, results, strict=True):
            if isinstance(result, FuncJsonError):
                version.broken[function.name] = result
            elif isinstance(result, BaseException):
                raise result

    async def _worker(self, language: Language, settings: Settings, *, run_main: bool) -> Worker:
        return await make_worker(
            language,
            settings,
            self.log or show_user_log,
            in_process=self.in_process,
            run_main=run_main,
            hostname=self.hostname,
            typescript=self.typescript,
            loaded=self.loaded,
        )


_CODE_FIRST = {Model.PYTHON_V2: Language.PYTHON, Model.NODE_V4: Language.NODE}
user_log = logging.getLogger("funcjson.function")


def show_user_log(line: WorkerLog) -> None:
    """A line of user code, with its function and invocation."""
    user_log.log(
        LEVELS.get(line.level, logging.INFO),
        "%s",
        line.message,
        extra={"function": line.function, "invocation_id": line.invocation_id, "user": True},
    )


def _unreadable(
    model: Model, settings: Settings, problems: tuple[Problem, ...]
) -> tuple[Problem, ...]:
    """What keeps the whole app from starting, as on the real host: its settings, or no functions."""
    fatal = (*settings.problems, *(problems if model is Model.EMPTY else ()))
    return tuple(problem for problem in fatal if problem.severity is Severity.ERROR)


def _passed_on(settings: Settings, functions: list[Function]) -> frozenset[str]:
    """Functions of a custom handler that get the original request."""
    if not passes_on(settings):
        return frozenset()
    return frozenset(f.name for f in functions if f.language is Language.CUSTOM and is_http_only(f))


def _index_failed(language: Language, settings: Settings, result: IndexResult) -> Problem:
    script = settings.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    entry = script if language is Language.PYTHON else "package.json"
    fix = load_fix(result.error or "", "correct the error", wrote=result.stack)
    return Problem(
        "FJ0148",
        f"the app's {language} code could not be read for functions: {result.error}",
        result.place or Location(entry),
        result.stack.rstrip(),
        f"{fix}; without a version that ran before, none of its functions exists until then, as on the real host",
        azure=result.error,
    )
