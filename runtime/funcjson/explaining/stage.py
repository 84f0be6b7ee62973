"""Where one request is explained: the app loaded, a service that is not started or a local one, nothing else running."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from funcjson.app_version import AppVersion, Loader
from funcjson.bindings.base import Services
from funcjson.errors import FuncJsonError, Location
from funcjson.invoker import Invoker
from funcjson.local_service import EmbeddedService, Need, find_need, start_embedded
from funcjson.model import TriggerEvent, WorkerLog
from funcjson.pipeline import Outcome, bind
from funcjson.plan import Plan
from funcjson.services import HostServices
from funcjson.settings import Settings
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import HttpTransport, RestClient
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.service import ServiceOptions
from funcjson.trace import InvocationTrace, Recorder, Step
from funcjson.upstream_webhook import HostEvents

EXPLAINED = "explained"
_PORT = 8888


class LocalOnly:
    """The services of an app, with every endpoint played by the local service, so that nothing goes to Azure.

    Connection strings are still read and checked; `replaced` has the URLs that were not used.
    """

    def __init__(self, inner: HostServices, local: EmbeddedService) -> None:
        self._inner = inner
        self._local = local
        self.replaced: set[str] = set()

    @property
    def settings(self) -> Settings:
        return self._inner.settings

    def now(self) -> float:
        return self._inner.now()

    def endpoints(self, setting: str, where: Location) -> tuple[ServiceEndpoint, ...]:
        found = self._inner.endpoints(setting, where)
        own = self._local.endpoint
        self.replaced |= {one.endpoint for one in found if one.endpoint != own.endpoint}
        if len(found) == 1:
            return (own,)
        return tuple(replace(own, name=one.name, endpoint_type=one.endpoint_type) for one in found)

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        return self._inner.rest(self._local.endpoint)


@dataclass(slots=True)
class Stage:
    """One loaded app. As the host, but without listening, timers and reload."""

    version: AppVersion
    recorder: Recorder
    services: Services
    local: EmbeddedService | None = None
    replaced: set[str] | None = None

    ready: bool = True

    @property
    def access_keys(self) -> tuple[str, ...]:
        return self.local.keys if self.local is not None else ()

    async def fire(self, function: str, event: TriggerEvent) -> Outcome:
        """Run a function; for the events of clients that connect."""
        plan = self.version.plan(function)
        if plan is None:
            raise KeyError(function)
        return await Invoker(self.recorder).invoke(self.version, plan, event)

    async def run(self, plan: Plan, event: TriggerEvent) -> InvocationTrace:
        """Run to the end; the trace says how it ended."""
        with suppress(FuncJsonError):  # the trace has the problems
            await Invoker(self.recorder).invoke(self.version, plan, event)
        tries = [one for one in self.recorder if _is_of(one, event)]
        return tries[-1]

    async def bind(self, plan: Plan, event: TriggerEvent) -> InvocationTrace:
        """Steps 1 to 5 only; the handler is not called."""
        trace = self.recorder.begin("", plan.function.name)
        trace.add(Step.ARRIVED, {"event": event})
        trace.add(
            Step.CHOSEN,
            {"function": plan.function.name, "plan": plan, "settings": self.version.settings},
        )
        try:
            await bind(plan, event, self.services, trace)
        except FuncJsonError as error:
            trace.problems = error.problems
            self.recorder.end(trace, "failed")
        else:
            self.recorder.end(trace, EXPLAINED)
        return trace


def _is_of(trace: InvocationTrace, event: TriggerEvent) -> bool:
    return bool(trace.events) and trace.events[0].data.get("event") is event


@asynccontextmanager
async def open_stage(
    root: Path, environ: Mapping[str, str], *, run: bool, azure: bool = False
) -> AsyncIterator[Stage]:
    """Load an app; with `run` its workers and a local service are started, and stopped at the end.

    Raises AppLoadError when the folder is not an app.
    """
    recorder = Recorder()

    def keep(line: WorkerLog) -> None:
        if line.invocation_id is not None:
            recorder.note(line.invocation_id, line.level, line.message)

    loader = Loader(root, environ, azure=azure, log=keep)
    version = await loader.load()
    transport = HttpTransport()
    local: EmbeddedService | None = None
    try:
        if not run:
            services = HostServices(version.settings, _unstarted(version), transport)
            yield Stage(version, recorder, services)
            return
        stage = Stage(version, recorder, HostServices(version.settings, None, transport))
        local = await start_embedded(Need(default=True), 0, ServiceOptions(), HostEvents(stage))
        inner = HostServices(version.settings, local, transport)
        only = LocalOnly(inner, local)
        stage.services, stage.local, stage.replaced = only, local, only.replaced
        version.services = only
        await loader.start_workers(version)
        yield stage
    finally:
        await version.stop()
        if local is not None:
            await local.stop()
        await transport.close()


def _unstarted(version: AppVersion) -> EmbeddedService | None:
    """The service that `funcjson start` would start, for its URLs and tokens; nothing listens."""
    names = {name for plan in version.plans.values() for name in plan.connection_settings}
    need = find_need(version.settings, names, explicit_port=False)
    if not need:
        return None
    key = need.keys[0] if need.keys else secrets.token_urlsafe(33)
    server = SignalRServer(ServiceOptions(port=need.port or _PORT, keys=(key,)))
    return EmbeddedService(server, need, key)
