"""`funcjson explain request`: what would happen to a request, step by step; with `run`, what does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from multidict import CIMultiDict

from funcjson.app_facts import AppFacts, facts_of
from funcjson.app_hints import complete, output_hints
from funcjson.app_version import AppVersion
from funcjson.bindings.signalr_webhook import WebhookRefused, read_event, route_key
from funcjson.cors import make_policy, refusal, refused_request
from funcjson.errors import AppLoadError, FuncJsonError, Location, Problem, not_loaded
from funcjson.explaining.clients import Clients, ClientSpec, reasons, unheard
from funcjson.explaining.own_addresses import answered_by_host
from funcjson.explaining.route import trigger_rows
from funcjson.explaining.routing import Choice, choose, nothing_answers
from funcjson.explaining.stage import EXPLAINED, Stage, open_stage
from funcjson.expression_faults import LOGIN_HEADER
from funcjson.fired_events import fired_event
from funcjson.http_absent import problem_of
from funcjson.http_admin import NO_INPUT, input_text
from funcjson.http_principal import PrincipalGuard
from funcjson.identity import is_principal_header
from funcjson.local_service import is_absent
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest, TriggerEvent
from funcjson.personas import load_personas
from funcjson.plan import Plan
from funcjson.static_web_app import shape_of
from funcjson.trace import InvocationTrace, Step
from funcjson.trace_view import view
from funcjson.upstream_webhook import find_trigger, near_misses, reason_of

BASE = "http://localhost:7071"
_ADMIN = "/admin/functions/"
_INPUT_WANTED = f"{NO_INPUT}; the host answers 400"
_SAFE = "/%:@!$&'()*+,;=-._~"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to explain. `url` is a whole URL or a path with its query; `clients` connect before it runs.

    `listens` are the targets that the clients have handlers for; empty when that is not known. `reason` is why a function
    that is set off by hand ran when its event was a real one.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    persona: str | None = None
    run: bool = False
    azure: bool = False
    clients: tuple[ClientSpec, ...] = ()
    listens: tuple[str, ...] = ()
    reason: str = ""


class _Sender:
    """The caller: a program on this machine."""

    remote: str | None = "127.0.0.1"


async def explain_request(root: Path, asked: Asked, environ: Mapping[str, str]) -> dict[str, Any]:
    """The trace document of `trace_view`, with candidates, CORS and hints; `ran` tells whether the handler ran.

    Raises AppLoadError when the folder is not an app.
    """
    async with AsyncExitStack() as stack:
        try:
            stage = await stack.enter_async_context(
                open_stage(root, environ, run=asked.run, azure=asked.azure)
            )
        except AppLoadError as error:
            if not all(problem.code.startswith("FJ05") for problem in error.problems):
                raise
            # Which functions there are is known by the app's code alone, and its worker did not start.
            return _unread(_request(root, asked), error.problems)
        return await _explain(stage, root, asked)


def _unread(request: HttpRequest, problems: tuple[Problem, ...]) -> dict[str, Any]:
    trace = InvocationTrace("", "", time.time())
    trace.add(Step.ARRIVED, {"event": TriggerEvent("httpTrigger", request)})
    path = urlsplit(request.url).path
    first = nothing_answers(request.method, path, not_loaded(problems[0]), problems[0])
    trace.problems = (first, *problems)
    trace.end("failed")
    return view(trace)


async def _explain(stage: Stage, root: Path, asked: Asked) -> dict[str, Any]:
    version = stage.version
    request = _request(root, asked)
    path = urlsplit(request.url).path
    facts = facts_of(version)
    arrived = _arrived_more(version, asked, request)
    if arrived["cors"] is not None and arrived["cors"]["preflight"]:
        return _preflight(request, arrived)
    plan, event, choice = _chosen(version, request, path)
    if event is not None and asked.reason:
        event = replace(event, reason=asked.reason)
    own = "" if plan is not None else answered_by_host(version, request.method, path)
    if own:
        return _by_host(request, arrived, own)
    chosen: dict[str, Any] = {"rejected": [dict(row) for row in choice.rejected], "rules": []}
    more: dict[Step, dict[str, Any]] = {Step.ARRIVED: arrived, Step.CHOSEN: chosen}
    if plan is None or event is None:
        trace = InvocationTrace("", "", time.time())
        trace.add(Step.ARRIVED, {"event": TriggerEvent("httpTrigger", request)})
        trace.problems = (
            nothing_answers(request.method, path, choice.hint, choice.broken, choice.fix),
            *version.index_problems,
        )
        trace.end("failed")
        return view(trace, stage.access_keys, more)
    heard: list[dict[str, Any]] = []
    if asked.run:
        async with Clients(stage, asked.clients, facts.hubs) as clients:
            trace = await stage.run(plan, event)
            heard = await clients.heard()
    else:
        trace = await stage.bind(plan, event)
    _add_hints(more, stage, plan, trace, facts)
    if heard:
        more[Step.DELIVERED] = {"clients": heard}
    document = view(trace, stage.access_keys, more)
    last = document["steps"][Step.DELIVERED - 1]
    for client in last["clients"]:
        client["why"] = [] if client["messages"] else reasons(client, last["deliveries"])
        client["unheard"] = unheard(client, asked.listens)
    complete(document, version, facts)
    _real_addresses(document, stage)
    return document


def _request(root: Path, asked: Asked) -> HttpRequest:
    """The request as the host's HTTP side would hand it on."""
    try:
        parts = urlsplit(asked.url if "://" in asked.url else f"{BASE}/{asked.url.lstrip('/')}")
    except ValueError as error:
        raise FuncJsonError(_no_url(asked.url, str(error))) from error
    path = quote(parts.path, safe=_SAFE) or "/"
    headers = asked.headers
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        headers = (("Host", parts.netloc), *headers)
    if asked.body and "content-length" not in names:
        headers = (*headers, ("Content-Length", str(len(asked.body))))
    personas, _ = load_personas(root)
    login = LoginTwin(
        personas or {},
        secrets.token_bytes(32),
        time.time,
        shape=shape_of(root),
        default=asked.persona,
    )
    pairs = PrincipalGuard("127.0.0.1").pairs(CIMultiDict(headers), login, _Sender())
    query = parts.query
    url = f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")
    return HttpRequest(asked.method.upper(), url, pairs, query, {}, asked.body)


