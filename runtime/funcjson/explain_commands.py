"""`funcjson explain ...`: an error code, an expression, a request, a token, an upstream event, or a user in a group."""
# ruff: noqa: PLC0415, T201 - each command imports what it needs, and a command line prints.

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from funcjson.given import header_given, persona_given

SUBJECTS = ("expression", "request", "token", "route", "why")
_USAGE = """funcjson explain CODE                          an error code, such as FJ0202
       funcjson explain expression '{headers.x}'      a binding expression, token by token
       funcjson explain request METHOD URL            a request, in nine steps
       funcjson explain token TOKEN                   which check of a token would fail
       funcjson explain route --hub H --event E       which function an upstream event runs
       funcjson explain why USER GROUP --service URL  why a user does not get a group's messages"""


_BY_HAND = """Functions without HTTP are set off as by hand, with the text for the trigger in "input":
  a timer             funcjson explain request POST /admin/functions/tick --body '{}'
  a method of a hub   funcjson explain request POST /admin/functions/say --body '{"input": "{\\"Arguments\\": [1]}"}'
  as the service does funcjson explain request POST /runtime/webhooks/signalr --header 'X-ASRS-Hub: chat'
                      --header 'X-ASRS-Category: messages' --header 'X-ASRS-Event: say' --header 'X-ASRS-Connection-Id: c1'
                      --header 'Content-Type: application/json' --body '{"type": 1, "target": "say", "arguments": [1]}'"""


def add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's parser."""
    parser = commands.add_parser(
        "explain",
        help="explain an error code, an expression, a request, a token, a route, or why nothing arrived",
        usage=_USAGE,
    )
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, help="one of the above; each has a --help of its own"
    )
    parser.set_defaults(command=explain)


def explain(options: argparse.Namespace) -> int:
    """Dispatch on the first word; an error code needs no word before it."""
    words: list[str] = options.words
    if not words:
        print(f"usage: {_USAGE}")
        return 2
    if words[0] not in SUBJECTS:
        from funcjson.explain import explain_code, is_code

        print(explain_code(words[0]))
        return 0 if is_code(words[0]) else 2
    parser = argparse.ArgumentParser(prog=f"funcjson explain {words[0]}")
    make, run = _COMMANDS[words[0]]
    # The document tells all that the log would.
    logging.getLogger("funcjson").addHandler(logging.NullHandler())
    make(parser)
    if words[0] == "request":
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = _BY_HAND
    parser.add_argument(
        "--json", action="store_true", help="print the document as JSON, in a stable shape"
    )
    given = parser.parse_args(words[1:])
    if getattr(given, "client", None) and not given.run:
        parser.error("--client needs --run: without it the handler is not called")
    if getattr(given, "listens", None) and not given.client:
        parser.error("--listens is of clients: add --run --client NAME@HUB")
    return run(given)


