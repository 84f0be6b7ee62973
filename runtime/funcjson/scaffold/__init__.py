"""`funcjson init` and `funcjson new`: an app and its functions from templates that run at once.

A file that is there is never written over; function_app.py and package.json get what they lack. Templates are files of
`app_templates/`; a few words in capitals stand for what differs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from funcjson.errors import AppLoadError, Location
from funcjson.frontends import Model, choose_model
from funcjson.frontends.folders import FILE, find_functions
from funcjson.http_route_table import RESERVED_STARTS
from funcjson.scaffold import faults, javascript, python_v2
from funcjson.scaffold.kinds import FIRST_MODEL, KINDS, LANGUAGES
from funcjson.scaffold.names import registered_in_javascript
from funcjson.settings import Settings, load_settings
from funcjson.validation import is_function_name

__all__ = ["KINDS", "LANGUAGES", "TEMPLATES", "Made", "init_app", "new_function"]

TEMPLATES = (
    *("http", "timer", "event-grid", "manual"),
    *("signalr-negotiate", "signalr-broadcast", "signalr-trigger"),
)
_WITH_ROUTE = ("http", "signalr-negotiate", "signalr-broadcast")
FIRST_FUNCTION = "hello"
_PACKAGE = "package.json"


@dataclass(frozen=True, slots=True)
class Made:
    """What was done: paths relative to the app, with `/`; `to_build` when the app runs what is built of its sources."""

    model: str
    created: tuple[str, ...]
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    to_build: bool = False


# -- an app --------------------------------------------------------------------------------------


def init_app(root: Path, language: str | None = None, model: str | None = None) -> Made:
    """Make an app with one function; files that are there are kept. Raises AppLoadError."""
    if root.exists() and not root.is_dir():
        raise AppLoadError(faults.is_file(root))
    chosen = _model_of_new_app(root, language, model)
    kind = KINDS[chosen]
    wanted = {
        path: text.replace("APP_LANGUAGE", kind.runtime)
        for folder in kind.app
        for path, text in _templates(folder)
    }
    is_new = not root.is_dir() or not _has_functions(root, chosen)
    package = None
    if chosen == "v4" and (root / _PACKAGE).is_file():
        package = javascript.completed_package(root)
    changed = (_PACKAGE,) if package is not None else ()
    kept = tuple(sorted(p for p in wanted if p not in changed and (root / p).exists()))
    created = sorted(set(wanted) - {*kept, *changed})
    for path in created:
        _write(root / path, wanted[path])
    if package is not None:
        (root / _PACKAGE).write_bytes(package.encode())
    if is_new:
        created += new_function(root, FIRST_FUNCTION, "http", chosen, {}).created
    return Made(chosen, tuple(created), changed, kept)


def _has_functions(root: Path, model: str) -> bool:
    """Whether a folder has functions, or is an app already."""
    signs = ("host.json", "function_app.py", FIRST_FUNCTION)
    return (
        any((root / sign).exists() for sign in signs)
        or bool(find_functions(root).functions)
        or (model == "v4" and javascript.has_functions(root))
    )


def _model_of_new_app(root: Path, language: str | None, model: str | None) -> str:
    """What is asked for, else what the app is, if it is one already; both must be the same."""
    asked = _model_of(language, model)
    if not (root.is_dir() and _is_app(root)):
        return asked
    try:
        own = _model_of_app(root, {})
    except AppLoadError:
        return asked  # it says nothing of its model yet
    if language is None and model is None:
        return own
    if own != asked and (model is not None or KINDS[own].language != language):
        raise AppLoadError(faults.other_model(asked, own))
    return own


def _is_app(root: Path) -> bool:
    signs = ("host.json", "function_app.py")
    return (
        any((root / sign).is_file() for sign in signs)
        or bool(find_functions(root).functions)
        or javascript.is_v4(root)
    )


def _model_of(language: str | None, model: str | None) -> str:
    if model is None:
        return FIRST_MODEL[language or "python"]
    if language is not None and KINDS[model].language != language:
        raise AppLoadError(faults.wrong_model(language, model))
    return model


# -- a function ----------------------------------------------------------------------------------


def new_function(
    root: Path,
    name: str,
    template: str,
    model: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Made:
    """Make a function of an app; `model` None is the app's own. Raises AppLoadError, and then nothing is written."""
    if not is_function_name(name):
        raise AppLoadError(faults.bad_name(name))
    if template in _WITH_ROUTE and name.lower().startswith(RESERVED_STARTS):
        raise AppLoadError(faults.reserved_route(name))
    chosen = _model_of_function(root, model, os.environ if environ is None else environ)
    kind = KINDS[chosen]
    words = {
        "FUNCTION_NAME": name,
        "FUNCTION_IDENTIFIER": python_v2.identifier(name),
        "HTTP_OUTPUT": kind.http_output,
    }
    text = _filled(_template(f"{kind.handlers}/{template}.template"), words)
    if chosen == "v2":
        python_v2.append(root, kind.handler, text, name)
        return Made(chosen, (), (kind.handler,))
    if chosen == "v4":
        return _new_file(root, name, text)
    document = _filled(_template(f"documents/{template}.json.template"), words)
    return _new_folder(root, name, chosen, text, document)


