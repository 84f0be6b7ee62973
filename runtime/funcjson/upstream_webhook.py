"""Upstream events of a SignalR service become invocations: the webhook for a service elsewhere, and the embedded one."""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from funcjson.app_version import AppVersion
from funcjson.bindings.event_grid_trigger import connection_event, read_delivery
from funcjson.bindings.signalr_trigger import CONNECTIONS, MESSAGES, SignalREvent, key_of
from funcjson.bindings.signalr_webhook import (
    WebhookRefused,
    answer,
    completion,
    error_text,
    local_event,
    read_event,
    result_of,
    route_key,
)
from funcjson.errors import FuncJsonError, not_loaded
from funcjson.model import Function, HttpRequest, HttpResponse, TriggerEvent
from funcjson.pipeline import Outcome
from funcjson.plan import DEFAULT_CONNECTION_SETTING, Plan
from funcjson.signalr.credentials import sign_connection, user_claims
from funcjson.signalr.events import ClientInfo, Rejection
from funcjson.signalr.messages import Completion, Invocation, StreamInvocation
from funcjson.signalr.plain_text import plain
from funcjson.signalr.rest_message import HINT_HEADER, header_text

log = logging.getLogger("funcjson.signalr.upstream")

Key = tuple[str, str, str]
_PARTS = (("hub", "hubName"), ("category", "category"), ("event", "event"))
_MOST_MISSES = 3


class Runner(Protocol):
    """What is needed of the host."""

    @property
    def ready(self) -> bool:
        """Whether functions can run: not before the start, nor once stopping."""

    @property
    def version(self) -> AppVersion: ...

    @property
    def access_keys(self) -> tuple[str, ...]:
        """The embedded service's keys, which sign its events."""

    async def fire(self, function: str, event: TriggerEvent) -> Outcome: ...


def find_trigger(version: AppVersion, key: Key) -> Plan | None:
    """The enabled function that listens to (hub, category, event), all in lower case."""
    for plan in version.plans.values():
        function = plan.function
        listens = plan.trigger.type == "signalRTrigger" and not function.disabled
        if listens and key_of(function.trigger) == key:
            return plan
    return None


def near_misses(version: AppVersion, key: Key, *, places: bool = False) -> str:
    """Which of hub, category and event (as sent) differed from the functions that come nearest; one sentence.

    `places` adds file and line, for those who may see them: clients get this sentence too.
    """
    found = sorted(
        _miss(function, why, key, places)
        for function, why in _candidates(version)
        if function.trigger.type == "signalRTrigger"
    )
    if not found:
        unread = version.index_problems[:1] if places else ()
        return "; ".join(
            ["the app has no signalRTrigger function", *(not_loaded(one) for one in unread)]
        )
    best = [text for count, _, text in found if count == found[0][0]]
    more = len(best) - _MOST_MISSES
    shown = [*best[:_MOST_MISSES], *([f"and {more} more"] if more > 0 else [])]
    return "nearest: " + "; ".join(shown)


def _candidates(version: AppVersion) -> Iterator[tuple[Function, str]]:
    """Each function, and why it does not run whatever comes; "" when it does."""
    for plan in version.plans.values():
        yield plan.function, "it is disabled" if plan.function.disabled else ""
    for one in version.left_out:
        yield one.function, one.why


def _miss(function: Function, why: str, key: Key, places: bool) -> tuple[int, float, str]:
    """(how many parts differ, how much they do, the words for it) of one function that may not run."""
    differing, likeness, place = [], 0.0, ""
    for (part, member), theirs in zip(_PARTS, key, strict=True):
        ours = str(function.trigger.properties.get(member) or "")
        if theirs.lower() != ours.lower():
            differing.append(f"{part} '{plain(theirs)}' is not '{plain(ours)}'")
            if places and not place:
                where = function.locate(f"{function.trigger.pointer}/{member}")
                place = f" ({replace(where, pointer='')})"
            likeness += difflib.SequenceMatcher(None, theirs.lower(), ours.lower()).ratio()
    if why:
        differing.append(why)
    return len(differing), -likeness, f"{function.name}{place}: {' and '.join(differing)}"


async def signalr_webhook(host: Runner, request: HttpRequest) -> HttpResponse:
    """`/runtime/webhooks/signalr`: statuses and bodies as the real extension's."""
    try:
        hub, category, event_name = route_key(request.headers)
        key = (hub.lower(), category.lower(), event_name.lower())
        plan = find_trigger(host.version, key)
        if plan is None:
            asked = (hub, category, event_name)
            why = f"no function for {_shown(asked)} ({near_misses(host.version, asked)})"
            log.warning("%s", why)
            return _refused(404, why)
        event = read_event(request.headers, request.body, _keys(host, plan))
    except WebhookRefused as refused:
        log.warning("upstream request answered %d: %s", refused.status, refused.reason)
        return _refused(refused.status, refused.reason)
    result, error = await _run(host, plan, event)
    status, body = answer(event, result=result, error=error)
    return HttpResponse(status, (), body)


def _refused(status: int, why: str) -> HttpResponse:
    return HttpResponse(status, ((HINT_HEADER, header_text(why)),))


