"""`funcjson start`: run a host until a signal asks to stop, and print what a user needs to know."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import shlex
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from aiohttp import web

from funcjson import banner
from funcjson.errors import Severity
from funcjson.host import Host, HostOptions
from funcjson.listening import DEFAULT_ADDRESS, is_loopback
from funcjson.personas import not_among
from funcjson.static_web_app import config_of

if TYPE_CHECKING:
    from funcjson.inspector import Inspector

log = logging.getLogger("funcjson.host")


def serve(options: HostOptions, *, log_lines_only: bool = False) -> int:
    """Run an app until a signal asks to stop; gives the exit code.

    `log_lines_only`: what a start has to tell goes through the log as well, for programs that read it.
    """
    return asyncio.run(_serve(options, log_announcement if log_lines_only else announce))


async def _serve(options: HostOptions, tell: Callable[[Host], None]) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    host = Host(options)
    inspector = _LateInspector(host, options.inspector) if options.inspector != "off" else None
    if inspector is not None:
        host.use_inspector(inspector.handle)
    starting = asyncio.create_task(host.start(tell), name="start")
    waiting = asyncio.create_task(stopping.wait(), name="signal")
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        if inspector is not None:
            await inspector.close()
        await host.stop()
        return 0
    try:
        starting.result()
        # The command line stopped it; what is there now stays.
        gc.freeze()
        gc.enable()
        write_ready_file(host)
        await waiting
        log.info("Stopping")
        return 0
    finally:
        waiting.cancel()
        if inspector is not None:
            await inspector.close()
        await host.stop()


class _LateInspector:
    """The page, imported when it is first asked for: a sixth of a start is saved."""

    def __init__(self, host: Host, access: Literal["local", "any"]) -> None:
        self._host = host
        self._access = access
        self._inspector: Inspector | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._inspector is None:
            from funcjson.inspector import Inspector  # noqa: PLC0415 - as the class says

            self._inspector = Inspector(self._host, self._access)
        return await self._inspector.handle(request)

    async def close(self) -> None:
        if self._inspector is not None:
            await self._inspector.close()


def announce(host: Host) -> None:
    """Print what there is: problems, functions, URLs."""
    version = host.version
    settings = version.settings
    prefix = settings.host.route_prefix
    if version.problems:
        print(banner.problems_text(version.problems), end="\n\n")
    for name in sorted(version.broken):
        print(f"{version.broken[name]}\n")
    plans = list(version.plans.values())
    print("Functions:\n")
    print(banner.listing(plans, host.url, prefix, version.broken, version.problems))
    print(f"\nhost     {host.url}")
    if _reached_by_others(host):
        print(f"         {_ANYBODY}")
    if host.service_url:
        print(f"service  {host.service_url}  (local SignalR service, in this process)")
        if host.embedded is not None and host.embedded.misleads_others:
            print(
                "         clients on other machines cannot reach it by that name: start with "
                f"--client-endpoint http://NAME-OF-THIS-MACHINE:{urlsplit(host.service_url).port}"
            )
    if host.options.inspector != "off":
        whom = "  (every machine that reaches this port)" if host.options.inspector == "any" else ""
        print(f"inspect  {host.url}/_/{whom}")
    for page in banner.pages(plans, host.url, prefix):
        print(f"page     {page}")
    if persona := host.options.persona:
        unknown = not_among(host.login.personas, persona)
        print(f"as       {persona}, whoever does not sign in{f' ({unknown})' if unknown else ''}")
    if host.options.auth_shape is None and (config := config_of(host.options.app_root)):
        found = os.path.relpath(config, host.options.app_root)
        print(f"login    as in Static Web Apps, since there is {found}; --auth-shape changes that")
    if host.options.auth:
        app = shlex.quote(str(host.options.app_root))
        print(f"keys     are needed; they are printed by: funcjson keys list {app}")
    print("\nCtrl-C stops it.", flush=True)


def log_announcement(host: Host) -> None:
    """The same through the log: each problem, then one record of what is served."""
    version = host.version
    broken = [problem for error in version.broken.values() for problem in error.problems]
    for problem in (*version.problems, *broken):
        data = {"function": problem.function, **problem.as_json()}
        log.log(_LEVELS[problem.severity], "%s", problem.what, extra={"data": data})
    served = {
        "host": host.url,
        "service": host.service_url,
        "functions": sorted(plan.function.name for plan in version.plans.values()),
    }
    log.info("Host started", extra={"data": served})
    if _reached_by_others(host):
        log.warning("%s", _ANYBODY)


_ANYBODY = "whoever reaches this port may sign in as anybody, at /.auth/login/aad"


def _reached_by_others(host: Host) -> bool:
    address = host.options.address or host.version.settings.local_host.address
    return not is_loopback(address or DEFAULT_ADDRESS)


_LEVELS = {
    Severity.NOTE: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}


def write_ready_file(host: Host) -> None:
    """Tell whoever waits for the file that requests are served, and where."""
    if host.options.ready_file is not None:
        text = json.dumps(
            {
                "host": host.url,
                "service": host.service_url,
                "functions": sorted(p.function.name for p in host.version.plans.values()),
            }
        )
        partial = host.options.ready_file.with_name(host.options.ready_file.name + ".part")
        partial.write_text(text, "utf-8")
        partial.replace(host.options.ready_file)
