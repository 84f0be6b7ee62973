"""The host: starts everything in order, runs invocations, reloads, stops in order."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from funcjson.app_offline import Offline
from funcjson.app_version import AppVersion, Loader, show_user_log
from funcjson.cors import CorsPolicy
from funcjson.errors import Location, render
from funcjson.http_options import HttpServerOptions
from funcjson.http_server import HttpServer, Inspect
from funcjson.identity import Shape
from funcjson.install import install
from funcjson.invoker import Invoker
from funcjson.listening import DEFAULT_ADDRESS, DEFAULT_PORT, is_loopback
from funcjson.local_service import EmbeddedService, Need, find_need, start_embedded
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest, HttpResponse, TriggerEvent, WorkerLog
from funcjson.personas import FILES as PERSONAS
from funcjson.pipeline import Outcome
from funcjson.plan import Plan
from funcjson.reload import Watcher
from funcjson.reloading import Reloads
from funcjson.services import HostServices
from funcjson.settings import Settings
from funcjson.signalr.options import ServiceOptions, Tier
from funcjson.signalr.rest_client import HttpTransport
from funcjson.timers import Timers
from funcjson.trace import Recorder
from funcjson.turned_away import TurnedAwayList
from funcjson.upstream_webhook import HostEvents, event_grid_webhook, signalr_webhook
from funcjson.watched_files import Watched
from funcjson.workers.custom_handler_program import program_files
from funcjson.workers.typescript import TypeScript

log = logging.getLogger("funcjson.host")

# Far more than an app has: code that makes modules without end must not fill the list of what is watched.
_MOST_LOADED = 10_000


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What the command line decides; None means that the app's own files may.

    `functions` names those that are loaded, as host.json can. `sockets` are where it listens, when they are open already.
    """

    app_root: Path
    port: int | None = None
    address: str | None = None
    service_port: int | None = None
    client_endpoint: str = ""
    install: bool = False
    functions: tuple[str, ...] = ()
    cors: tuple[str, ...] | None = None
    cors_credentials: bool | None = None
    auth: bool = False
    persona: str | None = None
    auth_shape: Shape | None = None
    trusted_proxies: tuple[str, ...] = ()
    compat_azure: bool = False
    strict_delivery: bool = False
    forward_streams: bool = False
    tier: Tier = "off"
    limits: bool = True
    reload: bool = True
    in_process: bool = False
    ready_file: Path | None = None
    inspector: Literal["local", "any", "off"] = "local"
    sockets: tuple[socket.socket, ...] = ()