def _keys(host: Runner, plan: Plan) -> tuple[str, ...] | None:
    """The keys that may have signed; None when an identity endpoint makes signatures uncheckable."""
    services = host.version.services
    assert services is not None
    trigger = plan.function.trigger
    setting = trigger.properties.get("connectionStringSetting")
    where = plan.function.locate(trigger.pointer)
    endpoints = services.endpoints(str(setting or DEFAULT_CONNECTION_SETTING), where)
    keys = [endpoint.access_key for endpoint in endpoints]
    if any(key is None for key in keys):
        return None
    return tuple(key for key in keys if key is not None)


def reason_of(event: SignalREvent) -> str:
    """Why a function runs, for the log and the trace."""
    return f"SignalR {event.category} '{plain(event.event)}' of connection {event.connection_id}"


async def _run(host: Runner, plan: Plan, event: SignalREvent) -> tuple[Any, str | None]:
    """The handler's result, or the text of its failure."""
    trigger = TriggerEvent("signalRTrigger", payload=event, reason=reason_of(event))
    try:
        outcome = await host.fire(plan.function.name, trigger)
    except FuncJsonError as error:
        return None, error_text(error, plan.function.trigger.name)
    return result_of(outcome.return_value), None


async def event_grid_webhook(host: Runner, request: HttpRequest) -> HttpResponse:
    """`/runtime/webhooks/EventGrid?functionName=NAME`: validation handshakes, and one run an event."""
    headers = {name.lower(): text for name, text in request.headers}
    query = dict(part.partition("=")[::2] for part in request.query.split("&"))
    name = next((text for key, text in query.items() if key.lower() == "functionname"), "")
    plan = host.version.plan(name)
    if plan is None or plan.trigger.type != "eventGridTrigger":
        return HttpResponse(404, (("x-funcjson-hint", f"no eventGridTrigger function '{name}'"),))
    delivery = read_delivery(request.method, headers, request.body)
    failed = not await _deliver(host, plan, delivery.events)
    return (
        HttpResponse(500)
        if failed
        else HttpResponse(delivery.status, delivery.headers, delivery.body)
    )


async def _deliver(host: Runner, plan: Plan, events: Iterable[Mapping[str, Any]]) -> bool:
    ok = True
    for payload in events:
        event = TriggerEvent("eventGridTrigger", payload=payload, reason="Event Grid event")
        try:
            await host.fire(plan.function.name, event)
        except FuncJsonError:
            ok = False  # logged with its invocation; the others still run
    return ok


class HostEvents:
    """The embedded service's events, handed to the functions of the host without a socket."""

    def __init__(self, host: Runner) -> None:
        self._host = host

    async def connected(self, client: ClientInfo) -> Rejection | None:
        await self._connection(client, "connected", None)
        return None

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        await self._connection(client, "disconnected", error)

    async def _connection(self, client: ClientInfo, name: str, error: str | None) -> None:
        if not self._host.ready:
            return
        version = self._host.version
        plan = find_trigger(version, (client.hub.lower(), CONNECTIONS, name))
        if plan is not None:
            await _run(self._host, plan, self._event(client, CONNECTIONS, name, error=error))
        for grid in _event_grid_listeners(version):
            payload = connection_event(
                client.hub,
                client.id,
                client.user_id,
                connected=name == "connected",
                now=time.time(),
                error=error or "",
            )
            await _deliver(self._host, grid, [payload])

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        key = (client.hub.lower(), MESSAGES, message.target.lower())
        if not self._host.ready:
            return _not_ready(message)
        plan = find_trigger(self._host.version, key)
        if plan is None:
            asked = (client.hub, MESSAGES, message.target)
            why = f"no function for {_shown(asked)} ({near_misses(self._host.version, asked)})"
            log.warning("%s", why)
            if message.invocation_id is None:
                return None
            return Completion(message.invocation_id, error=f"Invocation failed, {why}.")
        event = self._event(
            client,
            MESSAGES,
            message.target,
            arguments=message.arguments,
            invocation_id=message.invocation_id,
            is_stream=isinstance(message, StreamInvocation),
        )
        result, failure = await _run(self._host, plan, event)
        if message.invocation_id is None or (event.is_stream and failure is None):
            return None
        return completion(event, result=result, error=failure)

    def _event(self, client: ClientInfo, category: str, name: str, **more: Any) -> SignalREvent:
        return local_event(
            client.hub,
            category,
            name,
            client.id,
            user_id=client.user_id,
            claims=tuple(user_claims(dict(client.claims))),
            query=client.query,
            signature=sign_connection(self._host.access_keys, client.id),
            **more,
        )


def _not_ready(message: Invocation | StreamInvocation) -> Completion | None:
    if message.invocation_id is None:
        return None
    return Completion(message.invocation_id, error="Function host is not running.")


def _event_grid_listeners(version: AppVersion) -> list[Plan]:
    return [
        plan
        for plan in version.plans.values()
        if plan.trigger.type == "eventGridTrigger" and not plan.function.disabled
    ]


def _shown(key: Key) -> str:
    hub, category, event = key
    return f"hub '{plain(hub)}', category '{plain(category)}', event '{plain(event)}'"
