"""A client of the SignalR service's REST API: sends and group actions, over HTTP or in this
process.
"""

from __future__ import annotations

import asyncio
import json
import platform
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from funcjson.signalr.credentials import ServiceEndpoint, mint_server_token
from funcjson.signalr.entra import CredentialSource, EntraAccess, EntraError, credential_of
from funcjson.signalr.messages import Invocation
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.protocols.msgpack import pack
from funcjson.signalr.recipients import Recipients
from funcjson.signalr.rest_errors import (
    RestError,
    RestUnreachableError,
    dot_segment,
    empty_argument,
    refusal,
    unreachable,
)
from funcjson.signalr.rest_message import (
    DELIVERED_HEADER,
    ERROR_CODE_HEADER,
    REASON_HEADER,
    RestRequest,
    RestResponse,
    text_of_header,
)
from funcjson.signalr.rest_retry import Retry, parse_timespan

__all__ = [
    "API_VERSION",
    "CredentialSource",
    "Delivery",
    "EntraError",
    "HttpTransport",
    "LocalTransport",
    "Recipients",
    "RestClient",
    "RestError",
    "RestRequest",
    "RestResponse",
    "Retry",
    "Transport",
    "Within",
    "credential_of",
    "parse_timespan",
]

API_VERSION = "2022-06-01"  # what the .NET Management SDK, and so the Functions extension, calls
TIMEOUT_S = 100.0

_JSON, _OCTETS = "application/json; charset=utf-8", "application/octet-stream"
_PROTOCOLS = ("json", "messagepack")
_TOKEN_REUSE_S = 300.0  # of a lifetime of 3600
_TOKENS_KEPT = 256