def _no_url(url: str, why: str) -> Problem:
    return Problem(
        "FJ0161",
        f"'{url}' is no URL",
        Location("the command line"),
        why,
        "write a path such as /api/negotiate, or a whole URL such as http://localhost:7071/api/negotiate",
    )


def _arrived_more(version: AppVersion, asked: Asked, request: HttpRequest) -> dict[str, Any]:
    """Who asks, and whether a page of another origin may read the answer."""
    more: dict[str, Any] = {"persona": asked.persona, "cors": None, "rules": [], "hints": []}
    origin = _header(request, "origin")
    if not asked.persona and any(is_principal_header(name) for name, _ in asked.headers):
        more["rules"].append("principal-believed")
    if not origin:
        return more
    local = version.settings.local_host
    policy, _ = make_policy(local.cors, local.cors_credentials, azure=asked.azure)
    allowed = policy.allows(origin)
    same = origin.rpartition("//")[2].lower() == _header(request, "host").lower()
    wanted = _header(request, "access-control-request-method")
    preflight = request.method == "OPTIONS" and bool(wanted)
    answered: tuple[tuple[str, str], ...] = policy.headers(origin) if allowed else ()
    if preflight and allowed:
        asked_for = _header(request, "access-control-request-headers")
        answered = policy.preflight(origin, wanted, asked_for)
    more["cors"] = {
        "origin": origin,
        "allowed": allowed or same,
        "preflight": preflight and (policy.configured or _is_hosts(version, request)),
        "headers": [{"name": name, "value": value} for name, value in answered],
    }
    if allowed or same:
        more["rules"].append("cors-listed" if policy.configured else "cors-local")
    else:
        more["rules"].append("cors-listed")
        preflight = more["cors"]["preflight"]
        more["hints"].append(
            refusal(policy, origin)
            if preflight
            else refused_request(policy, origin, request.method, asked.headers)
        )
    return more


def _is_hosts(version: AppVersion, request: HttpRequest) -> bool:
    """Whether the host answers a preflight: no function has listed OPTIONS."""
    return choose(version, "OPTIONS", urlsplit(request.url).path).function is None


def _header(request: HttpRequest, name: str) -> str:
    return next((text for key, text in request.headers if key.lower() == name), "")


def _preflight(request: HttpRequest, arrived: dict[str, Any]) -> dict[str, Any]:
    """A browser's question before a request: the host answers it, no function runs."""
    if arrived["cors"]["allowed"]:
        hint = "the host answers this preflight itself with 204; no function is asked"
    else:
        hint = (
            "the host refuses this preflight, so the browser does not send the request that it asked for; "
            "no function runs"
        )
    return _by_host(request, arrived, hint)


def _by_host(request: HttpRequest, arrived: dict[str, Any], hint: str) -> dict[str, Any]:
    """A request that no function is asked for."""
    trace = InvocationTrace("", "", time.time())
    trace.add(Step.ARRIVED, {"event": TriggerEvent("httpTrigger", request)})
    trace.add(Step.CHOSEN, {"function": ""})
    trace.end(EXPLAINED)
    more = {Step.ARRIVED: arrived, Step.CHOSEN: {"rejected": [], "hints": [hint]}}
    return view(trace, (), more)


