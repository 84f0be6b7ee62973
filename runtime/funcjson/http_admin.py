"""What the host tells of itself: /, /admin/host/status, /admin/functions."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from funcjson.errors import FuncJsonError, Problem, Severity
from funcjson.login_page import page
from funcjson.model import Function, HttpResponse, LeftOut
from funcjson.plan import Plan
from funcjson.settings import Settings

# Why a POST to /admin/functions/NAME is refused.
NO_INPUT = 'the body must be a JSON object such as {"input": "text for the trigger"}'
JSON_TYPE = ("Content-Type", "application/json; charset=utf-8")


class LoadedApp(Protocol):
    """One loaded version of an app. `plans` by function name in lower case.

    `broken` has the error of each function whose handler did not load, by name. `streams` are the
    functions whose requests and responses pass in pieces; `left_out` those that settings keep from running.
    """

    @property
    def settings(self) -> Settings: ...

    @property
    def plans(self) -> Mapping[str, Plan]: ...

    @property
    def broken(self) -> Mapping[str, FuncJsonError]: ...

    @property
    def problems(self) -> tuple[Problem, ...]: ...

    @property
    def left_out(self) -> tuple[LeftOut, ...]: ...

    @property
    def streams(self) -> frozenset[str]: ...


def host_status(
    app: LoadedApp | None, instance_id: str, uptime_s: float, is_offline: bool = False
) -> HttpResponse:
    """`state` is Running, else Offline or Starting."""
    ours = _our_version()
    status: dict[str, Any] = {
        "id": platform.node().lower() or "localhost",
        "state": "Running" if app is not None else "Offline" if is_offline else "Starting",
        "version": ours,
        "versionDetails": f"funcjson {ours}, Python {platform.python_version()}",
        "platformVersion": "",
        "instanceId": instance_id,
        "computerName": platform.node(),
        "processUptime": int(uptime_s * 1000),
        "functionAppContentEditingState": "NotAllowed",
    }
    errors = [
        problem.what
        for problem in (app.problems if app else ())
        if problem.severity is Severity.ERROR and problem.function is None
    ]
    if errors:
        status["errors"] = errors
    return as_json(status)


def function_list(app: LoadedApp, base_url: str) -> HttpResponse:
    """All functions, also those whose handler did not load."""
    return as_json([describe(plan.function, app, base_url) for plan in _ordered(app)])


def one_function(app: LoadedApp, name: str, base_url: str) -> HttpResponse:
    plan = app.plans.get(name.lower())
    return HttpResponse(404) if plan is None else as_json(describe(plan.function, app, base_url))


def function_status(app: LoadedApp, name: str) -> HttpResponse:
    """`{}`, or `{"errors": [...]}`; also for a function that was dropped since it is invalid."""
    errors = [
        f"{problem.what} ({problem.code})"
        for problem in app.problems
        if problem.severity is Severity.ERROR
        and problem.function is not None
        and problem.function.lower() == name.lower()
    ]
    broken = next((e for key, e in app.broken.items() if key.lower() == name.lower()), None)
    if broken is not None:
        errors += [f"{problem.what} ({problem.code})" for problem in broken.problems]
    if name.lower() not in app.plans and not errors:
        return HttpResponse(404)
    return as_json({"errors": errors} if errors else {})


def describe(function: Function, app: LoadedApp, base_url: str) -> dict[str, Any]:
    """A function with the real host's members. There are no links into the app's files."""
    is_http = function.trigger.type.lower() == "httptrigger"
    return {
        "name": function.name,
        "script_root_path_href": None,
        "script_href": None,
        "config_href": None,
        "test_data_href": None,
        "href": f"{base_url}/admin/functions/{function.name}",
        "invoke_url_template": base_url + url_path(function, app) if is_http else None,
        "language": str(function.language),
        "config": dict(function.document) or {"bindings": _bindings(function)},
        "files": None,
        "test_data": None,
        "isDisabled": function.disabled,
        "isDirect": function.code_first,
        "isProxy": False,
    }


def input_text(body: bytes) -> str | None:
    """`{"input": "text"}` of a POST to /admin/functions/NAME; None for what the host refuses."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    given = value.get("input")
    return given if isinstance(given, str) else "" if given is None else json.dumps(given)


def url_path(function: Function, app: LoadedApp) -> str:
    """The path of an HTTP function as its template is written."""
    route = str(function.trigger.properties.get("route") or function.name).strip("/")
    prefix = app.settings.host.route_prefix.strip("/")
    return "/" + "/".join(part for part in (prefix, route) if part)


def home_page(app: LoadedApp, signed_in: str | None) -> HttpResponse:
    """What / shows when no function has that URL."""
    rows = "".join(_row(plan.function, app) for plan in _ordered(app))
    who = f"signed in as <strong>{escape(signed_in)}</strong>" if signed_in else "not signed in"
    body = f"""<h1>Your functions are up and running</h1>
<ul>{rows or "<li>No function was loaded.</li>"}</ul>
<p>You are {who}. <a href="/.auth/login/aad?post_login_redirect_uri=/">Sign in</a> ·
<a href="/.auth/logout?post_logout_redirect_uri=/">Sign out</a> ·
<a href="/admin/functions">Functions as JSON</a> · <a href="/admin/host/status">Status</a></p>"""
    name = Path(app.settings.app_root).name
    return HttpResponse(200, (("Content-Type", "text/html"),), page(name, body).encode())


def _row(function: Function, app: LoadedApp) -> str:
    notes = "".join(
        f" <em>({note})</em>"
        for note, holds in (
            ("disabled", function.disabled),
            ("in error", function.name in app.broken),
        )
        if holds
    )
    if function.trigger.type.lower() != "httptrigger":
        return f"<li>{escape(function.name)}: {escape(function.trigger.type)}{notes}</li>"
    path = url_path(function, app)
    methods = function.trigger.properties.get("methods")
    verbs = ", ".join(str(method).upper() for method in methods) if methods else "all methods"
    shown = f"<code>{escape(path)}</code>"
    if "{" not in path and (methods is None or "GET" in verbs):
        shown = f'<a href="{escape(path)}">{shown}</a>'
    return f"<li>{escape(function.name)}: {shown} <small>{escape(verbs)}</small>{notes}</li>"


def _bindings(function: Function) -> list[dict[str, Any]]:
    return [dict(binding.properties) for binding in function.bindings]


def _ordered(app: LoadedApp) -> list[Plan]:
    return sorted(app.plans.values(), key=lambda plan: plan.function.name.lower())


def _our_version() -> str:
    try:
        return version("funcjson")
    except PackageNotFoundError:
        # A checkout that was not installed.
        return "0.0.0"


def as_json(value: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, (JSON_TYPE,), json.dumps(value, default=str).encode())
