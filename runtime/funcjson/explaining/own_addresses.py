"""Requests that the host answers itself: no function is asked, so none is missing."""

from __future__ import annotations

from funcjson.app_version import AppVersion

_BY_HAND = "explain request POST /admin/functions/NAME --body '{\"input\": EVENT}' explains"


def answered_by_host(version: AppVersion, method: str, path: str) -> str:
    """What the host answers at a path that no function has; "" when it has nothing there either."""
    first, _, rest = path.strip("/").lower().partition("/")
    reads = method in ("GET", "HEAD")
    if path == "/":
        return _home(version) if reads else ""
    match first:
        case "_":
            return _said("with its page, which shows what each binding did")
        case ".auth":
            return _said(
                "as App Service authentication would: /.auth/login/aad signs in, /.auth/me tells as whom "
                "(401 when nobody is), /.auth/logout signs out"
            )
        case "admin" if reads and rest in ("host/status", "host/ping", "functions"):
            return _said("as one of its admin addresses")
        case "admin" if reads and _function(version, rest):
            return _said("with what it knows of the function; POST sets it off")
        case "runtime" if method in ("POST", "OPTIONS") and rest == "webhooks/eventgrid":
            return _said(f"and runs an eventGridTrigger function for each event; {_BY_HAND} one")
    return ""


def _home(version: AppVersion) -> str:
    off = (version.settings.get("AzureWebJobsDisableHomepage") or "").lower() in ("true", "1")
    if off:
        return _said("with an empty 204, since AzureWebJobsDisableHomepage is set")
    return _said("with its home page, a list of the functions")


def _function(version: AppVersion, rest: str) -> bool:
    """Whether `functions/NAME` or `functions/NAME/status` names a function of the app."""
    parts = rest.split("/")
    known = len(parts) in (2, 3) and parts[0] == "functions" and version.plan(parts[1]) is not None
    return known and parts[2:] in ([], ["status"])


def _said(how: str) -> str:
    return f"the host answers this itself, {how}; no function is asked"
