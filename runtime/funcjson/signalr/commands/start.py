"""`start`: the service until Ctrl-C, and what a person must know to use it."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import math
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from funcjson.signalr.backplane.base import Backplane
from funcjson.signalr.commands.terminal import complain, say
from funcjson.signalr.commands.upstream import find_settings, missing
from funcjson.signalr.connection_string import ConnectionStringError, parse_connection_string
from funcjson.signalr.cors import origin_of
from funcjson.signalr.errors import BackplaneUnavailable, OptionsError
from funcjson.signalr.event_log import EventLog
from funcjson.signalr.live_trace import to_stream
from funcjson.signalr.loopback import is_loopback
from funcjson.signalr.options import EMULATOR_KEY, ServiceOptions
from funcjson.signalr.plain_text import escape_arguments
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.upstream import Upstream
from funcjson.signalr.upstream_sender import HttpSender
from funcjson.signalr.upstream_settings import SettingsFile, loaded

WATCH_S = 1.0
DEFAULT_PORT = "8888"
MIN_KEY_BYTES = 32  # SDKs refuse to sign with less


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the command line said. Empty texts: not given."""

    service: ServiceOptions
    config: str = ""
    show_key: bool = False
    trace: str = ""
    redis: str = ""


def start(options: StartOptions, environment: Mapping[str, str]) -> int:
    """Serve until a signal; gives the exit code."""
    fault = options_fault(options.service)
    if fault:
        return complain(fault)
    settings = find_settings(options.config)
    if settings is None:
        return missing(options.config)
    try:
        return asyncio.run(_serve(options, settings, environment))
    except (OptionsError, BackplaneUnavailable) as error:
        return complain(str(error))
    except OSError as error:
        return complain(_cannot_listen(options.service, error))
    except KeyboardInterrupt:
        return 130


def options_of(given: argparse.Namespace, environment: Mapping[str, str]) -> StartOptions:
    """What the arguments of `start` say. Raises OptionsError for a port that is no number."""
    key, port = from_environment(environment)
    port = given.port or port
    if not port.isdecimal():
        raise OptionsError(f"Invalid port value: {port}")
    service = ServiceOptions(
        host=given.host,
        port=int(port),
        keys=tuple(given.key or (key,)),
        client_endpoint=given.client_endpoint.rstrip("/"),
        audience=given.audience,
        limits=not given.no_limits,
        tier=given.tier,
        strict_versions=given.strict_versions,
        strict_delivery=given.strict_delivery,
        forward_streams=given.forward_streams,
        rest_close_allows_reconnect=given.close_allows_reconnect,
        detailed_errors=given.detailed_errors,
        accept_entra=given.accept_entra,
        cors_origins=tuple(each.strip() for each in given.cors.split(",") if each.strip()),
        keep_alive_s=given.keep_alive,
        client_timeout_s=given.client_timeout,
        certfile=given.certfile,
        keyfile=given.keyfile,
    )
    return StartOptions(service, given.config, given.show_key, given.trace, given.redis)


def from_environment(environment: Mapping[str, str]) -> tuple[str, str]:
    """The key and the port that functions on this machine expect, else those of the official emulator."""
    try:
        text = environment.get("AzureSignalRConnectionString", "")
        endpoint = parse_connection_string(text) if text else None
    except ConnectionStringError:
        endpoint = None  # whoever uses it will say what is wrong with it
    where = urlsplit(endpoint.endpoint) if endpoint else None
    if endpoint is None or where is None or not is_loopback(where.hostname or ""):
        return EMULATOR_KEY, DEFAULT_PORT
    return endpoint.access_key or EMULATOR_KEY, str(where.port or DEFAULT_PORT)


def options_fault(options: ServiceOptions) -> str:
    """Why these options cannot work, or ""."""
    for key in options.keys:
        size = len(key.encode())
        if size < MIN_KEY_BYTES:
            return f"The key has {size} bytes; SDKs sign only with {MIN_KEY_BYTES} bytes or more."
        if ";" in key:
            return "A key must not contain ';', which ends a value in a connection string."
    if not 0 <= options.port <= 65535:
        return f"Invalid port value: {options.port}"
    if options.host != "localhost":
        try:
            ipaddress.ip_address(options.host)
        except ValueError:
            return f"Invalid IP address value: {options.host}"
    if options.client_endpoint:
        try:
            parse_connection_string(
                f"Endpoint=http://localhost;AccessKey=x;ClientEndpoint={options.client_endpoint};"
            )
        except ConnectionStringError as error:
            return str(error)
    fault = _times_fault(options) or _cors_fault(options.cors_origins)
    if fault:
        return fault
    if options.keyfile and not options.certfile:
        return "--keyfile needs --certfile."
    return ""


def _times_fault(options: ServiceOptions) -> str:
    if not 0 < options.keep_alive_s < math.inf:
        return (
            f"--keep-alive {options.keep_alive_s:g}: it must be a number of seconds above 0; "
            "without pings clients give up after 30."
        )
    if not 0 <= options.client_timeout_s < math.inf:
        return (
            f"--client-timeout {options.client_timeout_s:g}: it must be a number of seconds, "
            "or 0 for never."
        )
    return ""