def _new_file(root: Path, name: str, text: str) -> Made:
    """A function of JavaScript v4."""
    path = javascript.file_of_v4(root, name)
    place = Location(path) if (root / path).exists() else registered_in_javascript(root, name)
    if place is not None:
        raise AppLoadError(faults.there_already(place, name))
    _write(root / path, javascript.in_syntax(text, root, path))
    return Made("v4", (path,), to_build=javascript.is_built(root, path))


def _new_folder(root: Path, name: str, model: str, text: str, document: str) -> Made:
    """A function of Python v1 or JavaScript v3."""
    path, to_build = KINDS[model].handler.format(name=name), False
    others = find_functions(root).functions
    if model == "v3":
        declared = javascript.typescript_of_v3(root, others, name)
        if declared is not None:
            path = path.removesuffix(".js") + ".ts"
            document = json.dumps({**json.loads(document), **declared}, indent=2) + "\n"
            to_build = any(
                (root / other / each).parent.parent.is_dir()
                for other in others
                for each in declared.values()
            )
        text = javascript.in_syntax(text, root, path)
    same = [other for other in others if other.lower() == name.lower()]
    there = [f"{other}/{FILE}" for other in same]
    wanted = {f"{name}/{FILE}": document, path: text}
    for one in (*there, *(one for one in wanted if (root / one).exists())):
        raise AppLoadError(faults.there_already(Location(one), name))
    for one, content in wanted.items():
        _write(root / one, content)
    return Made(model, tuple(wanted), to_build=to_build)


def _model_of_function(root: Path, asked: str | None, environ: Mapping[str, str]) -> str:
    """The app's own model, or another of function.json folders in an app that names no language."""
    if asked is None:
        return _model_of_app(root, environ)
    try:
        own = _model_of_app(root, environ)
    except AppLoadError:
        # Nothing speaks for a model yet, so only folders can be added: code needs its app's files.
        if KINDS[asked].http_output:
            return asked
        if _runtime(load_settings(root, environ)):
            raise
        raise AppLoadError(faults.no_files_of_app(root, asked)) from None
    if own == asked:
        return asked
    if not (KINDS[own].http_output and KINDS[asked].http_output):
        raise AppLoadError(faults.other_model(asked, own))
    if runtime := _runtime(load_settings(root, environ)):
        raise AppLoadError(faults.left_out(asked, runtime))
    return asked


def _model_of_app(root: Path, environ: Mapping[str, str]) -> str:
    """The model of an app that is there."""
    settings = load_settings(root, environ)
    found = choose_model(root, settings).model
    if found is Model.PYTHON_V2:
        return "v2"
    if found is Model.FOLDERS:
        if any(_has_suffix(root / name, ".py") for name in find_functions(root).functions):
            return "v1"
        return "v3"
    # What npm writes as main into every package.json says nothing.
    return "v4" if javascript.is_v4(root) else _model_of_empty_app(root, settings)


def _model_of_empty_app(root: Path, settings: Settings) -> str:
    runtime = _runtime(settings)
    if settings.host.custom_handler is not None or runtime not in ("python", "node"):
        raise AppLoadError(faults.unknown_model(root, runtime))
    return "v1" if runtime == "python" else "v3"


def _runtime(settings: Settings) -> str:
    return (settings.get("FUNCTIONS_WORKER_RUNTIME") or "").strip().lower()


def _has_suffix(folder: Path, suffix: str) -> bool:
    return any(file.suffix == suffix for file in folder.iterdir())


# -- files ---------------------------------------------------------------------------------------


def _templates(folder: str) -> Iterator[tuple[str, str]]:
    """The files of a folder of templates: where each goes in the app, and its text."""
    for entry in sorted(_root().joinpath(folder).iterdir(), key=lambda entry: entry.name):
        # A name such as .gitignore would take effect in our own repository.
        path = entry.name.removesuffix(".template").replace("dot.", ".", 1)
        yield path, entry.read_text("utf-8")


def _template(path: str) -> str:
    return _root().joinpath(*path.split("/")).read_text("utf-8")


def _root() -> Traversable:
    return files("funcjson").joinpath("app_templates")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # "x": whatever was checked before, nothing is written over.
    with file.open("x", encoding="utf-8") as opened:
        opened.write(text)