def _chosen(
    version: AppVersion, request: HttpRequest, path: str
) -> tuple[Plan | None, TriggerEvent | None, Choice]:
    if path.lower().startswith(_ADMIN) and request.method == "POST":
        name = path[len(_ADMIN) :].strip("/")
        plan = version.plan(name)
        known = ", ".join(plan.function.name for plan in version.plans.values()) or "none"
        problem = problem_of(version, path) if plan is None else None
        hint = not_loaded(problem) if problem else f"the functions are: {known}"
        choice = Choice(plan.function.name if plan else None, {}, (), hint, problem)
        text = input_text(request.body)
        if plan is not None and text is None:
            return None, None, replace(choice, hint=_INPUT_WANTED)
        return plan, (fired_event(plan.function, text or "", BASE) if plan else None), choice
    if path == UPSTREAM and request.method == "POST":
        return _upstream(version, request)
    choice = choose(version, request.method, path)
    if choice.function is None:
        return None, None, choice
    plan = version.plan(choice.function)
    asked = HttpRequest(
        request.method, request.url, request.headers, request.query, choice.params, request.body
    )
    return plan, TriggerEvent("httpTrigger", asked), choice


def _upstream(
    version: AppVersion, request: HttpRequest
) -> tuple[Plan | None, TriggerEvent | None, Choice]:
    """An event of the SignalR service, as it posts it; its signature is not asked for."""
    try:
        hub, category, event_name = route_key(request.headers)
        plan = find_trigger(version, (hub.lower(), category.lower(), event_name.lower()))
        rejected = tuple(trigger_rows(version, hub, category, event_name))
        if plan is None:
            why = near_misses(version, (hub, category, event_name), places=True)
            return None, None, Choice(None, {}, rejected, why, fix=_EVENT_FIX)
        event = read_event(request.headers, request.body, None)
    except WebhookRefused as refused:
        return None, None, Choice(None, {}, (), refused.reason, fix=_BY_HAND)
    chosen = Choice(plan.function.name, {}, rejected)
    return plan, TriggerEvent("signalRTrigger", payload=event, reason=reason_of(event)), chosen


UPSTREAM = "/runtime/webhooks/signalr"
_EVENT_FIX = "correct hubName, category or event in function.json, or the hub and the method that the client calls"
_BY_HAND = (
    "send the headers of an event: X-ASRS-Hub, X-ASRS-Category, X-ASRS-Event, X-ASRS-Connection-Id and Content-Type; "
    "without them: "
    """explain request POST /admin/functions/NAME --body '{"input": "{\\"Arguments\\": [1]}"}'"""
)


def _add_hints(
    more: dict[Step, dict[str, Any]],
    stage: Stage,
    plan: Plan,
    trace: InvocationTrace,
    facts: AppFacts,
) -> None:
    """What is known of the app beside the trace."""
    level = str(plan.function.trigger.properties.get("authLevel") or "function").lower()
    if plan.trigger.type == "httpTrigger" and level != "anonymous":
        more[Step.CHOSEN]["rules"].append("key-not-asked")
    settings = stage.version.settings
    if any(is_absent(settings.connection_string(name)) for name in plan.connection_settings):
        more[Step.INPUTS] = {"rules": ["service-embedded"]}
    if any(LOGIN_HEADER in problem.what for problem in trace.problems):
        more[Step.RESOLVED] = {
            "hints": [
                "--as NAME explains the request as that of a signed-in user; pages sign in at /.auth/login/aad"
            ]
        }
    outputs = output_hints(plan, facts)
    more[Step.COLLECTED] = {"hints": outputs}
    if trace.outcome == EXPLAINED:
        more[Step.COLLECTED]["declared"] = [
            {
                "name": step.binding.name,
                "type": step.binding.type,
                "properties": _properties(step.binding.properties),
            }
            for step in plan.all_outputs
        ]
    if stage.replaced:
        named = ", ".join(sorted(stage.replaced))
        more[Step.FLUSHED] = {
            "hints": [f"a local service stood in for {named}: nothing left this machine"]
        }


def _real_addresses(document: dict[str, Any], stage: Stage) -> None:
    """Let the requests of step 8 name the service that the app uses, and not the one that stood in for this run."""
    if stage.local is None:
        return
    own = stage.local.endpoint.server_endpoint.rstrip("/")
    named = sorted(stage.replaced or ())
    # With several endpoints it cannot be told from a request which of them it was for.
    shown = named[0].rstrip("/") if len(named) == 1 else _START if not named else own
    for call in document["steps"][Step.FLUSHED - 1]["calls"]:
        for name in ("url", "curl"):
            if call[name]:
                call[name] = call[name].replace(own, shown)


_START = "http://localhost:8888"  # where `funcjson start` runs the local service unless it is told otherwise


def _properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in properties.items() if n not in ("name", "type", "direction")}