def _cors_fault(origins: Sequence[str]) -> str:
    if not origins:
        return "--cors needs origins such as http://localhost:3000, or * for any."
    for origin in origins:
        if origin != "*" and origin_of(origin) is None:
            near = f"http://{origin.split('://')[-1].split('/')[0] or 'localhost:3000'}"
            return f"--cors: '{origin}' is not the origin of a page; write it as {near}."
    return ""


def _cannot_listen(options: ServiceOptions, error: OSError) -> str:
    return (
        f"The service cannot listen on port {options.port}: {error.strerror or error}.\n"
        "Another program may use it, often an earlier run or the official emulator: "
        "stop that, or choose another port (--port 0 takes any free one)."
    )


async def _serve(options: StartOptions, settings: Path, environment: Mapping[str, str]) -> int:
    out = sys.stderr if options.trace == "-" else sys.stdout  # the trace has standard output alone
    stopped = _stop_signal()
    file = SettingsFile(settings, environment, lambda text: say(text, sys.stderr))
    sender = HttpSender()
    upstream = Upstream(file.rules, options.service.keys, sender)
    server = SignalRServer(options.service, events=upstream, backplane=_backplane(options.redis))
    upstream.observer = server.trace
    server.trace.listen(EventLog(options.service.monotonic))
    trace = _trace_file(options.trace)
    if trace is not None:
        server.trace.listen(to_stream(trace))
    try:
        if await _is_started(server, stopped):
            rules = len(file.rules())
            for line in greeting(
                server, settings, rules if file.is_good else None, show_key=options.show_key
            ):
                say(line, out)
            watching = asyncio.create_task(_watch(file))
            await stopped.wait()
            watching.cancel()
        say("Stopping.", out)
    finally:
        await server.stop()
        await sender.close()
        if trace is not None and trace is not sys.stdout:
            trace.close()
    return 0


async def _is_started(server: SignalRServer, stopped: asyncio.Event) -> bool:
    """Start it; False if the signal to stop came first, since other nodes may keep a start waiting."""
    starting = asyncio.create_task(server.start())
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return False
        await starting
        return True
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)


async def _watch(file: SettingsFile) -> None:
    """Look at the settings once a second, so that a change is told before its first use."""
    while True:
        await asyncio.sleep(WATCH_S)
        file.rules()


def _stop_signal() -> asyncio.Event:
    """Set by Ctrl-C or SIGTERM; a second one does what it does by default."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        stopped.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:  # Windows: there Ctrl-C cancels what runs
            break
    return stopped


def _backplane(url: str) -> Backplane | None:
    """Raises BackplaneUnavailable."""
    if not url:
        return None
    from funcjson.signalr.backplane.redis import RedisBackplane  # noqa: PLC0415 -- an optional extra

    return RedisBackplane(url)


def _trace_file(name: str) -> TextIO | None:
    if not name:
        return None
    if name == "-":
        return sys.stdout
    try:
        return Path(name).open("a", encoding="utf-8")
    except OSError as error:
        raise OptionsError(f"the trace file cannot be written: {error}") from error


def greeting(
    server: SignalRServer, settings: Path, rules: int | None, *, show_key: bool
) -> list[str]:
    """The lines that tell how to use a service that has just started.

    `rules` None: the settings cannot be used, which was told already.
    """
    options = server.options
    key = options.keys[0]
    is_shown = show_key or key == EMULATOR_KEY
    shown = key if is_shown else "***"
    host = server.url.removesuffix(f":{server.port}")
    client = f"ClientEndpoint={options.client_endpoint};" if options.client_endpoint else ""
    rest = f"AccessKey={shown};Version=1.0;{client}"
    lines = [
        f"The local SignalR service listens on {server.url} (Ctrl-C stops it).",
        "",
        "Connection string:",
        f"  Endpoint={server.url};{rest}",
        "The same as the official emulator writes it, for programs that expect that:",
        f"  Endpoint={host};Port={server.port};{rest}",
        "",
    ]
    if not is_shown:
        lines.insert(-1, "*** stands for the key that --key gave; --show-key prints it.")
    if rules is None:
        lines.append(
            f"No upstream: '{settings}' has a fault. Its mending is taken without a restart."
        )
    elif settings.is_file():
        lines.append(f"{loaded(settings, rules)} Changes are taken without a restart.")
    elif rules:
        come = "rule comes" if rules == 1 else "rules come"
        lines.append(f"{rules} upstream {come} from environment variables.")
    else:
        lines.append(
            f"No upstream: there is no '{settings}'. Calls of clients are answered with an error; "
            "`funcjson signalr upstream init` makes a file that sends them to local functions."
        )
    return lines


def configure_log(*, verbose: bool) -> None:
    """Warnings, or everything that is worth a line, to standard error."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s: %(message)s",
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(escape_arguments)
