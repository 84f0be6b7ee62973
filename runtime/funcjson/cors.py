"""Which web pages may call the host: CORS as local.settings.json asks for it, local pages by default."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from funcjson.errors import Location, Problem, Severity

Headers = tuple[tuple[str, str], ...]

IN_SETTINGS = Location("local.settings.json", pointer="/Host/CORS")
# A page that a person develops: any port of this machine.
_LOCAL = re.compile(
    r"https?://(([\w-]+\.)*localhost\.?|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE
)


def is_local_page(origin: str) -> bool:
    """Whether an origin is one of this machine."""
    return _LOCAL.fullmatch(origin) is not None


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """Who may call. `configured` is false when nothing was set: then local pages may.

    `origins` are in lower case.
    """

    origins: frozenset[str] = frozenset()
    any_origin: bool = False
    credentials: bool = True
    configured: bool = False
    off: bool = False

    def allows(self, origin: str) -> bool:
        if self.off:
            return False
        if not self.configured:
            return is_local_page(origin)
        return self.any_origin or origin.lower() in self.origins

    def headers(self, origin: str) -> Headers:
        """What an answer to an allowed origin says."""
        if self.any_origin and not self.credentials:
            return (("Access-Control-Allow-Origin", "*"),)
        found = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
        if self.credentials:
            found.append(("Access-Control-Allow-Credentials", "true"))
        return tuple(found)

    def preflight(self, origin: str, method: str, headers: str) -> Headers:
        """The answer to a browser's question whether it may send a request: any verb, any header."""
        found = [*self.headers(origin), ("Access-Control-Allow-Methods", method)]
        if headers:
            found.append(("Access-Control-Allow-Headers", headers))
        return tuple(found)


def make_policy(
    origins: Iterable[str],
    credentials: bool,
    *,
    azure: bool = False,
    where: Location = IN_SETTINGS,
) -> tuple[CorsPolicy, tuple[Problem, ...]]:
    """The policy for the origins configured at a place, and what deserves a word.

    With none, pages on this machine may call, with credentials; `azure` then lets nobody, as Core
    Tools does, and refuses credentials for `*`, as browsers and Azure do.
    """
    given = [origin.strip() for origin in origins if origin.strip()]
    if not given:
        return CorsPolicy(off=azure), ()
    any_origin = "*" in given
    problems = [_trailing_slash(origin, where) for origin in given if origin.endswith("/")]
    if any_origin and credentials:
        problems.append(_star_with_credentials(azure, where))
    folded = frozenset(origin.lower() if azure else origin.lower().rstrip("/") for origin in given)
    return (
        CorsPolicy(folded, any_origin, credentials and not (any_origin and azure), True),
        tuple(problems),
    )


def refusal(policy: CorsPolicy, origin: str) -> str:
    """One line for the log: who was refused, and what to set."""
    if origin == "null":
        why = "it is a page from a file or a sandboxed frame: serve it over http instead"
    elif policy.configured or policy.off:
        why = f'add it to "Host": {{"CORS": "{origin}"}} in local.settings.json, or --cors'
    else:
        why = (
            "only pages of this machine may call by default: set "
            f'"Host": {{"CORS": "{origin}", "CORSCredentials": true}} in local.settings.json'
        )
    return f"CORS: a page of {origin} was refused; {why}"


# What a page may send without the browser asking first, and what browsers and the platform add by themselves.
_SIMPLE_METHODS = frozenset({"GET", "HEAD", "POST"})
_SIMPLE_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_SIMPLE_HEADERS = frozenset(
    {"accept", "accept-language", "content-language", "range", "host", "origin", "referer"}
    | {"user-agent", "cookie", "connection", "content-length", "accept-encoding"}
)


def refused_request(
    policy: CorsPolicy, origin: str, method: str, headers: Iterable[tuple[str, str]]
) -> str:
    """What becomes of a request of a page that is refused: read by nobody, or never sent."""
    if _asks_first(method, headers):
        became = (
            "The browser asks with OPTIONS first and is refused: it does not send this request, so the "
            "function does not run"
        )
    else:
        became = (
            "The function runs, but the browser does not let the page read the answer; before a request "
            "such as the official client's negotiate it asks with OPTIONS, and then the function does not run"
        )
    return f"{refusal(policy, origin)}. {became}"


def _asks_first(method: str, headers: Iterable[tuple[str, str]]) -> bool:
    if method.upper() not in _SIMPLE_METHODS:
        return True
    for name, value in headers:
        folded = name.lower()
        if folded == "content-type":
            if not value.strip().lower().startswith(_SIMPLE_TYPES):
                return True
        elif folded not in _SIMPLE_HEADERS and not folded.startswith(("sec-", "access-control-")):
            return True
    return False


def _star_with_credentials(azure: bool, where: Location) -> Problem:
    return Problem(
        "FJ0151",
        'CORS allows every origin ("*") together with credentials',
        where,
        why="browsers refuse this pair, and so does Azure"
        + ("" if azure else "; here each caller's own origin is answered, so that it works"),
        fix="name the origins of your pages instead of *, or set CORSCredentials to false and "
        "withCredentials: false in the SignalR client",
        severity=Severity.WARNING,
    )


def _trailing_slash(origin: str, where: Location) -> Problem:
    return Problem(
        "FJ0152",
        f"the CORS origin '{origin}' ends with a slash",
        where,
        why="an origin is scheme, host and port; on Azure one with a slash matches no page",
        fix=f"write {origin.rstrip('/')}",
        severity=Severity.WARNING,
    )
