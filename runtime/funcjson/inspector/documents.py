"""One invocation for the page: its nine steps, with what the app's files add to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from funcjson.app_facts import AppFacts
from funcjson.app_hints import complete, output_hints, target_hint
from funcjson.bindings.signalr_trigger import SignalREvent
from funcjson.cors import CorsPolicy, refusal
from funcjson.errors import FuncJsonError
from funcjson.explaining.route import trigger_rows
from funcjson.explaining.routing import choose
from funcjson.http_answer import answer
from funcjson.inspector.inspected import Inspected
from funcjson.local_service import is_absent
from funcjson.model import CallResult, HttpRequest, TriggerEvent
from funcjson.pipeline import Outcome, output_values
from funcjson.plan import Plan
from funcjson.trace import InvocationTrace, Step
from funcjson.trace_view import view
from funcjson.trace_view.outputs import output_remarks


def document(host: Inspected, trace: InvocationTrace, facts: AppFacts) -> dict[str, Any]:
    """The trace document, with rejected candidates, CORS and hints."""
    event, plan = event_of(trace), _plan(trace)
    more: dict[Step, dict[str, Any]] = {}
    if event is not None and event.request is not None:
        more[Step.ARRIVED] = cors_of(event.request, host.cors)
        path = urlsplit(event.request.url).path
        if not path.lower().startswith("/admin/"):
            chosen = choose(host.version, event.request.method, path)
            more[Step.CHOSEN] = {"rejected": [dict(row) for row in chosen.rejected]}
    elif event is not None and isinstance(event.payload, SignalREvent):
        key = (event.payload.hub, event.payload.category, event.payload.event)
        more[Step.CHOSEN] = {"rejected": trigger_rows(host.version, *key)}
    if plan is not None:
        settings = host.version.settings
        if any(is_absent(settings.connection_string(name)) for name in plan.connection_settings):
            more[Step.INPUTS] = {"rules": ["service-embedded"]}
        more[Step.COLLECTED] = {"hints": output_hints(plan, facts)}
    made = view(trace, host.access_keys, more)
    last = made["steps"][Step.DELIVERED - 1]
    complete(made, host.version, facts)
    last["hints"] += gone_hints(last.get("deliveries", ()), host, trace.began_at)
    return made


def gone_hints(rows: Iterable[Mapping[str, Any]], host: Inspected, began_at: float) -> list[str]:
    """Connections, users and members that were there, and went before a message was sent to them."""
    if host.embedded is None:
        return []
    hints = []
    for row in rows:
        if row["delivered"] != 0:
            continue
        ended = [
            line
            for line in host.embedded.server.trace
            if line.event == "ConnectionEnded"
            and str(line.fields.get("hub")).lower() == row["hub"].lower()
            and _was_in(line.fields, row["to"], row["name"])
            and line.at <= began_at
        ]
        if ended:
            what = _GONE[row["to"]].format(name=row["name"], hub=row["hub"])
            user = ended[-1].fields.get("userId") or "a client without user id"
            whose = "" if row["to"] in ("connection", "user") else f", {user},"
            hints.append(f"{what}{whose} ended {began_at - ended[-1].at:.1f} s before this send")
    return list(dict.fromkeys(hints))


_GONE = {
    "connection": "connection '{name}'",
    "user": "the last connection of user '{name}'",
    "group": "the last member of group '{name}'",
    "all": "the last connection of hub '{hub}'",
}


def _was_in(fields: Mapping[str, Any], to: str, name: str) -> bool:
    """Whether a connection, as the live trace tells of its end, was in the audience of a message."""
    if to == "group":
        return name in (fields.get("groups") or ())
    return to == "all" or fields.get(_FIELDS[to]) == name


_FIELDS = {"connection": "connectionId", "user": "userId"}


def cors_of(request: HttpRequest, policy: CorsPolicy) -> dict[str, Any]:
    """What step 1 says of a request from a page of another origin; `{}` of any other."""
    origin = _header(request, "origin")
    if not origin or origin.rpartition("//")[2].lower() == _header(request, "host").lower():
        return {}
    allowed = policy.allows(origin)
    hints = []
    if not allowed:
        hints.append(
            f"{refusal(policy, origin)}. The function ran, but the browser does not let the page "
            "read the answer"
        )
    return {
        "cors": {"origin": origin, "allowed": allowed, "preflight": False, "headers": []},
        "hints": hints,
        "rules": ["cors-listed" if policy.configured or not allowed else "cors-local"],
    }


def row(trace: InvocationTrace, facts: AppFacts) -> dict[str, Any]:
    """One line of the list: what came, how it ended, and whether its messages reached anybody."""
    event = event_of(trace)
    sends = nobody = delivered = 0
    known = True
    unheard = False
    for step, _, data in trace.events:
        if step is not Step.DELIVERED:
            continue
        delivery = data["delivery"]
        if delivery.method == "POST" and delivery.path.partition("?")[0].endswith(":send"):
            sends += 1
            known = known and delivery.delivered is not None
            delivered += delivery.delivered or 0
            nobody += delivery.delivered == 0
            unheard = unheard or target_hint(target_of(delivery.body), facts) != ""
    return {
        "kind": "invocation",
        "id": trace.id,
        "at": trace.began_at,
        "title": trace.function,
        "what": _what(event),
        "outcome": trace.outcome,
        "durationMs": round(trace.duration_s * 1000, 1),
        "codes": [problem.code for problem in trace.problems],
        "sends": sends,
        "nobody": nobody,
        "delivered": delivered if known else None,
        "status": _status(trace),
        "unheard": unheard,
        "unbound": _has_unbound(trace),
        "remarked": _is_remarked(trace),
    }


def _has_unbound(trace: InvocationTrace) -> bool:
    """Whether the handler set a name that no output binding has."""
    plan, result = _plan(trace), _result(trace)
    if plan is None or result is None or not result.outputs:
        return False
    declared = {step.binding.name.lower() for step in plan.all_outputs}
    return any(name.lower() not in declared for name in result.outputs)


def _is_remarked(trace: InvocationTrace) -> bool:
    """Whether something in the outputs does nothing."""
    found = trace.first(Step.COLLECTED)
    return found is not None and bool(output_remarks(found["outputs"], found["values"]))


def _result(trace: InvocationTrace) -> CallResult | None:
    return next((e.data["result"] for e in trace.events if "result" in e.data), None)


def _status(trace: InvocationTrace) -> int | None:
    """What an HTTP caller was answered; None while it waits, and for other triggers."""
    event, plan = event_of(trace), _plan(trace)
    if event is None or event.request is None or plan is None:
        return None
    if event.sink is not None and event.sink.status:
        return event.sink.status
    if trace.outcome == "failed":
        return 500
    result = _result(trace)
    if result is None:
        return None
    try:
        outcome = Outcome(output_values(plan, result), result.return_value)
        return answer(plan, outcome, event.request).status
    except FuncJsonError:
        return 500


def _what(event: TriggerEvent | None) -> str:
    if event is None:
        return ""
    if event.request is not None:
        return f"{event.request.method} {urlsplit(event.request.url).path}"
    payload = event.payload
    parts = [getattr(payload, name, None) for name in ("hub", "category", "event")]
    if all(isinstance(part, str) for part in parts):
        return f"{parts[0]} · {parts[1]} · {parts[2]}"
    return event.type


def event_of(trace: InvocationTrace) -> TriggerEvent | None:
    """What set the invocation off; None once it is forgotten."""
    return next((e.data.get("event") for e in trace.events if e.step is Step.ARRIVED), None)


def _plan(trace: InvocationTrace) -> Plan | None:
    return next((e.data.get("plan") for e in trace.events if e.step is Step.CHOSEN), None)


def target_of(body: bytes) -> str:
    """The target in a REST body; "" without one."""
    try:
        return str(json.loads(body).get("Target", ""))
    except (ValueError, AttributeError):
        return ""


def _header(request: HttpRequest, name: str) -> str:
    return next((text for key, text in request.headers if key.lower() == name), "")
