"""`funcjson init` and `funcjson new`: an app and its functions from templates that run at once.

A file that is there is never written over. Templates are files of `app_templates/`; a few words in
capitals stand for what differs.
"""

from __future__ import annotations

import ast
import keyword
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from funcjson.errors import AppLoadError, Location, Problem
from funcjson.frontends import Model, choose_model
from funcjson.frontends.folders import FILE, find_functions
from funcjson.http_route_table import RESERVED_STARTS
from funcjson.settings import Settings, load_settings
from funcjson.validation import is_function_name

TEMPLATES = (
    *("http", "timer", "event-grid", "manual"),
    *("signalr-negotiate", "signalr-broadcast", "signalr-trigger"),
)
_WITH_ROUTE = ("http", "signalr-negotiate", "signalr-broadcast")
FIRST_FUNCTION = "hello"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A programming model: its language, the folders of its app's files and of its handlers.

    `handler` is where a handler goes, `http_output` the name of the response's binding; functions
    of a model without `http_output` have no function.json.
    """

    language: str
    runtime: str
    app: tuple[str, ...]
    handlers: str
    handler: str
    http_output: str = ""


KINDS: Mapping[str, _Kind] = {
    "v1": _Kind(
        *("python", "python", ("app", "app-python"), "python-v1"),
        handler="{name}/__init__.py",
        http_output="$return",
    ),
    "v2": _Kind(
        *("python", "python", ("app", "app-python", "app-python-v2"), "python-v2"),
        handler="function_app.py",
    ),
    "v3": _Kind(
        *("javascript", "node", ("app", "app-javascript-v3"), "javascript-v3"),
        handler="{name}/index.js",
        http_output="res",
    ),
    "v4": _Kind(
        *("javascript", "node", ("app", "app-javascript-v4"), "javascript-v4"),
        handler="src/functions/{name}.js",
    ),
}
LANGUAGES = ("python", "javascript")
# What an app gets when only its language is known: function.json folders.
_FIRST_MODEL = {"python": "v1", "javascript": "v3"}


@dataclass(frozen=True, slots=True)
class Made:
    """What was done: paths relative to the app, with `/`."""

    model: str
    created: tuple[str, ...]
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


# -- an app --------------------------------------------------------------------------------------


def init_app(root: Path, language: str | None = None, model: str | None = None) -> Made:
    """Make an app with one function; files that are there are kept. Raises AppLoadError."""
    if root.exists() and not root.is_dir():
        raise AppLoadError(_is_file(root))
    chosen = _model_of_new_app(root, language, model)
    kind = KINDS[chosen]
    wanted = {
        path: text.replace("APP_LANGUAGE", kind.runtime)
        for folder in kind.app
        for path, text in _templates(folder)
    }
    is_new = not root.is_dir() or _is_empty(root)
    kept = tuple(sorted(path for path in wanted if (root / path).exists()))
    created = sorted(set(wanted) - set(kept))
    for path in created:
        _write(root / path, wanted[path])
    if is_new:
        created += new_function(root, FIRST_FUNCTION, "http", chosen, {}).created
    return Made(chosen, tuple(created), kept=kept)


def _is_empty(root: Path) -> bool:
    """Whether a folder has nothing of an app."""
    signs = ("host.json", "function_app.py", "package.json", FIRST_FUNCTION)
    return not any((root / sign).exists() for sign in signs) and not find_functions(root).functions


def _model_of_new_app(root: Path, language: str | None, model: str | None) -> str:
    """What is asked for, else what the app is, if it is one already; both must be the same."""
    asked = _model_of(language, model)
    if not (root / "host.json").is_file() and not (
        root.is_dir() and find_functions(root).functions
    ):
        return asked
    try:
        own = _model_of_app(root, {})
    except AppLoadError:
        return asked  # it says nothing of its model yet
    if language is None and model is None:
        return own
    if own != asked and (model is not None or KINDS[own].language != language):
        raise AppLoadError(_other_model(asked, own))
    return own


def _model_of(language: str | None, model: str | None) -> str:
    if model is None:
        return _FIRST_MODEL[language or "python"]
    if language is not None and KINDS[model].language != language:
        raise AppLoadError(_wrong_model(language, model))
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
        raise AppLoadError(_bad_name(name))
    if template in _WITH_ROUTE and name.lower().startswith(RESERVED_STARTS):
        raise AppLoadError(_reserved_route(name))
    chosen = _model_of_function(root, model, os.environ if environ is None else environ)
    kind = KINDS[chosen]
    identifier = _identifier(name)
    words = {
        "FUNCTION_NAME": name,
        "FUNCTION_IDENTIFIER": identifier,
        "HTTP_OUTPUT": kind.http_output,
    }
    text = _filled(_template(f"{kind.handlers}/{template}.template"), words)
    path = kind.handler.format(name=name)
    if chosen == "v2":
        return _append(root, path, text, name, identifier)
    wanted = {path: text}
    if kind.http_output:
        document = _template(f"documents/{template}.json.template")
        wanted = {f"{name}/{FILE}": _filled(document, words), path: text}
    for one in wanted:
        if (root / one).exists():
            raise AppLoadError(_there_already(one, name))
    for one, content in wanted.items():
        _write(root / one, content)
    return Made(chosen, tuple(wanted))


def _identifier(name: str) -> str:
    """A name for a Python function that hides nothing of function_app.py."""
    made = name.replace("-", "_")
    return f"{made}_function" if keyword.iskeyword(made) or made in ("app", *_IMPORTS) else made


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
        raise
    if own == asked:
        return asked
    if not (KINDS[own].http_output and KINDS[asked].http_output):
        raise AppLoadError(_other_model(asked, own))
    if runtime := _runtime(load_settings(root, environ)):
        raise AppLoadError(_left_out(asked, runtime))
    return asked


def _model_of_app(root: Path, environ: Mapping[str, str]) -> str:
    """The model of an app that is there."""
    settings = load_settings(root, environ)
    found = choose_model(root, settings).model
    if found is Model.PYTHON_V2:
        return "v2"
    if found is Model.NODE_V4:
        return "v4"
    if found is Model.FOLDERS:
        if any(_has_suffix(root / name, ".py") for name in find_functions(root).functions):
            return "v1"
        return "v3"
    return _model_of_empty_app(root, settings)


def _model_of_empty_app(root: Path, settings: Settings) -> str:
    runtime = _runtime(settings)
    if settings.host.custom_handler is not None or runtime not in ("python", "node"):
        raise AppLoadError(_unknown_model(root, runtime))
    return "v1" if runtime == "python" else "v3"


def _runtime(settings: Settings) -> str:
    return (settings.get("FUNCTIONS_WORKER_RUNTIME") or "").strip().lower()


def _has_suffix(folder: Path, suffix: str) -> bool:
    return any(file.suffix == suffix for file in folder.iterdir())


def _append(root: Path, path: str, text: str, name: str, identifier: str) -> Made:
    """A v2 function goes to the end of function_app.py, which keeps all that it has."""
    file = root / path
    try:
        # As bytes, so that line ends stay what they are.
        written = file.read_bytes().decode("utf-8") if file.is_file() else ""
        source = written.removeprefix(_BOM)
        names = _top_names(ast.parse(source))
    except UnicodeDecodeError as error:
        raise AppLoadError(_cannot_append(path, "it is not UTF-8")) from error
    except SyntaxError as error:
        raise AppLoadError(_cannot_append(path, f"line {error.lineno}: {error.msg}")) from error
    if "app" not in names:
        raise AppLoadError(_cannot_append(path, "it has no 'app = func.FunctionApp()'"))
    if _declares(source, name, identifier):
        raise AppLoadError(_there_already(path, name))
    imports = "".join(
        f"{statement}\n"
        for word, statement in _IMPORTS.items()
        if word not in names and f"{word}." in text
    )
    added = "\n".join(["", *([imports] if imports else []), f"\n{text}"])
    end = "\r\n" if "\r\n" in written else "\n"
    whole = written.rstrip("\r\n") + (f"\n{added}").replace("\n", end)
    file.write_bytes(whole.encode())
    return Made("v2", (), (path,))


_BOM = "\ufeff"
_IMPORTS = {
    "func": "import azure.functions as func",
    "json": "import json",
    "logging": "import logging",
}


def _top_names(module: ast.Module) -> set[str]:
    """Names that the file's top level imports or sets."""
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _declares(source: str, name: str, identifier: str) -> bool:
    """Whether the file has a function of that name; letter case does not matter, as to the host."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.name.lower() == identifier.lower()
        ):
            return True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "function_name"
            and any(_is_text(argument, name) for argument in _arguments(node))
        ):
            return True
    return False


def _arguments(call: ast.Call) -> Iterable[ast.expr]:
    return (*call.args, *(keyword.value for keyword in call.keywords))


def _is_text(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).lower() == text.lower()


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


# -- what can be wrong ---------------------------------------------------------------------------


def _is_file(root: Path) -> Problem:
    return Problem(
        "FJ0170",
        f"{root} is a file, so no app can be made there",
        Location(str(root)),
        why="an app is a folder",
        fix="name another folder",
    )


def _there_already(path: str, name: str) -> Problem:
    return Problem(
        "FJ0170",
        f"the function '{name}' is there already",
        Location(path),
        why=f"{path} exists, and nothing is ever written over",
        fix="choose another name, or remove it first",
        function=name,
    )


def _cannot_append(path: str, why: str) -> Problem:
    return Problem(
        "FJ0171",
        f"no function can be added to {path}",
        Location(path),
        why=why,
        fix="a function of this model is written below 'app = func.FunctionApp()': correct the file, "
        "or choose another --model",
    )


def _wrong_model(language: str, model: str) -> Problem:
    models = " and ".join(name for name, kind in KINDS.items() if kind.language == language)
    return Problem(
        "FJ0171",
        f"{language} has no model {model}",
        Location("--model"),
        why=f"{model} is a model of {KINDS[model].language}; {language} has {models}",
        fix=f"write --model {_FIRST_MODEL[language]}, or leave out --language",
    )


def _other_model(asked: str, own: str) -> Problem:
    return Problem(
        "FJ0171",
        f"the app is of model {own}, so a function of model {asked} would never run",
        Location("--model"),
        why=f"an app has one model, and this one has {own} ({KINDS[own].language})",
        fix="leave out --model and --language, or make another app: funcjson init FOLDER --model "
        f"{asked}",
    )


def _left_out(asked: str, runtime: str) -> Problem:
    language = KINDS[asked].language
    return Problem(
        "FJ0171",
        f"a function in {language} would be left out",
        Location("--model"),
        why=f"FUNCTIONS_WORKER_RUNTIME is {runtime}, so functions of other languages do not run",
        fix="leave out --model, or remove FUNCTIONS_WORKER_RUNTIME from local.settings.json: here "
        "both languages then run, on Azure they do not",
    )


def _reserved_route(name: str) -> Problem:
    return Problem(
        "FJ0241",
        f"a function called '{name}' would have a route that the host keeps for itself",
        Location(name),
        why="routes that begin with admin or runtime belong to the host, and its name is its route",
        fix=f"choose another name, such as my-{name}",
        azure="The specified route conflicts with one or more built in routes.",
    )


def _unknown_model(root: Path, runtime: str) -> Problem:
    if runtime == "custom":
        fix = "write a function.json by hand, and let the custom handler answer POST /FUNCTION"
    elif (root / "host.json").is_file():
        fix = "say --model v1 (Python) or --model v3 (JavaScript), or another"
    else:
        fix = "make the app first: funcjson init"
    return Problem(
        "FJ0171",
        "it is not clear which programming model the app has",
        Location(str(root)),
        why=f"FUNCTIONS_WORKER_RUNTIME is {runtime}, and there is no template for that"
        if runtime
        else "it has no functions yet, and local.settings.json names no language",
        fix=fix,
    )


def _bad_name(name: str) -> Problem:
    return Problem(
        "FJ0130",
        f"'{name}' is no name for a function",
        Location(name),
        why="a name begins with a letter and goes on with letters, digits, _ and -, 128 signs at most; "
        "'host' is taken",
        fix="choose another name",
        azure=f"'{name}' is not a valid function name.",
    )
