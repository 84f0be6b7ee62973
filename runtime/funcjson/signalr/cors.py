"""CORS of the service: any origin, echoed with credentials, unless a list of origins is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

_EXPOSED = (
    "x-ms-error-code, x-funcjson-delivered, x-funcjson-matched, x-funcjson-reason, x-funcjson-hint"
)
_PORTS = {"http": 80, "https": 443}
_METHODS = "GET, POST, PUT, DELETE, HEAD, OPTIONS"


@lru_cache(256)
def origin_of(text: str) -> str | None:
    """An origin as browsers write it: in lower case, without the usual port; None if it is none."""
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"


def is_allowed(origin: str, allowed: Sequence[str]) -> bool:
    """Whether a page of this origin may call."""
    if "*" in allowed:
        return True
    found = origin_of(origin)
    return found is not None and found in map(origin_of, allowed)


def cors_headers(origin: str | None, allowed: Sequence[str]) -> dict[str, str]:
    """For every answer, errors too: a browser hides an error without them.

    The origin is echoed and never `*`, since the JavaScript client sends credentials.
    """
    if origin is None:
        return {}
    if not is_allowed(origin, allowed):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _EXPOSED,
        "Vary": "Origin",
    }


def preflight_headers(
    origin: str | None, asked: Mapping[str, str], allowed: Sequence[str]
) -> dict[str, str]:
    """The answer to an OPTIONS request. Each long poll asks anew, so it must be cheap."""
    headers = cors_headers(origin, allowed)
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Allow-Methods"] = _METHODS
        wanted = asked.get("access-control-request-headers", "")
        if wanted:
            headers["Access-Control-Allow-Headers"] = wanted
        headers["Access-Control-Max-Age"] = "600"
    return headers
