"""What if: steps 3 to 5 again with another header, query, body or user; the handler is not called."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from funcjson.errors import FuncJsonError
from funcjson.explaining.routing import Choice, choose, nothing_answers
from funcjson.fired_events import fired_event
from funcjson.identity import is_principal_header, principal_headers
from funcjson.inspector.documents import event_of
from funcjson.inspector.inspected import Inspected, Refusal, shown_of, text_in
from funcjson.masking import MASKED
from funcjson.model import HttpRequest, TriggerEvent
from funcjson.personas import find_persona
from funcjson.pipeline import bind
from funcjson.plan import Plan
from funcjson.trace import InvocationTrace, Step
from funcjson.trace_view.request import arrived

EXPLAINED = "explained"


async def what_if(host: Inspected, body: Mapping[str, Any]) -> InvocationTrace:
    """Bind an invented event; the trace ends after step 5. Raises Refusal for what cannot be tried.

    `{"id": an invocation to start from, "method", "path" with its query, "headers": [[name, value]],
    "body": text, "persona"}` for HTTP, or `{"id", "event": JSON text}` for others. A masked value that
    was left as it was shown stands for the original; so does a body of null.
    """
    trace = host.recorder.find(text_in(body, "id"))
    original = event_of(trace) if trace is not None else None
    if trace is None or original is None:
        raise Refusal("this invocation is no longer kept")
    if original.request is None:
        plan = host.version.plan(trace.function)
        if plan is None:
            raise Refusal(f"the app has no function '{trace.function}' any more")
        event = _other_event(host, plan, original, text_in(body, "event"))
        return await _bind(host, plan, event)
    whole = original.request_so_far
    assert whole is not None
    request = _request(host, whole, body)
    chosen = choose(host.version, request.method, urlsplit(request.url).path)
    plan = host.version.plan(chosen.function) if chosen.function else None
    if plan is None:
        return _unanswered(request, chosen)
    asked = HttpRequest(
        request.method, request.url, request.headers, request.query, chosen.params, request.body
    )
    return await _bind(host, plan, TriggerEvent("httpTrigger", asked))


def _other_event(host: Inspected, plan: Plan, original: TriggerEvent, text: str) -> TriggerEvent:
    if not text.strip():
        return original
    try:
        given = json.loads(text)
    except ValueError as error:
        raise Refusal(f"the event is not JSON: {error}") from error
    if given == arrived(original, shown_of(host))["payload"]:
        return original  # with what is masked, and what is too long to be shown
    return replace(fired_event(plan.function, text, "http://localhost"), reason=original.reason)


def _request(host: Inspected, original: HttpRequest, body: Mapping[str, Any]) -> HttpRequest:
    shown = shown_of(host)
    parts = urlsplit(original.url)
    path, mark, query = text_in(body, "path", parts.path).partition("?")
    if not path.startswith("/"):
        raise Refusal("a path starts with /")
    if (not mark and "path" not in body) or query == shown.mask.query(original.query):
        query = original.query
    real: dict[tuple[str, str], str] = {}
    for name, value in original.headers:
        real.setdefault((name.lower(), shown.mask.header(name, value)), value)
    headers = []
    for pair in body.get("headers") or ():
        if not (
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, str) for p in pair)
        ):
            raise Refusal("headers are pairs of texts")
        name, value = pair[0].strip(), pair[1]
        if not name or "\n" in name + value or "\r" in name + value:
            raise Refusal("a header has a name, and stands on one line")
        known = real.get((name.lower(), value))
        if known is None and MASKED in value:
            raise Refusal(f"write the whole value of '{name}': part of it is masked")
        headers.append((name, known if known is not None else value))
    persona = text_in(body, "persona")
    if persona:
        headers = [pair for pair in headers if not is_principal_header(pair[0])]
        login = host.login
        headers += principal_headers(find_persona(login.personas, persona), login.shape)
    text = body.get("body")
    content = original.body if text is None else str(text).encode()
    url = f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")
    method = text_in(body, "method", original.method).upper()
    return HttpRequest(method, url, tuple(headers), query, {}, content)


def _unanswered(request: HttpRequest, chosen: Choice) -> InvocationTrace:
    trace = InvocationTrace("", "", time.time())
    trace.add(Step.ARRIVED, {"event": TriggerEvent("httpTrigger", request)})
    path = urlsplit(request.url).path
    trace.problems = (nothing_answers(request.method, path, chosen.hint, chosen.broken),)
    trace.end("failed")
    return trace


async def _bind(host: Inspected, plan: Plan, event: TriggerEvent) -> InvocationTrace:
    # A trace of its own: what was only tried is not among what happened.
    trace = InvocationTrace("", plan.function.name, time.time())
    trace.add(Step.ARRIVED, {"event": event})
    settings = host.version.settings
    name = plan.function.name
    trace.add(Step.CHOSEN, {"function": name, "plan": plan, "settings": settings})
    services = host.version.services
    assert services is not None
    try:
        await bind(plan, event, services, trace)
    except FuncJsonError as error:
        trace.problems = error.problems
        trace.end("failed")
    else:
        trace.end(EXPLAINED)
    return trace
