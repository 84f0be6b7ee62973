"""The app that is examined: its files and settings, read once, and all of it that loads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcjson.app_version import AppVersion, Loader
from funcjson.check import validate_app
from funcjson.doctor.machine import Machine
from funcjson.errors import AppLoadError, Location, Problem, Severity
from funcjson.frontends import Model, choose_model
from funcjson.json_source import Source, parse_json
from funcjson.model import Binding, Function, Language, WorkerLog
from funcjson.plan import DEFAULT_CONNECTION_SETTING
from funcjson.setting_values import disabled_problems
from funcjson.settings import Settings, load_settings

LOAD_TIMEOUT_S = 60.0
_CODE = {Model.PYTHON_V2: Language.PYTHON, Model.NODE_V4: Language.NODE}


@dataclass(frozen=True, slots=True)
class Patient:
    """An app. `functions` are those that are sound, `problems` what loading it said."""

    root: Path
    settings: Settings
    model: Model
    functions: tuple[Function, ...]
    problems: tuple[Problem, ...]
    machine: Machine
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def languages(self) -> frozenset[Language]:
        """What its functions are written in."""
        found = {function.language for function in self.functions}
        if self.model in _CODE:
            found.add(_CODE[self.model])
        return frozenset(found)

    def bindings(self, *types: str) -> Iterator[tuple[Function, Binding]]:
        """Bindings of some types; all of SignalR for "signalr"."""
        for function in self.functions:
            for binding in function.bindings:
                kind = binding.type.lower()
                if kind in types or ("signalr" in types and kind.startswith("signalr")):
                    yield function, binding

    def connections(self) -> tuple[str, ...]:
        """The connection settings that the bindings use, sorted."""
        names = {
            str(binding.properties.get("connectionStringSetting") or DEFAULT_CONNECTION_SETTING)
            for _, binding in self.bindings("signalr")
        }
        return tuple(sorted(names))

    def document(self, name: str) -> Source | None:
        """A JSON file of the app's root; None when there is none, or it cannot be read."""
        try:
            source = parse_json((self.root / name).read_bytes(), name)
        except OSError:
            return None
        return source if source.ok else None

    def package(self) -> dict[str, Any]:
        """package.json, {} when there is none."""
        try:
            found = json.loads((self.root / "package.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def meet(root: Path, environ: Mapping[str, str], machine: Machine) -> Patient:
    """Read an app and load its handlers, as `start` does. Raises AppLoadError when it is no folder."""
    settings = load_settings(root, environ)
    model = choose_model(root, settings).model
    problems = list(validate_app(root, environ))
    functions: tuple[Function, ...] = ()
    try:
        version = asyncio.run(_load(root, environ))
    except AppLoadError as error:
        problems += error.problems
    except TimeoutError:
        problems.append(_slow())
    else:
        functions = tuple(plan.function for plan in version.plans.values())
        problems += version.problems
        problems += (one for broken in version.broken.values() for one in broken.problems)
        if model in _CODE and not version.index_problems:
            names = [function.name for function in functions]
            names += [problem.function for problem in version.problems if problem.function]
            names += [one.function.name for one in version.left_out]
            problems += disabled_problems(settings, names)
    return Patient(root, settings, model, functions, _once(problems), machine, environ)


async def _load(root: Path, environ: Mapping[str, str]) -> AppVersion:
    loader = Loader(root, environ, log=_quiet)
    async with asyncio.timeout(LOAD_TIMEOUT_S):
        version = await loader.load()
        try:
            await loader.start_workers(version)
        finally:
            await version.stop()
    return version


def _quiet(_line: WorkerLog) -> None:
    """What handlers print while they are loaded is of no matter here."""


def _once(problems: list[Problem]) -> tuple[Problem, ...]:
    """Each problem once; that functions are known only when the app runs is no news: it was run."""
    seen: dict[tuple[str, str, Location | None], Problem] = {}
    for problem in problems:
        if problem.code != "FJ0150":
            seen.setdefault((problem.code, problem.what, problem.where), problem)
    order = list(Severity)
    return tuple(sorted(seen.values(), key=lambda problem: order.index(problem.severity)))


def _slow() -> Problem:
    return Problem(
        "FJ0510",
        f"the handlers were not loaded within {LOAD_TIMEOUT_S:g} s",
        why="code outside the handlers runs when they are loaded, and it does not end",
        fix="move what takes long into a handler",
    )
