"""The command line of the local SignalR service; it understands what the official emulator's does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from funcjson.signalr.errors import OptionsError
from funcjson.signalr.options import EMULATOR_KEY

Command = Callable[[argparse.Namespace], int]
_HELP_CONFIG = "the settings file, or the folder with settings.json (default: here)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code: 0 done, 1 a problem that was printed, 2 wrong usage."""
    understood = parser()
    options = understood.parse_args(argv)
    command: Command | None = getattr(options, "command", None)
    if command is None:
        getattr(options, "parser", understood).print_help()
        return 2
    try:
        return command(options)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to tell it.
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """What the command line understands."""
    understood = argparse.ArgumentParser(
        prog="funcjson signalr",
        description="A local Azure SignalR Service in serverless mode, for apps in any language.",
    )
    commands = understood.add_subparsers(title="commands", metavar="COMMAND")
    _add_start(commands)
    _add_upstream(commands)
    _add_ps(commands)
    _add_token(commands)
    return understood


def _add_start(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("start", help="run the service until Ctrl-C")
    parser.add_argument("-c", "--config", default="", help=_HELP_CONFIG)
    _add_place(parser.add_argument_group("where it listens"))
    _add_access(parser.add_argument_group("who gets in"))
    _add_rules(parser.add_argument_group("what it allows"))
    _add_reports(parser.add_argument_group("what it tells"))
    parser.set_defaults(command=_start)


def _add_place(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "-p",
        "--port",
        default="",
        help="the port, 0 for any free one (default: that of AzureSignalRConnectionString, if it is a "
        "connection string of this machine, else 8888)",
    )
    add(
        "-i",
        "--ip",
        "--host",
        dest="host",
        default="localhost",
        metavar="ADDRESS",
        help="the address to listen on, 0.0.0.0 in a container (default: localhost)",
    )
    add(
        "--client-endpoint",
        default="",
        metavar="URL",
        help="where clients reach the service when it is not where functions do, as with containers",
    )
    add("--certfile", default="", help="serve https with this certificate (PEM)")
    add("--keyfile", default="", help="the certificate's private key, if it is not in --certfile")
    add(
        "--redis",
        default="",
        metavar="URL",
        help="join the services that use the same Redis; needs pip install 'funcjson[redis]'",
    )


def _add_access(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--key",
        action="append",
        metavar="KEY",
        help="the access key, at least 32 bytes; a second one also verifies "
        "(default: that of AzureSignalRConnectionString, if it is one of this machine, else the key of "
        "the official emulator)",
    )
    add(
        "--audience",
        choices=("strict", "local", "off"),
        default="local",
        help="whether a token's host must be exactly this service, any of its names, or anything",
    )
    add(
        "--accept-entra",
        action="store_true",
        help="let REST callers in with a token of Microsoft Entra (serviceUri, DefaultAzureCredential); "
        "its signature cannot be checked here, so whoever reaches the port can make one",
    )
    add(
        "--cors",
        default="*",
        metavar="ORIGINS",
        help="origins of web pages that may connect, separated by commas (default: any)",
    )


def _add_rules(group: argparse._ArgumentGroup) -> None:
    add, flag = group.add_argument, partial(group.add_argument, action="store_true")
    add(
        "--tier",
        choices=("free", "standard"),
        default="off",
        help="enforce the quotas of one unit of this tier, for all joined nodes together: connections, messages a day",
    )
    flag("--no-limits", help="accept any size of messages and requests")
    flag(
        "--strict-versions",
        help="refuse REST requests to /api/hubs without api-version; unknown versions are refused anyway",
    )
    flag("--strict-delivery", help="a send that reaches nobody is an error")
    flag(
        "--forward-streams",
        help="give streams of clients to the upstream and let REST answer them; "
        "the real service in serverless mode refuses them",
    )
    flag(
        "--close-allows-reconnect",
        help="let clients that REST closed connect again, as the official emulator does",
    )
    add(
        "--keep-alive",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="how often a quiet client is pinged (default: 15)",
    )
    add(
        "--client-timeout",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="drop a client that has sent nothing for so long, 30 on Azure (default: 0, never)",
    )


def _add_reports(group: argparse._ArgumentGroup) -> None:
    add, flag = group.add_argument, partial(group.add_argument, action="store_true")
    flag("--show-key", help="print the key that --key gave")
    flag(
        "--detailed-errors",
        help="tell clients the reason of an error, which the real service keeps to itself",
    )
    flag("--verbose", help="log clients and sends too, not only warnings")
    add(
        "--trace",
        default="",
        metavar="FILE",
        help="write what happens as JSON lines, to standard output with -",
    )


def _start(given: argparse.Namespace) -> int:
    # Imported here so that the other commands need no HTTP server.
    from funcjson.signalr.commands.start import configure_log, options_of, start  # noqa: PLC0415 - each command imports its own
    from funcjson.signalr.commands.terminal import complain  # noqa: PLC0415 - each command imports its own

    try:
        options = options_of(given, os.environ)
    except OptionsError as error:
        return complain(str(error))
    configure_log(verbose=given.verbose)
    return start(options, os.environ)


def _add_upstream(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("upstream", help="make or list the upstream settings")
    parser.set_defaults(parser=parser)
    upstream = parser.add_subparsers(title="commands", metavar="COMMAND")
    init = upstream.add_parser("init", help="write settings.json with the default rule")
    init.add_argument(
        "-o", "--output", default="", metavar="DIR", help="its folder (default: here)"
    )
    init.add_argument("-y", "--yes", action="store_true", help="overwrite without asking")
    init.set_defaults(command=_init)
    listing = upstream.add_parser("list", help="print the rules in their order")
    listing.add_argument("-c", "--config", default="", help=_HELP_CONFIG)
    listing.set_defaults(command=_list)


def _init(given: argparse.Namespace) -> int:
    from funcjson.signalr.commands.upstream import init  # noqa: PLC0415 - each command imports its own

    return init(given.output, overwrite=given.yes)


def _list(given: argparse.Namespace) -> int:
    from funcjson.signalr.commands.upstream import show  # noqa: PLC0415 - each command imports its own

    return show(given.config, os.environ)


def _add_ps(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("ps", help="print hubs, connections, users and groups")
    parser.add_argument(
        "--url",
        default="http://localhost:8888",
        help="the service (default: http://localhost:8888)",
    )
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.set_defaults(command=_ps)


def _ps(given: argparse.Namespace) -> int:
    from funcjson.signalr.commands.ps import ps  # noqa: PLC0415 - each command imports its own

    return ps(given.url, as_json=given.json)


def _add_token(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("token", help="print an access token for a URL of the service")
    add = parser.add_argument
    add(
        "url",
        metavar="URL",
        help="of a REST operation, or http://HOST/client/?hub=NAME of a client",
    )
    add("--user", default=None, metavar="NAME", help="the user that the client is")
    add(
        "--key",
        default=EMULATOR_KEY,
        help="the access key (default: that of the official emulator)",
    )
    add("--minutes", type=int, default=60, help="how long it is good (default: 60)")
    parser.set_defaults(command=_token)


def _token(given: argparse.Namespace) -> int:
    from funcjson.signalr.commands.token import token  # noqa: PLC0415 - each command imports its own

    return token(given.url, given.key, given.user, given.minutes)


if __name__ == "__main__":
    sys.exit(main())
