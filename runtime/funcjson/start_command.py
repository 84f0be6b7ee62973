"""`funcjson start`: its options, and what of it comes before the imports, which are most of a start."""
# ruff: noqa: PLC0415 - commands import lazily so that `--help` is quick.

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


def add_start(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    parser = commands.add_parser(
        "start", help="run an app and, when it needs one, a local SignalR service"
    )
    add_app(parser)
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
        "--as",
        dest="persona",
        type=_persona,
        default=None,
        metavar="NAME",
        help="sign every request in as NAME",
    )
    parser.add_argument(
        "--auth-shape",
        choices=("app-service", "static-web-apps"),
        default=None,
        help="the shape of /.auth/me and of the login headers "
        "(default: that of Static Web Apps when the app is the API of one)",
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
    except KeyboardInterrupt:
        # Ctrl-C before the host runs, and handles it itself, is no other way to stop it.
        return 0
    finally:
        gc.enable()


def _serve(options: argparse.Namespace) -> int:
    from funcjson.console import configure

    if sys.platform == "win32":
        _refuse_windows()

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
            auth_shape=options.auth_shape,
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


def _refuse_windows() -> None:
    from funcjson.errors import FuncJsonError, Problem

    raise FuncJsonError(
        Problem(
            "FJ0503",
            "funcjson start does not run on Windows itself",
            why="handlers run in processes that inherit a socket, which Windows does not offer",
            fix="run it in WSL, the Linux that comes with Windows: https://learn.microsoft.com/windows/wsl/install",
        )
    )


def _open_sockets(options: argparse.Namespace) -> tuple[socket.socket, ...]:
    from funcjson.listening import DEFAULT_ADDRESS, DEFAULT_PORT, open_sockets
    from funcjson.settings import load_settings

    local = load_settings(options.app.resolve(), os.environ).local_host
    port = options.port if options.port is not None else local.port or DEFAULT_PORT
    return open_sockets(options.address or local.address or DEFAULT_ADDRESS, port)


def _port(text: str) -> int:
    from funcjson.listening import LARGEST_PORT, port_of

    port = port_of(text)
    if port is None:
        raise argparse.ArgumentTypeError(
            f"{text} is not a port: it must be from 0 to {LARGEST_PORT}"
        )
    return port


def _persona(text: str) -> str:
    from funcjson.given import persona_given

    return persona_given(text)


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


def add_app(parser: argparse.ArgumentParser) -> None:
    """The argument that names an app's folder."""
    parser.add_argument(
        "app",
        nargs="?",
        default=".",
        type=Path,
        metavar="APP",
        help="the app's folder (default: here)",
    )
