"""The REST surface as one table, and how a request finds its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote


class Api(StrEnum):
    """A published version of the REST API."""

    PREVIEW = "v1-preview"
    V1 = "v1"
    V2022 = "2022-06-01"
    V2024 = "2024-12-01"


@dataclass(frozen=True, slots=True)
class Route:
    """One published operation. `path` is a template; `status` is its answer on success."""

    method: str
    path: str
    api: Api
    verb: str
    status: int


BASES: Mapping[Api, str] = {
    Api.PREVIEW: "/api/v1-preview/hub/{hub}",
    Api.V1: "/api/v1/hubs/{hub}",
    Api.V2022: "/api/hubs/{hub}",
    Api.V2024: "/api/hubs/{hub}",
}
DATES = frozenset((Api.V2022, "2022-11-01", Api.V2024))  # api-version values of /api/hubs
HEALTH = ("/api/health", "/api/v1/health")

_PRE, _V1, _22, _24 = Api.PREVIEW, Api.V1, Api.V2022, Api.V2024
_MEMBER = "/groups/{group}/connections/{connection}"
_USER_MEMBER = "/users/{user}/groups/{group}"
_STREAM = "/connections/{connection}/streams/{stream}"

# (method, path below the hub, verb, success status in each version that publishes it)
_ROWS: tuple[tuple[str, str, str, dict[Api, int]], ...] = (
    ("POST", "", "send_to_all", {_PRE: 202, _V1: 202}),
    ("POST", "/:send", "send_to_all", {_22: 202, _24: 202}),
    ("POST", "/user/{user}", "send_to_user", {_PRE: 202}),
    ("POST", "/users/{users}", "send_to_users", {_PRE: 202}),
    ("POST", "/users/{user}", "send_to_user", {_V1: 202}),
    ("POST", "/users/{user}/:send", "send_to_user", {_22: 202, _24: 202}),
    ("POST", "/group/{group}", "send_to_group", {_PRE: 202}),
    ("POST", "/groups/{groups}", "send_to_groups", {_PRE: 202}),
    ("POST", "/groups/{group}", "send_to_group", {_V1: 202}),
    ("POST", "/groups/{group}/:send", "send_to_group", {_22: 202, _24: 202}),
    ("POST", "/connections/{connection}", "send_to_connection", {_V1: 202}),
    ("POST", "/connections/{connection}/:send", "send_to_connection", {_22: 202, _24: 202}),
    ("GET", "/connections/{connection}", "connection_exists", {_V1: 200}),
    ("HEAD", "/connections/{connection}", "connection_exists", {_V1: 200, _22: 200, _24: 200}),
    ("GET", "/groups/{group}", "group_exists", {_V1: 200}),
    ("HEAD", "/groups/{group}", "group_exists", {_V1: 200, _22: 200, _24: 200}),
    ("GET", "/users/{user}", "user_exists", {_V1: 200}),
    ("HEAD", "/users/{user}", "user_exists", {_V1: 200, _22: 200, _24: 200}),
    ("DELETE", "/connections/{connection}", "close_connection", {_V1: 202, _22: 200, _24: 200}),
    ("POST", "/:closeConnections", "close_all", {_22: 204, _24: 204}),
    ("POST", "/groups/{group}/:closeConnections", "close_group", {_22: 204, _24: 204}),
    ("POST", "/users/{user}/:closeConnections", "close_user", {_22: 204, _24: 204}),
    ("PUT", _MEMBER, "add_connection_to_group", {_V1: 200, _22: 200, _24: 200}),
    ("DELETE", _MEMBER, "remove_connection_from_group", {_V1: 200, _22: 200, _24: 200}),
    (
        "DELETE",
        "/connections/{connection}/groups",
        "remove_connection_from_all_groups",
        {_22: 200, _24: 200},
    ),
    ("GET", "/groups/{group}/users/{user}", "user_in_group", {_V1: 200}),
    ("HEAD", "/groups/{group}/users/{user}", "user_in_group", {_V1: 200}),
    ("HEAD", _USER_MEMBER, "user_in_group", {_22: 200, _24: 200}),
    ("PUT", "/groups/{group}/users/{user}", "add_user_to_group", {_V1: 202}),
    ("PUT", _USER_MEMBER, "add_user_to_group", {_22: 200, _24: 200}),
    ("DELETE", "/groups/{group}/users/{user}", "remove_user_from_group", {_V1: 202}),
    ("DELETE", _USER_MEMBER, "remove_user_from_group", {_22: 204, _24: 204}),
    (
        "DELETE",
        "/users/{user}/groups",
        "remove_user_from_all_groups",
        {_V1: 200, _22: 204, _24: 204},
    ),
    ("GET", "/groups/{group}/connections", "list_group_connections", {_24: 200}),
    ("POST", "/connections/{connection}/:invoke", "invoke_connection", {_24: 200}),
    ("POST", f"{_STREAM}/:send", "send_stream_item", {_24: 202}),
    ("POST", f"{_STREAM}/:complete", "complete_stream", {_24: 202}),
    ("POST", "/:execute", "execute", {_24: 202}),
    ("POST", "/:generateToken", "generate_token", {_24: 200}),
)

# The other spelling of a membership, which the official emulator serves too; published by no
# version.
_ALIASES: tuple[tuple[str, str, str], ...] = (
    ("PUT", "/connections/{connection}/groups/{group}", "add_connection_to_group"),
    ("DELETE", "/connections/{connection}/groups/{group}", "remove_connection_from_group"),
)

ROUTES: tuple[Route, ...] = (
    Route("HEAD", "/api/v1/health", _V1, "health", 200),
    Route("HEAD", "/api/health", _22, "health", 200),
    Route("HEAD", "/api/health", _24, "health", 200),
    Route("GET", "/api/auth/accessKey", _24, "access_key", 200),
    *(
        Route(method, BASES[api] + path, api, verb, status)
        for method, path, verb, statuses in _ROWS
        for api, status in statuses.items()
    ),
)


def dates_of(route: Route) -> list[str]:
    """The values of api-version that publish an operation of /api/hubs; more are served."""
    if any(each.path == route.path and each.api is _22 for each in ROUTES):
        return sorted(DATES)
    return ["2022-11-01", _24] if route.verb == "generate_token" else [_24]


@dataclass(frozen=True, slots=True)
class Match:
    """A request's row: `names` are the path's ids, unescaped; `status` the success status of its
    version.
    """

    verb: str
    names: Mapping[str, str]
    api: Api
    status: int


@dataclass(frozen=True, slots=True)
class NoMatch:
    """`allowed` are the methods that the path has; empty if there is no such path."""

    allowed: tuple[str, ...] = ()


_Template = tuple[tuple[str, ...], dict[str, str]]  # segments, and method -> verb


@lru_cache(256)  # senders use the same few paths again and again
def find(method: str, path: str, version: str = "") -> Match | NoMatch:
    """The row for a request. `path` is escaped; one "/" at its end does not matter.

    `version` is `api-version`.

    Every path below a hub works under /api/v1/hubs and under /api/hubs, as with the official
    emulator; the prefix
    decides the status. GET and HEAD are the same.
    """
    segments = path.removesuffix("/").split("/")[1:]
    if segments == ["api", "auth", "accessKey"] or segments == ["api", "v1", "auth", "accessKey"]:
        reads = method in ("GET", "HEAD")
        return Match("access_key", {}, Api.V2024, 200) if reads else NoMatch(("GET", "HEAD"))
    found = _prefix(segments)
    if found is None:
        return NoMatch()
    api, hub, below = found
    if api is Api.V2022 and version == Api.V2024:
        api = Api.V2024
    allowed: list[str] = []
    for template, verbs in _TEMPLATES[api is Api.PREVIEW].get(len(below), ()):
        names = _names(template, below)
        if names is None:
            continue
        verb = verbs.get("GET" if method == "HEAD" else method)
        if verb is not None:
            return Match(verb, {"hub": unquote(hub), **names}, api, _status(verb, api))
        allowed += verbs
    if "GET" in allowed:
        allowed.append("HEAD")
    return NoMatch(tuple(dict.fromkeys(allowed)))


def _prefix(segments: list[str]) -> tuple[Api, str, list[str]] | None:
    """The version a path belongs to, its hub (still escaped) and the segments below it."""
    match segments:
        case ["api", "v1-preview", "hub", hub, *below]:
            return Api.PREVIEW, hub, below
        case ["api", "v1", "hubs", hub, *below]:
            return Api.V1, hub, below
        case ["api", "hubs", hub, *below]:
            return Api.V2022, hub, below
    return None


def _names(template: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for wanted, segment in zip(template, segments, strict=True):
        given = unquote(segment)
        if wanted.startswith("{"):
            if not given:
                return None
            names[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return names


def _templates(preview: bool) -> dict[int, list[_Template]]:
    """Templates by their number of segments, those with fixed words first."""
    verbs: dict[str, dict[str, str]] = {}
    for method, path, verb in _served(preview):
        verbs.setdefault(path, {})["GET" if method == "HEAD" else method] = verb
    by_length: dict[int, list[_Template]] = {}
    for path in sorted(verbs, key=lambda each: each.count("{")):
        segments = tuple(path.split("/")[1:])
        by_length.setdefault(len(segments), []).append((segments, verbs[path]))
    return by_length


def _served(preview: bool) -> Iterator[tuple[str, str, str]]:
    for method, path, verb, statuses in _ROWS:
        if (Api.PREVIEW in statuses) if preview else (set(statuses) - {Api.PREVIEW}):
            yield method, path, verb
    if not preview:
        yield from _ALIASES
        # The SDK and the emulator know both orders of user and group in every version.
        for method, verb in (
            ("GET", "user_in_group"),
            ("PUT", "add_user_to_group"),
            ("DELETE", "remove_user_from_group"),
        ):
            yield method, _USER_MEMBER, verb


_TEMPLATES = {preview: _templates(preview) for preview in (False, True)}
_STATUSES: dict[tuple[str, Api], int] = {
    (verb, api): status for _, _, verb, statuses in _ROWS for api, status in statuses.items()
}


def _status(verb: str, api: Api) -> int:
    """The verb's status in this version, or in the nearest that publishes it."""
    order = (api, Api.V2022, Api.V2024, Api.V1, Api.PREVIEW)
    return next(_STATUSES[verb, each] for each in order if (verb, each) in _STATUSES)
