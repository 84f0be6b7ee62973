"""The command line: one small function a command; parts are imported by the command that needs them."""
# ruff: noqa: PLC0415 - commands import lazily so that `--help` is quick, and a command line prints.

from __future__ import annotations

import argparse
import gc
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

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
        _add_start,
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


def _app(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "app",
        nargs="?",
        default=".",
        type=Path,
        metavar="APP",
        help="the app's folder (default: here)",
    )


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
    print(f"\nRun it: funcjson start {shlex.quote(app.as_posix())}{install}")


def _add_start(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "start", help="run an app and, when it needs one, a local SignalR service"
    )
    _app(parser)
    parser.add_argument(
        "--port",
        "-p",
        type=_port,
        default=None,
        help="the host's port, 0 for a free one (default: 7071)",
    )
    parser.add_argument(
        "--address", default=None, help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--service-port",
        type=_port,
        default=None,
        help="the local SignalR service's port, 0 for a free one (default: 8888)",
    )
    parser.add_argument(
        "--client-endpoint",
        type=_client_endpoint,
        default=None,
        metavar="URL",
        help="where clients on other machines reach the local SignalR service",
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help="first install what requirements.txt and package.json name, and what handlers need beside it, into the app",
    )
    parser.add_argument("--cors", default=None, help="allowed origins, separated by commas")
    parser.add_argument(
        "--cors-credentials", action="store_true", help="allow credentials for those origins"
    )
    parser.add_argument(
        "--functions",
        nargs="+",
        metavar="NAME",
        default=None,
        help="load only these functions, by name",
    )
    parser.add_argument(
        "--auth",
        action="store_true",
        help="enforce authLevel with keys kept in the app's .funcjson folder",
    )
    parser.add_argument(
        "--as", dest="persona", default=None, metavar="NAME", help="sign every request in as NAME"
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a peer whose x-ms-client-principal headers are believed",
    )
    parser.add_argument(
        "--compat",
        choices=("default", "azure"),
        default="default",
        help="azure: reproduce Azure's own behaviour where we differ",
    )
    parser.add_argument(
        "--strict-delivery",
        action="store_true",
        help="a send that reaches no connection is an error",
    )
    parser.add_argument(
        "--forward-streams",
        action="store_true",
        help="run functions for streams of clients too; the real service in serverless mode refuses them",
    )
    parser.add_argument(
        "--tier",
        choices=("free", "standard"),
        default="off",
        help="enforce the quotas of one unit of this tier in the local SignalR service: connections, messages a day",
    )
    parser.add_argument(
        "--no-limits",
        action="store_true",
        help="let the local SignalR service accept any size of messages and requests",
    )
    parser.add_argument(
        "--inspector",
        choices=("local", "any", "off"),
        default="local",
        help="who may open the page at /_/: this machine, anybody, or nobody (default: local)",
    )
    parser.add_argument("--no-reload", action="store_true", help="do not watch the app's files")
    parser.add_argument(
        "--debug",
        action="store_true",
        help="run Python handlers in the host process, so that breakpoint() works",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="json: every line of standard output is one JSON object",
    )
    parser.add_argument(
        "--log-level",
        choices=("trace", "debug", "information", "warning", "error"),
        default="information",
    )
    parser.add_argument("--verbose", action="store_true", help="the same as --log-level debug")
    parser.add_argument(
        "--ready-file",
        type=_file_to_write,
        default=None,
        metavar="FILE",
        help="write the URLs as JSON to FILE once requests are served",
    )
    parser.set_defaults(command=_start)


def _start(options: argparse.Namespace) -> int:
    # Nothing of a start is garbage, and looking for some is a tenth of it; `serve` turns it on again.
    gc.disable()
    try:
        return _serve(options)
    finally:
        gc.enable()


def _serve(options: argparse.Namespace) -> int:
    from funcjson.console import configure

    # Listening comes first: most of a start is imports, and who connects meanwhile is answered after them.
    sockets = () if options.install else _open_sockets(options)
    from funcjson.host import HostOptions
    from funcjson.start import serve

    configure("debug" if options.verbose else options.log_level, options.log_format)
    return serve(
        HostOptions(
            app_root=options.app.resolve(),
            port=options.port,
            address=options.address,
            service_port=options.service_port,
            client_endpoint=options.client_endpoint or "",
            install=options.install,
            functions=tuple(options.functions or ()),
            cors=tuple(options.cors.split(",")) if options.cors else None,
            cors_credentials=options.cors_credentials or None,
            auth=options.auth,
            persona=options.persona,
            trusted_proxies=tuple(options.trusted_proxy),
            compat_azure=options.compat == "azure",
            strict_delivery=options.strict_delivery,
            forward_streams=options.forward_streams,
            tier=options.tier,
            limits=not options.no_limits,
            reload=not options.no_reload,
            in_process=options.debug,
            ready_file=options.ready_file,
            inspector=options.inspector,
            sockets=sockets,
        ),
        log_lines_only=options.log_format == "json",
    )


def _open_sockets(options: argparse.Namespace) -> tuple[socket.socket, ...]:
    from funcjson.listening import DEFAULT_ADDRESS, DEFAULT_PORT, open_sockets
    from funcjson.settings import load_settings

    local = load_settings(options.app.resolve(), os.environ).local_host
    port = options.port if options.port is not None else local.port or DEFAULT_PORT
    return open_sockets(options.address or local.address or DEFAULT_ADDRESS, port)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: it must be from 0 to 65535")
    return int(text)


def _client_endpoint(text: str) -> str:
    from funcjson.signalr.connection_string import ConnectionStringError, parse_connection_string

    try:
        parse_connection_string(f"Endpoint=http://localhost;AccessKey=x;ClientEndpoint={text};")
    except ConnectionStringError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text.rstrip("/")


def _file_to_write(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "validate", help="print every problem of every function; exit code 1 if there is an error"
    )
    _app(parser)
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
    _app(parser)
    parser.add_argument("--json", action="store_true", help="print the checks as a JSON array")
    parser.set_defaults(command=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    import os

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
    _app(parser)
    parser.add_argument("function", nargs="?", default=None, metavar="FUNCTION")
    parser.set_defaults(command=_show)


def _show(options: argparse.Namespace) -> int:
    from funcjson.show import show_app

    print(show_app(options.app.resolve(), options.function))
    return 0


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
    import os
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
    _app(parser)
    parser.set_defaults(command=_keys)


def _keys(options: argparse.Namespace) -> int:
    import asyncio
    import os

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