class Host:
    """One running app. `start` then `stop`; in between `invoke` runs functions."""

    def __init__(self, options: HostOptions, environ: dict[str, str] | None = None) -> None:
        self.options = options
        self.recorder = Recorder()
        self.invoker = Invoker(self.recorder)
        self._typescript = TypeScript() if options.reload else None
        self._loader = Loader(
            options.app_root,
            _environment(os.environ if environ is None else environ, options.functions),
            options.in_process,
            options.compat_azure,
            self._user_log,
            typescript=self._typescript,
            loaded=self._note_loaded if options.reload else None,
        )
        self._loaded: set[str] = set()
        self._steady = asyncio.Event()
        self._steady.set()
        self._version: AppVersion | None = None
        self._embedded: EmbeddedService | None = None
        self._transport = HttpTransport()
        self._server: HttpServer | None = None
        self._timers = Timers()
        self._reloads: Reloads | None = None
        self._watching: asyncio.Task[None] | None = None
        self._one_service = asyncio.Lock()
        self._starting: set[asyncio.Task[None]] = set()
        self._inspect: Inspect | None = None
        self._offline = Offline(options.app_root)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self, tell: Callable[[Host], None] = lambda _: None) -> None:
        """Load the app, start what it needs, then serve. Raises FuncJsonError when the app or a port cannot be had.

        `tell` is called when requests are served, before the first timer fires.
        """
        options = self.options
        if options.install:
            needs = self._loader.needs()
            for problem in await asyncio.to_thread(install, options.app_root, needs):
                log.error("%s", render(problem))
        server = HttpServer(self, self._server_options(self._loader.settings()))
        if self._inspect is not None:
            server.use_inspector(self._inspect)
        try:
            # Listening first, answering 503: whoever waits for the port does not have to guess,
            # and handlers are told where their host is.
            await server.start(options.sockets)
            self._server = server
            self._loader = replace(self._loader, hostname=server.url.removeprefix("http://"))
            # What changes from here on is a change, also while the app is loaded.
            watcher = Watcher(options.app_root) if options.reload else None
            version = await self.prepare()
        except BaseException:
            await self.stop()
            raise
        self._serve(version)
        _ = self.ready  # an app that is offline says so at once
        if watcher is not None:
            self._reloads = Reloads(self, watcher, str(options.app_root), self._watched)
            self._watching = asyncio.create_task(self._reloads.watch(), name="reload")
        tell(self)
        self._start_timers(version)

    def _server_options(self, settings: Settings) -> HttpServerOptions:
        options = self.options
        local = settings.local_host
        return HttpServerOptions(
            address=options.address or local.address or DEFAULT_ADDRESS,
            port=options.port if options.port is not None else (local.port or DEFAULT_PORT),
            cors_origins=options.cors if options.cors is not None else local.cors,
            cors_credentials=options.cors_credentials
            if options.cors_credentials is not None
            else local.cors_credentials,
            cors_at=Location("--cors") if options.cors is not None else local.cors_at,
            auth=options.auth,
            persona=options.persona,
            auth_shape=options.auth_shape,
            trusted_proxies=options.trusted_proxies,
            app_root=options.app_root,
            azure=options.compat_azure,
        )

    def _begin_service(self, version: AppVersion) -> asyncio.Task[None]:
        task = asyncio.create_task(self._start_service(version), name="local service")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return task

    async def _start_service(self, version: AppVersion) -> None:
        names = {name for plan in version.plans.values() for name in plan.connection_settings}
        explicit_port = self.options.service_port is not None
        # In a thread, since it connects to what the connection strings name.
        need = await asyncio.to_thread(find_need, version.settings, names, explicit_port)
        async with self._one_service:
            if need and self._embedded is None:
                await self._embed_service(need, version)
        version.services = HostServices(version.settings, self._embedded, self._transport)

    async def _embed_service(self, need: Need, version: AppVersion) -> None:
        for note in need.notes:
            log.warning("%s", render(note))
        address = self.options.address or version.settings.local_host.address or ""
        self._embedded = await start_embedded(
            need,
            self.options.service_port,
            ServiceOptions(
                # Whoever can reach the host must be able to follow where negotiate sends it.
                host="localhost" if not address or is_loopback(address) else address,
                client_endpoint=self.options.client_endpoint,
                strict_delivery=self.options.strict_delivery,
                forward_streams=self.options.forward_streams,
                tier=self.options.tier,
                limits=self.options.limits,
                detailed_errors=not self.options.compat_azure,
            ),
            HostEvents(self),
        )

    def install(self, version: AppVersion) -> None:
        """Make a version the one that serves."""
        self._serve(version)
        self._start_timers(version)

    def _serve(self, version: AppVersion) -> None:
        self._version = version
        if self._server is not None:
            self._server.use_routes(version)

    def _start_timers(self, version: AppVersion) -> None:
        timers = [
            plan
            for plan in version.plans.values()
            if plan.function.trigger.type == "timerTrigger" and not plan.function.disabled
        ]
        self._timers.follow(timers, partial(self._tick, version))

    async def stop(self) -> None:
        """Stop everything, in the reverse order; idempotent."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if self._reloads is not None:
            await self._reloads.close()
        await self._timers.stop()
        # Not ready from here on: what clients do while the service closes starts no function.
        version, self._version = self._version, None
        if self._server is not None:
            await self._server.stop()
        for one in self.options.sockets:
            one.close()
        if version is not None:
            await asyncio.gather(*(each.stop() for each in version.serving))
        if self._typescript is not None:
            await self._typescript.close()
        # A service that starts is let start, which takes no time, so that it can be stopped in order.
        await asyncio.gather(*self._starting, return_exceptions=True)
        if self._embedded is not None:
            await self._embedded.stop()
        await self._transport.close()

    # --- a reload -----------------------------------------------------------------------------------------------------

    async def prepare(self, changed: Iterable[str] = ()) -> AppVersion:
        """The app as its files are now, with its workers, beside the version that serves; `changed` are the paths of files.

        Raises FuncJsonError.
        """
        if self._typescript is not None:
            await self._typescript.update(changed)
        version = await self._loader.load()
        try:
            # Not given up half-way when the reload is: the service is for the next one too.
            await asyncio.shield(self._begin_service(version))
            await self._loader.start_workers(version)
        except BaseException:
            await version.stop()
            raise
        return version

    def _note_loaded(self, files: Sequence[str]) -> None:
        """A worker of any version loaded these files; what one needed is watched from then on."""
        if self._loaded.issuperset(files) or len(self._loaded) > _MOST_LOADED:
            return
        self._loaded.update(files)
        if self._reloads is not None and self._version is not None:
            self._reloads.watch_more()

    def _watched(self, version: AppVersion) -> Watched:
        """What host.json wants watched, the program of a custom handler, who can be signed in as, and what was loaded."""
        host = version.settings.host
        names = frozenset((*host.watch_files, *program_files(version.settings)))
        files = (*PERSONAS, "staticwebapp.config.json", *sorted(self._loaded))
        return Watched(names, host.watch_directories, files)

    async def drain(self, version: AppVersion) -> None:
        """Wait until no invocation of a version runs."""
        await self.invoker.drain(version)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Meanwhile calls that come wait, for the version that serves then."""
        self._steady.clear()
        try:
            yield
        finally:
            self._steady.set()

    def _user_log(self, line: WorkerLog) -> None:
        """A line of user code: shown, and kept with its invocation."""
        if line.invocation_id is not None:
            self.recorder.note(line.invocation_id, line.level, line.message)
        show_user_log(line)

    # --- what others may ask ------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return self._version is not None and not self._offline

    @property
    def version(self) -> AppVersion:
        """The version that serves; only valid once started."""
        assert self._version is not None
        return self._version

    @property
    def url(self) -> str:
        assert self._server is not None
        return self._server.url

    @property
    def service_url(self) -> str | None:
        """The embedded SignalR service's URL, when there is one."""
        return self._embedded.url if self._embedded else None

    @property
    def embedded(self) -> EmbeddedService | None:
        return self._embedded

    @property
    def access_keys(self) -> tuple[str, ...]:
        """The embedded service's keys."""
        return self._embedded.keys if self._embedded else ()

    @property
    def login(self) -> LoginTwin:
        """The personas, and who is signed in."""
        assert self._server is not None
        return self._server.login

    @property
    def cors(self) -> CorsPolicy:
        assert self._server is not None
        return self._server.policy

    @property
    def turned_away(self) -> TurnedAwayList:
        """Requests that no function saw."""
        assert self._server is not None
        return self._server.turned_away

    def use_inspector(self, inspect: Inspect) -> None:
        """Let `inspect` answer the URLs below /_/; to be called before `start`."""
        self._inspect = inspect

    async def invoke(self, function: str, event: TriggerEvent) -> HttpResponse:
        """Run a function for an HTTP caller and give its answer. Raises FuncJsonError."""
        await self._steady.wait()
        plan = self.version.plan(function)
        if plan is None:
            return HttpResponse(404)  # it went while the call waited
        outcome = await self.invoker.invoke(self.version, plan, event)
        assert outcome.answer is not None
        return outcome.answer

    async def fire(self, function: str, event: TriggerEvent) -> Outcome:
        """Run a function that has no HTTP caller."""
        await self._steady.wait()
        plan = self.version.plan(function)
        if plan is None:
            raise KeyError(function)
        return await self.invoker.invoke(self.version, plan, event)

    async def _tick(self, version: AppVersion, plan: Plan, event: TriggerEvent) -> Outcome | None:
        if not self._steady.is_set():
            await self._steady.wait()
            version = self.version
            plan = version.plan(plan.function.name) or plan
        if self.ready:
            return await self.invoker.invoke(version, plan, event)
        log.info("timer '%s' was due, but the app is offline", plan.function.name)
        return None

    async def webhook(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """`/runtime/webhooks/NAME`; None when no function listens there."""
        handle: Callable[[Host, HttpRequest], Any] | None = _WEBHOOKS.get(name.lower())
        return await handle(self, request) if handle is not None else None


def _environment(environ: Mapping[str, str], functions: tuple[str, ...]) -> dict[str, str]:
    """The environment with the list of functions that Core Tools would put there."""
    named = {f"AzureFunctionsJobHost__functions__{at}": name for at, name in enumerate(functions)}
    return {**environ, **named}


_WEBHOOKS: dict[str, Callable[[Any, HttpRequest], Any]] = {
    "signalr": signalr_webhook,
    "eventgrid": event_grid_webhook,
}
