"""The REST surface of the service: requests become verbs, verdicts and errors become responses."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from funcjson.signalr import rest_problem as problems
from funcjson.signalr.credentials import (
    TokenReader,
    TokenRefused,
    audience_rule,
    challenge,
    is_entra_token,
    read_entra_token,
    verify_server_token,
)
from funcjson.signalr.limits import (
    Excess,
    Quotas,
    hub_name_fault,
    hub_name_fix,
    long_token_note,
    request_excess,
)
from funcjson.signalr.openapi import OPENAPI_PATH, document
from funcjson.signalr.quiet_log import Quiet
from funcjson.signalr.rest_call import Call, json_response
from funcjson.signalr.rest_message import HINT_HEADER, RestRequest, RestResponse, header_text
from funcjson.signalr.rest_problem import RestProblem, absent, invalid
from funcjson.signalr.rest_routes import DATES, HEALTH, Api, Match, find
from funcjson.signalr.rest_verbs import VERBS
from funcjson.signalr.service import SignalRService

PUBLIC = (*HEALTH, OPENAPI_PATH)

_TOLD = ("send_to_", "execute")  # the service itself tells of these, with whom they reached

_LOG = logging.getLogger("funcjson.signalr.rest")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.~-]+)(?::[0-9]{1,5})?", re.ASCII)


class RestApi:
    """The REST handler of one service.

    It keeps what outlives a request: quotas, and when it last logged.
    """

    def __init__(self, service: SignalRService, quotas: Quotas | None = None) -> None:
        options = service.options
        scheme = "https" if options.certfile else "http"
        self._service = service
        self._quotas = quotas or Quotas(options.tier, options.wall)
        self._rule = audience_rule(
            options.audience, f"{scheme}://{options.host}", options.client_endpoint
        )
        self._reader = TokenReader(options.keys)
        self._scheme = scheme
        self._quiet = Quiet(options.monotonic)

    async def handle(self, request: RestRequest) -> RestResponse:
        """The answer to one request below /api. Never raises for what a client can send."""
        try:
            response = await self._answer(request)
        except RestProblem as problem:
            self._tell(request, problem.status, problem.message)
            response = problem.response()
        return replace(response, body=b"") if request.method == "HEAD" else response

    def refuse_unread(self, excess: Excess) -> RestResponse:
        """The refusal of a request whose head was too long to be read."""
        problem = problems.excessive(excess)
        self._tell(RestRequest("a", "request"), problem.status, problem.message)
        return problem.response()

    async def _answer(self, request: RestRequest) -> RestResponse:
        options = self._service.options
        if options.limits:
            excess = request_excess(request, options.max_post_bytes)
            if excess is not None:
                raise problems.excessive(excess)
        if request.path.removesuffix("/") in PUBLIC:  # SDKs ask for health without a token
            if request.method not in ("GET", "HEAD"):
                return self._not_found(request, ("GET", "HEAD"))
            if request.path != OPENAPI_PATH:
                return RestResponse(200)
            return json_response(document(strict=options.strict_versions))
        parameters = _parameters(request.query)
        version = parameters.get("api-version", [""])[-1]
        match = find(request.method, request.path, version)
        if not isinstance(match, Match):
            return self._not_found(request, match.allowed)
        refused = self._refused(request)
        if refused is not None:
            return refused
        if (
            version not in DATES
            and (version or options.strict_versions)
            and _is_dated(request.path)
        ):
            raise _unknown_version(version)
        hub = _hub_key(match.names, parameters)
        call = Call(
            self._service, self._quotas, request, match, parameters, hub, self._origin(request)
        )
        response = await VERBS[match.verb](call)
        observer = self._service.sessions.observer
        if observer is not None and not match.verb.startswith(_TOLD):
            observer.record("RestRequestServed", _fields(request, match, response.status))
        return response

    def _refused(self, request: RestRequest) -> RestResponse | None:
        """The answer to a request without a good token, if it has none.

        The body is empty, as on Azure.
        """
        options = self._service.options
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if options.accept_entra and scheme.lower() == "bearer" and is_entra_token(token):
                read_entra_token(token, now=options.wall(), rule=self._rule)
                return None
            verify_server_token(
                token if scheme.lower() == "bearer" else None,
                self._reader,
                request.path,
                now=options.wall(),
                rule=self._rule,
                request_host=request.headers.get("host", ""),
            )
        except TokenRefused as refused:
            self._tell(request, 401, refused.hint)
            headers = {
                "www-authenticate": challenge(refused),
                HINT_HEADER: header_text(refused.hint),
            }
            return RestResponse(401, headers)
        note = long_token_note(token) if options.limits else ""
        if note and self._quiet.may_log("long token"):
            _LOG.warning("%s %s: %s", request.method, request.path, note)
        return None

    def _not_found(self, request: RestRequest, allowed: Sequence[str]) -> RestResponse:
        if allowed:
            problem = RestProblem(
                405,
                problems.REQUEST_INVALID,
                f"{request.method} is not a method of this path.",
                fix=f"use {' or '.join(allowed)}",
            )
            return problem.response({"allow": ", ".join(allowed)})
        raise absent(
            problems.REQUEST_INVALID,
            "No operation has this path.",
            f"GET {OPENAPI_PATH} lists all operations",
        )

    def _origin(self, request: RestRequest) -> str:
        options = self._service.options
        host = request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            host = f"{options.host}:{options.port}"
        return f"{self._scheme}://{host}"

    def _tell(self, request: RestRequest, status: int, why: str) -> None:
        """To the live trace each time, to the log once in a while."""
        observer = self._service.sessions.observer
        if observer is not None:
            version = _parameters(request.query).get("api-version", [""])[-1]
            match = find(request.method, request.path, version)
            fields = _fields(request, match if isinstance(match, Match) else None, status)
            observer.record("RestRequestRefused", {**fields, "why": why})
        if self._quiet.may_log(f"{status} {why[:40]}"):
            _LOG.warning("%s %s was answered %s: %s", request.method, request.path, status, why)


async def handle(service: SignalRService, request: RestRequest) -> RestResponse:
    """One request without anything kept between requests; a server keeps a RestApi."""
    return await RestApi(service).handle(request)


def _fields(request: RestRequest, match: Match | None, status: int) -> dict[str, Any]:
    """What the live trace is told of a request; whom it names, if its path is that of an operation."""
    fields: dict[str, Any] = {"method": request.method, "path": request.path, "status": status}
    if match is None:
        return fields
    application = (_parameters(request.query).get("application") or [""])[-1]
    hub = match.names.get("hub", "")
    return fields | {
        "hub": (f"{application}_{hub}" if application else hub).lower() or None,
        "connectionId": match.names.get("connection"),
        "userId": match.names.get("user"),
    }


@lru_cache(256)
def _parameters(query: str) -> Mapping[str, list[str]]:
    found = parse_qs(query, keep_blank_values=True)
    return {name.lower(): values for name, values in found.items()}


def _hub_key(names: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
    """The hub as the service keeps it: in lower case, behind the application if there is one."""
    hub = names.get("hub")
    if hub is None:
        return ""
    application = (query.get("application") or [""])[-1]
    for target, name in (("hub", hub), ("application", application or "none")):
        fault = hub_name_fault(name)
        if fault:
            raise invalid(fault, hub_name_fix(name), target)
    return f"{application}_{hub}".lower() if application else hub.lower()


def _is_dated(path: str) -> bool:
    """Whether `api-version` says the version; elsewhere the path does."""
    return not path.startswith(("/api/v1/", "/api/v1-preview/"))


def _unknown_version(version: str) -> RestProblem:
    known = ", ".join(sorted(DATES))
    said = "The parameter api-version is missing."
    if version:
        said = f"'{version}' is not an api-version of the REST API; those are {known}."
    return invalid(said, f"add api-version={Api.V2022}", "api-version")
