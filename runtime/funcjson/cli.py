"""The command line: one small function a command; parts are imported by the command that needs them."""
# ruff: noqa: PLC0415 - commands import lazily so that `--help` is quick, and a command line prints.

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from funcjson.start_command import add_app, add_start

if TYPE_CHECKING:
    from funcjson.scaffold import Made

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code: 0 done, 1 a problem that was printed, 2 wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["signalr"]:
        # A command line of its own, which argparse would read the options of (-h) before it does.
        return _signalr(arguments[1:])
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to tell it.
        sys.stderr.close()
        return 0


def _run(arguments: Sequence[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    command: Command | None = getattr(options, "command", None)
    if command is None:
        parser.print_help()
        return 2
    from funcjson.errors import FuncJsonError

    try:
        return command(options)
    except FuncJsonError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    from importlib.metadata import PackageNotFoundError, version

    try:
        ours = version("funcjson")
    except PackageNotFoundError:
        ours = "0 (not installed)"
    parser = argparse.ArgumentParser(
        prog="funcjson", description="Run function.json folders, with a local SignalR service."
    )
    parser.add_argument("--version", action="version", version=f"funcjson {ours}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (
        _add_init,
        _add_new,
        add_start,
        _add_validate,
        _add_doctor,
        _add_show,
        _add_schema,
        _add_explain,
        _add_replay,
        _add_keys,
        _add_signalr,
    ):
        add(commands)
    return parser


Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


# As in `scaffold`, which only its own commands import.
_LANGUAGES = ("python", "javascript")
_MODELS = ("v1", "v2", "v3", "v4")
_TEMPLATES = (
    *("http", "timer", "event-grid", "manual"),
    *("signalr-negotiate", "signalr-broadcast", "signalr-trigger"),
)


def _add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("init", help="make an app with one function, ready to run")
    parser.add_argument(
        "app", nargs="?", default=".", type=Path, metavar="DIR", help="its folder (default: here)"
    )
    parser.add_argument("--language", choices=_LANGUAGES, default=None, help="default: python")
    parser.add_argument(
        "--model",
        choices=_MODELS,
        default=None,
        help="Python: v1 (function.json, the default) or v2 (decorators); JavaScript: v3 (function.json, "
        "the default) or v4 (code)",
    )
    parser.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from funcjson.scaffold import init_app

    made = init_app(options.app.resolve(), options.language, options.model)
    _print_made(made, options.app)
    return 0


def _add_new(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("new", help="add a function to an app, from a template")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--template", "-t", choices=_TEMPLATES, default="http")
    parser.add_argument(
        "--model", choices=_MODELS, default=None, help="default: the model of the app"
    )
    parser.add_argument(
        "--app", default=Path(), type=Path, metavar="APP", help="the app's folder (default: here)"
    )
    parser.set_defaults(command=_new)


def _new(options: argparse.Namespace) -> int:
    from funcjson.scaffold import new_function

    made = new_function(options.app.resolve(), options.name, options.template, options.model)
    _print_made(made, options.app)
    return 0


def _print_made(made: Made, app: Path) -> None:
    rows = [("created", made.created), ("changed", made.changed), ("kept", made.kept)]
    for word, paths in rows:
        for path in paths:
            print(f"{word:<8} {(app / path).as_posix()}")
    # JavaScript of model v3 needs nothing to be installed.
    install = "" if made.model == "v3" else " --install"
    if made.to_build:
        print(
            "\nThe app runs what is built of its sources: build it first, for example with npm run build"
        )
    print(f"\nRun it: funcjson start {shlex.quote(app.as_posix())}{install}")


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "validate", help="print every problem of every function; exit code 1 if there is an error"
    )
    add_app(parser)
    parser.add_argument("--json", action="store_true", help="print the problems as a JSON array")
    parser.set_defaults(command=_validate)


def _validate(options: argparse.Namespace) -> int:
    from funcjson.check import validate_app
    from funcjson.errors import Severity, render

    problems = validate_app(options.app.resolve())
    if options.json:
        print(json.dumps([problem.as_json() for problem in problems], indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            print(render(problem), end="\n\n")
        counts = {level: sum(p.severity is level for p in problems) for level in Severity}
        print(", ".join(f"{n} {level}{'' if n == 1 else 's'}" for level, n in counts.items()))
    return int(any(problem.severity is Severity.ERROR for problem in problems))


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "doctor",
        help="check an app and this machine, and say what to fix; exit code 1 for an error",
    )
    add_app(parser)
    parser.add_argument("--json", action="store_true", help="print the checks as a JSON array")
    parser.set_defaults(command=_doctor)


def _doctor(options: argparse.Namespace) -> int:

    from funcjson.doctor import examine, report

    checks = examine(options.app.resolve(), os.environ)
    if options.json:
        print(json.dumps([check.as_json() for check in checks], indent=2, ensure_ascii=False))
    else:
        print(report(checks))
    return int(any(check.status == "error" for check in checks))


def _add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "show", help="print the function.json that each function compiles to, and its plan"
    )
    add_app(parser)
    parser.add_argument("function", nargs="?", default=None, metavar="FUNCTION")
    parser.set_defaults(command=_show)


def _show(options: argparse.Namespace) -> int:
    from funcjson.errors import render
    from funcjson.show import show_app

    shown = show_app(options.app.resolve(), options.function)
    if shown.text:
        print(shown.text)
    elif not shown.errors:
        print("the app has no functions", file=sys.stderr)
    if shown.errors:
        print("\n\n".join(map(render, shown.errors)), file=sys.stderr)
    return int(bool(shown.errors))


def _add_schema(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "schema", help="print one JSON Schema for function.json with every installed binding"
    )
    parser.set_defaults(command=_schema)


def _schema(_options: argparse.Namespace) -> int:
    from funcjson.registry import composed_schema

    print(json.dumps(composed_schema(), indent=2))
    return 0


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from funcjson.explain_commands import add_explain

    add_explain(commands)


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from funcjson.given import header_given

    parser = commands.add_parser(
        "replay", help="run the invocation of a trace capsule again, and print what differs"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="saved on the page at /_/")
    parser.add_argument(
        "--app", type=Path, default=Path(), metavar="DIR", help="the app's folder (default: here)"
    )
    parser.add_argument(
        "--header",
        type=header_given,
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a header that the file does not have, since its value is masked",
    )
    parser.add_argument(
        "--body", default=None, help="the body, when the file does not have it: text, or @FILE"
    )
    parser.add_argument("--json", action="store_true", help="print the differences as JSON")
    parser.set_defaults(command=_replay)


def _replay(options: argparse.Namespace) -> int:
    """Exit code 1 when something differs, 2 when nothing could be compared."""
    import asyncio
    from dataclasses import asdict

    from funcjson.given import body_given
    from funcjson.replay import Supplied, load, replay, report

    before = load(options.file)
    supplied = Supplied(
        tuple(options.header),
        None if options.body is None else body_given(options.body),
    )
    done = asyncio.run(replay(before, options.app.resolve(), dict(os.environ), supplied))
    if options.json:
        found = done.differences
        differing = None if found is None else [asdict(one) for one in found]
        print(json.dumps({"differences": differing, "notes": done.notes}, ensure_ascii=False))
    else:
        print(report(done))
    return 2 if done.differences is None else int(bool(done.differences))


def _add_keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("keys", help="the keys that `start --auth` enforces")
    parser.add_argument("what", choices=("list",), help="list: print every key with what it opens")
    add_app(parser)
    parser.set_defaults(command=_keys)


def _keys(options: argparse.Namespace) -> int:
    import asyncio

    from funcjson.app_version import Loader
    from funcjson.explaining.text import table
    from funcjson.keys import load_keys

    async def names(root: Path) -> list[str]:
        version = await Loader(root, dict(os.environ)).load()
        await version.stop()
        return [plan.function.name for plan in version.plans.values()]

    root = options.app.resolve()
    ring = load_keys(root, asyncio.run(names(root)))
    rows = [("master", "_master", ring.master)]
    rows += [("host", name, key) for name, key in ring.host.items()]
    rows += [("system", name, key) for name, key in ring.system.items()]
    rows += [
        (f"function {function}", name, key)
        for function, keys in sorted(ring.functions.items())
        for name, key in keys.items()
    ]
    print("\n".join(table(("opens", "name", "key"), rows)))
    return 0


def _add_signalr(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser("signalr", help="the local SignalR service alone", add_help=False)


def _signalr(arguments: Sequence[str]) -> int:
    from funcjson.signalr.__main__ import main as signalr_main

    return signalr_main(arguments)


if __name__ == "__main__":
    sys.exit(main())