def _show(
    options: argparse.Namespace, document: Mapping[str, Any], text: Callable[[Any], str]
) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False) if options.json else text(document))


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def _make_expression(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("expression", help="such as '{headers.x-ms-client-principal-id}'")
    parser.add_argument(
        "--header", type=header_given, action="append", default=[], metavar="NAME:VALUE"
    )
    parser.add_argument("--query", default="", help="such as 'room=a&x=1'")
    parser.add_argument("--body", default="", help="the request's body, JSON text")
    parser.add_argument("--route", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--setting", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--compat", choices=("default", "azure"), default="default")


def _expression(options: argparse.Namespace) -> int:
    from funcjson.explaining.expression import Given, explain_expression
    from funcjson.explaining.text import expression_text

    given = Given(
        tuple(options.header),
        options.query,
        options.body,
        dict(options.route),
        dict(options.setting),
    )
    document = explain_expression(
        options.expression, given, time.time, azure=options.compat == "azure"
    )
    _show(options, document, expression_text)
    return 1 if document["error"] else 0


def _make_request(parser: argparse.ArgumentParser) -> None:
    from funcjson.explaining.clients import parse_client

    parser.add_argument("method")
    parser.add_argument("url", help="a whole URL, or a path such as /api/negotiate")
    parser.add_argument(
        "--app", type=Path, default=Path(), metavar="DIR", help="the app's folder (default: here)"
    )
    parser.add_argument(
        "--header", type=header_given, action="append", default=[], metavar="NAME:VALUE"
    )
    parser.add_argument("--body", default="", help="text, or @FILE")
    parser.add_argument(
        "--as",
        dest="persona",
        type=persona_given,
        default=None,
        metavar="NAME",
        help="as somebody signed in",
    )
    parser.add_argument("--run", action="store_true", help="call the handler and go on to step 9")
    parser.add_argument(
        "--client",
        type=parse_client,
        action="append",
        default=[],
        metavar="NAME@HUB+GROUP",
        help="connect this client before it runs (with --run), to see what it receives",
    )
    parser.add_argument(
        "--listens",
        action="append",
        default=[],
        metavar="TARGET",
        help="what the clients have a handler for; any other message shows nothing there",
    )
    parser.add_argument(
        "--html", type=Path, default=None, metavar="FILE", help="save as one HTML file"
    )
    parser.add_argument("--compat", choices=("default", "azure"), default="default")


def _request(options: argparse.Namespace) -> int:
    from funcjson.explaining.request import Asked, explain_request
    from funcjson.explaining.text import request_text
    from funcjson.given import body_given, write_given
    from funcjson.inspector.capsule import make_capsule
    from funcjson.inspector.site import page_file

    asked = Asked(
        options.method.upper(),
        options.url,
        tuple(options.header),
        body_given(options.body),
        options.persona,
        options.run,
        options.compat == "azure",
        tuple(options.client),
        tuple(options.listens),
    )
    if options.html is not None:
        write_given("--html", options.html, "")  # before anything runs
    document = asyncio.run(explain_request(options.app.resolve(), asked, dict(os.environ)))
    if options.html is not None:
        text = make_capsule(document, page_file("style.css"), page_file("steps.js"))
        write_given("--html", options.html, text)
    _show(options, document, request_text)
    return 1 if document["outcome"] == "failed" else 0


def _make_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token", help="the token, or - to read it from standard input")
    parser.add_argument(
        "--app",
        type=Path,
        default=None,
        metavar="DIR",
        help="the app whose connection string has the key",
    )
    parser.add_argument(
        "--service",
        default=None,
        metavar="URL",
        help="a running local service, which looks at the signature",
    )
    parser.add_argument("--key-setting", default="AzureSignalRConnectionString", metavar="NAME")
    parser.add_argument("--hub", default=None, help="the hub that the client asks for")
    parser.add_argument("--path", default=None, help="the path of the REST request")


def _token(options: argparse.Namespace) -> int:
    from funcjson.errors import AppLoadError, ConnectionStringInvalid, Location, Problem
    from funcjson.explaining.text import token_text
    from funcjson.explaining.token import (
        ask_service,
        explain_token,
        keys_of,
        refused_connection_string,
    )
    from funcjson.settings import load_settings
    from funcjson.signalr.connection_string import ConnectionStringError

    if options.app is not None and not (options.app / "host.json").is_file():
        raise AppLoadError(
            Problem(
                "FJ0160",
                f"{options.app} is no function app",
                Location("--app"),
                "it has no host.json",
                "name the folder of an app",
            )
        )
    settings = load_settings(options.app.resolve(), os.environ) if options.app else None
    try:
        keys = keys_of(settings, options.key_setting)
    except ConnectionStringError as error:
        what = refused_connection_string(options.key_setting, error)
        raise ConnectionStringInvalid(
            Problem("FJ0306", what, Location(options.key_setting), error.hint, azure=error.message)
        ) from error
    text = sys.stdin.read() if options.token == "-" else options.token  # noqa: S105 - a dash
    if options.service:
        keys = asyncio.run(ask_service(options.service, text))
    document = explain_token(text, keys, hub=options.hub, path=options.path, now=time.time())
    _show(options, document, token_text)
    return 1 if document["good"] is False else 0


def _make_route(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hub", required=True)
    parser.add_argument("--event", required=True)
    parser.add_argument(
        "--category", default=None, help="messages or connections (default: as the event suggests)"
    )
    parser.add_argument(
        "--app", type=Path, default=Path(), metavar="DIR", help="the app's folder (default: here)"
    )


def _route(options: argparse.Namespace) -> int:
    from funcjson.explaining.route import explain_route
    from funcjson.explaining.text import route_text

    document = asyncio.run(
        explain_route(
            options.app.resolve(), options.hub, options.event, options.category, dict(os.environ)
        )
    )
    _show(options, document, route_text)
    return 0 if document["function"] else 1


def _make_why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user")
    parser.add_argument("group")
    parser.add_argument("--hub", default=None, help="the hub (default: the one where they are)")
    parser.add_argument(
        "--service", default="http://localhost:8888", metavar="URL", help="a running local service"
    )


def _why(options: argparse.Namespace) -> int:
    from funcjson.explaining.text import why_text
    from funcjson.explaining.why import explain_why

    document = asyncio.run(explain_why(options.service, options.user, options.group, options.hub))
    _show(options, document, why_text)
    return 0 if document["reached"] else 1


_COMMANDS: Mapping[
    str, tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]
] = {
    "expression": (_make_expression, _expression),
    "request": (_make_request, _request),
    "token": (_make_token, _token),
    "route": (_make_route, _route),
    "why": (_make_why, _why),
}
