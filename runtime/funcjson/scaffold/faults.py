"""Why `funcjson init` and `funcjson new` make nothing."""

from __future__ import annotations

from pathlib import Path

from funcjson.errors import Location, Problem
from funcjson.scaffold.kinds import FIRST_MODEL, KINDS


def is_file(root: Path) -> Problem:
    return Problem(
        "FJ0170",
        f"{root} is a file, so no app can be made there",
        Location(str(root)),
        why="an app is a folder",
        fix="name another folder",
    )


def there_already(place: Location, name: str) -> Problem:
    return Problem(
        "FJ0170",
        f"the function '{name}' is there already",
        place,
        why=f"{place.file} {'registers it' if place.line else 'exists'}, nothing is ever written over, and names "
        "that differ in letter case alone are one to the host",
        fix="choose another name, or remove it first",
        function=name,
    )


def no_main(pattern: str) -> Problem:
    return Problem(
        "FJ0171",
        "no function can be added: package.json has no main, so nothing of it would be loaded",
        Location("package.json"),
        why="functions in code are registered by the files that main names",
        fix=f'run funcjson init, which adds "main": "{pattern}", or write the main yourself',
    )


def single_file(main: str, pattern: str) -> Problem:
    return Problem(
        "FJ0171",
        f"no function can be added: main of package.json is '{main}', and no other file would be loaded",
        Location("package.json", pointer="/main"),
        why="a function goes into a file of its own, and functions in code are registered by the files that main names",
        fix=f'write "main": "{pattern}" and run this again; when a bundler makes {main}, write the function where its '
        "source imports it",
    )


def unclear_pattern(main: str, name: str) -> Problem:
    return Problem(
        "FJ0171",
        f"no function can be added: it is not clear which file for '{name}' main of package.json would name",
        Location("package.json", pointer="/main"),
        why=f"main is '{main}'",
        fix="write a main that names files to come, such as src/functions/*.js, or write the function by hand",
    )


def other_program(main: str, where: Location) -> Problem:
    return Problem(
        "FJ0171",
        f"no app can be made around '{main}', the main of package.json",
        where,
        why="it is a program that does not use @azure/functions, and functions in code are registered by the files that "
        "main names",
        fix="make the app in a folder of its own: funcjson init functions --model v4; or remove the main first",
    )


def cannot_append(path: str, why: str) -> Problem:
    return Problem(
        "FJ0171",
        f"no function can be added to {path}",
        Location(path),
        why=why,
        fix="a function of this model is written below 'app = func.FunctionApp()': correct the file, "
        "or choose another --model",
    )


def wrong_model(language: str, model: str) -> Problem:
    models = " and ".join(name for name, kind in KINDS.items() if kind.language == language)
    return Problem(
        "FJ0171",
        f"{language} has no model {model}",
        Location("--model"),
        why=f"{model} is a model of {KINDS[model].language}; {language} has {models}",
        fix=f"write --model {FIRST_MODEL[language]}, or leave out --language",
    )


def other_model(asked: str, own: str) -> Problem:
    return Problem(
        "FJ0171",
        f"the app is of model {own}, so a function of model {asked} would never run",
        Location("--model"),
        why=f"an app has one model, and this one has {own} ({KINDS[own].language})",
        fix="leave out --model and --language, or make another app: funcjson init FOLDER --model "
        f"{asked}",
    )


def left_out(asked: str, runtime: str) -> Problem:
    language = KINDS[asked].language
    return Problem(
        "FJ0171",
        f"a function in {language} would be left out",
        Location("--model"),
        why=f"FUNCTIONS_WORKER_RUNTIME is {runtime}, so functions of other languages do not run",
        fix="leave out --model, or remove FUNCTIONS_WORKER_RUNTIME from local.settings.json: here "
        "both languages then run, on Azure they do not",
    )


def reserved_route(name: str) -> Problem:
    return Problem(
        "FJ0241",
        f"a function called '{name}' would have a route that the host keeps for itself",
        Location(name),
        why="routes that begin with admin or runtime belong to the host, and its name is its route",
        fix=f"choose another name, such as my-{name}",
        azure="The specified route conflicts with one or more built in routes.",
    )


def unknown_model(root: Path, runtime: str) -> Problem:
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


def no_files_of_app(root: Path, model: str) -> Problem:
    return Problem(
        "FJ0171",
        f"there is no app of the model {model} that a function could be added to",
        Location(str(root)),
        why="functions in code are registered by the app's own files, and there are none",
        fix=f"make these first: funcjson init {root} --model {model}; then run this again",
    )


def bad_name(name: str) -> Problem:
    return Problem(
        "FJ0130",
        f"'{name}' is no name for a function",
        Location(name),
        why="a name begins with a letter and goes on with letters, digits, _ and -, 128 signs at most; "
        "'host' is taken",
        fix="choose another name",
        azure=f"'{name}' is not a valid function name.",
    )