NO_SUCH_CONNECTION = "Error.Connection.NotExisted"
_ABSENT = frozenset(
    (
        "Warning.Connection.NotExisted",
        "Warning.User.NotExisted",
        "Warning.Group.NotExisted",
        "Info.User.NotInGroup",
    )
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that the service accepted.

    `delivered` and `why` are the local service's verdict: how many connections got it, and why none
    or not all;
    `delivered` is None for a service that does not tell (Azure), or when the request is no send.
    `path` starts with "/" and follows `base`; `body` is what was sent, as JSON also when it went as
    frames. `who` names whom a service in this process sent it to.
    """

    method: str
    path: str
    status: int
    delivered: int | None = None
    why: str = ""
    attempts: int = 1
    body: bytes = field(default=b"", repr=False)
    base: str = ""
    who: Recipients | None = field(default=None, repr=False)


class Transport(Protocol):
    """Carries one request to a service and brings its answer back."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> RestResponse:
        """The service's answer, whatever its status.

        Raises RestUnreachableError if there is none.
        """


class HttpTransport:
    """Requests over HTTP on one kept-alive session, which belongs to one event loop.

    `timeout_s` is for one request that has no limit of its own. Close it when done.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float | None = None,
    ) -> RestResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),  # ids are escaped already; %2F must stay as it is
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s or self.timeout_s),
            ) as answer:
                return RestResponse(
                    answer.status,
                    {name.lower(): value for name, value in answer.headers.items()},
                    await answer.read(),
                )
        except TimeoutError as error:
            raise unreachable(url, "the request timed out", timed_out=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(url, str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close the session; the transport can be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


@dataclass(frozen=True, slots=True)
class Within:
    """The requests of one user of a transport that others use too, with a time limit of its own."""

    transport: HttpTransport
    timeout_s: float

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> RestResponse:
        return await self.transport.request(method, url, headers, body, self.timeout_s)


class LocalTransport:
    """The same requests, handed to the REST handler of a service in this process."""

    def __init__(self, handler: Callable[[RestRequest], Awaitable[RestResponse]]) -> None:
        self._handler = handler

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> RestResponse:
        parts = urlsplit(url)
        lowered = {name.lower(): value for name, value in headers.items()}
        lowered.setdefault("host", parts.netloc)
        return await self._handler(RestRequest(method, parts.path, parts.query, lowered, body))


class RestClient:
    """The operations of one service.

    Each makes one awaited request and gives a Delivery, or raises RestError.
    """

    def __init__(  # noqa: PLR0913 -- what a test or a host may replace
        self,
        endpoint: ServiceEndpoint,
        transport: Transport,
        *,
        retry: Retry | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        worker_runtime: str = "",
        credential: CredentialSource = credential_of,
        as_frames: bool = False,
    ) -> None:
        """`as_frames`: the messages of sends are encoded here, for each hub protocol, as the SDK
        does once MessagePack is enabled; else the service encodes them.
        """
        self._endpoint = endpoint
        self._transport = transport
        self._retry = retry or Retry()
        self._now = now
        self._sleep = sleep
        self._as_frames = as_frames
        self._name = f"{platform.node()}_{uuid.uuid4().hex}"
        self._agent = _user_agent(worker_runtime)
        self._tokens: dict[str, tuple[float, str]] = {}
        self._entra = (
            EntraAccess(endpoint, endpoint.identity, transport.request, now, credential)
            if endpoint.identity
            else None
        )

    async def with_key(self) -> ServiceEndpoint:
        """The endpoint with the key that client tokens are signed with; an identity-based one asks
        the service for it. Raises EntraError.
        """
        return await self._entra.with_key() if self._entra else self._endpoint

    # Sends. `arguments` None is sent as null, as the SDK does.

    async def send_to_all(self, hub: str, target: str, arguments: Sequence[Any] | None) -> Delivery:
        """Send to every connection of the hub."""
        return await self._send(hub, "", target, arguments)

    async def send_to_user(
        self, hub: str, user_id: str, target: str, arguments: Sequence[Any] | None
    ) -> Delivery:
        """Send to every connection of a user."""
        return await self._send(hub, f"users/{_id('userId', user_id)}/", target, arguments)

    async def send_to_group(
        self, hub: str, group: str, target: str, arguments: Sequence[Any] | None
    ) -> Delivery:
        """Send to every connection in a group."""
        return await self._send(hub, f"groups/{_id('groupName', group)}/", target, arguments)

    async def send_to_connection(
        self, hub: str, connection_id: str, target: str, arguments: Sequence[Any] | None
    ) -> Delivery:
        """Send to one connection."""
        where = f"connections/{_id('connectionId', connection_id)}/"
        return await self._send(hub, where, target, arguments)

    # Groups

    async def add_connection_to_group(self, hub: str, connection_id: str, group: str) -> Delivery:
        """A connection that is gone is a success too, as for the SDK; the Delivery says so."""
        return await self._act("PUT", hub, _membership(connection_id, group))

    async def remove_connection_from_group(
        self, hub: str, connection_id: str, group: str
    ) -> Delivery:
        """Take a connection out of a group."""
        return await self._act("DELETE", hub, _membership(connection_id, group))

    async def add_user_to_group(self, hub: str, user_id: str, group: str) -> Delivery:
        """Put a user, with all its connections of now and later, into a group."""
        return await self._act("PUT", hub, _user_membership(user_id, group))

    async def remove_user_from_group(self, hub: str, user_id: str, group: str) -> Delivery:
        """Take a user with all its connections out of a group."""
        return await self._act("DELETE", hub, _user_membership(user_id, group))

    async def remove_user_from_all_groups(self, hub: str, user_id: str) -> Delivery:
        """Take a user with all its connections out of every group."""
        return await self._act("DELETE", hub, f"users/{_id('userId', user_id)}/groups")

    # Presence

    async def connection_exists(self, hub: str, connection_id: str) -> bool:
        """True if the service has such a connection in this hub."""
        return await self._exists(hub, f"connections/{_id('connectionId', connection_id)}")

    async def user_exists(self, hub: str, user_id: str) -> bool:
        """True if the user has a connection in this hub."""
        return await self._exists(hub, f"users/{_id('userId', user_id)}")

    async def group_exists(self, hub: str, group: str) -> bool:
        """True if the group has a connection."""
        return await self._exists(hub, f"groups/{_id('groupName', group)}")

    async def user_in_group(self, hub: str, user_id: str, group: str) -> bool:
        """True if the user is in the group."""
        return await self._exists(hub, _user_membership(user_id, group))

    # One request

    async def _send(
        self, hub: str, where: str, target: str, arguments: Sequence[Any] | None
    ) -> Delivery:
        if not target:
            raise empty_argument("methodName")
        path, body = _path(hub, f"{where}:send"), _payload(target, arguments)
        if self._as_frames:
            frames = _frames(target, arguments)
            response, attempts = await self._request("POST", path, frames, _OCTETS)
        else:
            response, attempts = await self._request("POST", path, body)
        return self._delivery("POST", path, response, attempts, body)

    async def _act(self, method: str, hub: str, where: str) -> Delivery:
        path = _path(hub, where)
        response, attempts = await self._request(method, path, b"")
        return self._delivery(method, path, response, attempts, b"")

    async def _exists(self, hub: str, where: str) -> bool:
        response, _ = await self._request("HEAD", _path(hub, where), b"")
        return response.status != 404

    def _delivery(
        self, method: str, path: str, response: RestResponse, attempts: tuple[int, ...], body: bytes
    ) -> Delivery:
        told = response.headers.get(DELIVERED_HEADER, "")
        why = text_of_header(response.headers.get(REASON_HEADER, ""))
        if response.status == 404:
            why = why or "no such connection"
        return Delivery(
            method,
            f"/{path}",
            response.status,
            delivered=int(told) if told.isdigit() else None,
            why=why,
            attempts=len(attempts),
            body=body,
            base=self._endpoint.server_endpoint.rstrip("/"),
            who=response.who,
        )

    async def _request(
        self, method: str, path: str, body: bytes, content_type: str = _JSON
    ) -> tuple[RestResponse, tuple[int, ...]]:
        """The first good answer, and the status of each attempt. Raises RestError."""
        url = self._endpoint.server_endpoint + path
        statuses: list[int] = []
        while True:
            can_retry = len(statuses) < self._retry.max_retries
            try:
                headers = await self._headers(path, content_type if body else "")
                response = await self._transport.request(method, url, headers, body)
            except RestUnreachableError as error:
                if not (can_retry and error.timed_out and method != "POST"):
                    raise
                statuses.append(0)
            else:
                statuses.append(response.status)
                if _accepted(method, response):
                    return response, tuple(statuses)
                if not (can_retry and _worth_retrying(method, response.status)):
                    raise refusal(response, url, tuple(statuses))
            await self._sleep(self._retry.wait_s(len(statuses)))

    async def _headers(self, path: str, content_type: str) -> dict[str, str]:
        token = await self._entra.token() if self._entra else self._token(path)
        headers = {"Authorization": f"Bearer {token}", "Asrs-User-Agent": self._agent}
        if content_type:
            headers["Content-Type"] = content_type
        return headers

    def _token(self, path: str) -> str:
        """A token for the path; the same for a while, since signing costs more than sending."""
        now = self._now()
        issued, token = self._tokens.get(path, (0.0, ""))
        if not 0 <= now - issued < _TOKEN_REUSE_S:
            token = mint_server_token(self._endpoint, path, now=now, name=self._name)
            if len(self._tokens) >= _TOKENS_KEPT:
                self._tokens.clear()
            self._tokens[path] = (now, token)
        return token


def _accepted(method: str, response: RestResponse) -> bool:
    if 200 <= response.status < 300:
        return True
    if response.status != 404:
        return False
    code = response.headers.get(ERROR_CODE_HEADER)
    return (method == "PUT" and code == NO_SUCH_CONNECTION) or (
        method == "HEAD" and code in _ABSENT
    )


def _worth_retrying(method: str, status: int) -> bool:
    return status > 500 if method == "POST" else status >= 500 or status == 408


def _path(hub: str, where: str) -> str:
    """The path with its query and without the leading "/", as it also stands in the audience."""
    return f"api/hubs/{_id('hubName', hub.lower())}/{where}?api-version={API_VERSION}"


def _membership(connection_id: str, group: str) -> str:
    return f"groups/{_id('groupName', group)}/connections/{_id('connectionId', connection_id)}"


def _user_membership(user_id: str, group: str) -> str:
    return f"users/{_id('userId', user_id)}/groups/{_id('groupName', group)}"


def _id(parameter: str, value: str) -> str:
    if not value:
        raise empty_argument(parameter)
    if value in (".", ".."):
        raise dot_segment(parameter, value)
    return quote(value, safe="", errors="replace")


def _payload(target: str, arguments: Sequence[Any] | None) -> bytes:
    """The SDK's body: PascalCase names, and null for absent arguments."""
    body = {"Target": target, "Arguments": None if arguments is None else list(arguments)}
    try:
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(body, separators=(",", ":")).encode()


def _frames(target: str, arguments: Sequence[Any] | None) -> bytes:
    """The SDK's other body: a map from each hub protocol to the whole, framed invocation."""
    message = Invocation(target, list(arguments or ()))
    return pack({name: PROTOCOLS[name].encode(message) for name in _PROTOCOLS})


def _user_agent(worker_runtime: str) -> str:
    system = f"Python {platform.python_version()}; {platform.system()}; {platform.machine()}"
    suffix = f" [func={worker_runtime}]" if worker_runtime else ""
    return f"funcjson ({system}){suffix}"
