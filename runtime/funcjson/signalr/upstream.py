"""Events of clients as signed upstream requests, and the responses as completions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from funcjson.signalr.credentials import sign_connection, user_claims
from funcjson.signalr.errors import ProtocolError, SignalRError
from funcjson.signalr.events import ClientInfo, Observer, Rejection
from funcjson.signalr.messages import STREAM_HEADER, Completion, Invocation, StreamInvocation
from funcjson.signalr.protocols import PROTOCOLS, HubProtocol, record_of
from funcjson.signalr.protocols.json import dump, load
from funcjson.signalr.upstream_settings import Rules, choose, near_misses

TIMEOUT_S = 100.0
MAX_RESPONSE_BYTES = 16 << 20
MAX_PARALLEL = 256  # requests of all connections together

CONNECTIONS, MESSAGES = "connections", "messages"

log = logging.getLogger("funcjson.signalr.upstream")

_CONTENT_TYPES = {"json": "application/json", "messagepack": "application/x-msgpack"}
_HINTS: Mapping[int, str] = {
    400: "the upstream misses a header of the service",
    401: "the upstream has another AccessKey, or the URL's code is wrong",
    403: "the function that listens to 'connected' failed",
    404: "the upstream has no function for this hub, category and event, or the URL is wrong",
    415: "the upstream does not read this hub protocol",
    500: "the upstream failed; its own log says why",
}


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One event on its way. `url` may hold a secret code in its query."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """What the upstream answered."""

    status: int
    body: bytes = b""


class UpstreamFailed(SignalRError):
    """No usable response; `status` is what the client is told."""

    def __init__(self, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.status = status


class ResponseTooLarge(SignalRError):
    """The response has more than MAX_RESPONSE_BYTES."""


class Sender(Protocol):
    """Carries one request to the upstream: HttpSender, or a function of an embedding host."""

    async def __call__(self, request: UpstreamRequest) -> UpstreamResponse:
        """The response, whatever its status. Raises UpstreamFailed and ResponseTooLarge."""


class HttpSender:
    """Requests on one kept-alive session; no redirects, no retries. Close it when done."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, request: UpstreamRequest) -> UpstreamResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=MAX_PARALLEL),
            )
        try:
            async with self._session.post(
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as answer:
                return UpstreamResponse(answer.status, await _bounded(answer))
        except TimeoutError as error:
            raise UpstreamFailed(f"no answer within {self._timeout.total:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamFailed(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close the session; the sender can be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    if (answer.content_length or 0) > MAX_RESPONSE_BYTES:
        raise ResponseTooLarge
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise ResponseTooLarge
    return bytes(body)


@dataclass(slots=True)
class Upstream:
    """The ClientEvents of a service with upstream rules. Nothing here ever closes a connection.

    Order for one connection is the caller's: it awaits each event before the next.
    """

    rules: Rules
    keys: Sequence[str]
    send: Sender
    observer: Observer | None = None
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PARALLEL))

    async def connected(self, client: ClientInfo) -> Rejection | None:
        """Tell, and note a bad answer; the real service does not reject either."""
        await self._connection_event(client, "connected", b'{"type":10}')
        return None

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        """Tell; `error` stands in the body when the end was not clean."""
        body = {"type": 11} if error is None else {"type": 11, "error": error}
        await self._connection_event(client, "disconnected", dump(body))

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        """Forward the record, and make the caller's completion of the answer."""
        event, call = message.target, message.invocation_id
        protocol = PROTOCOLS[client.protocol]
        try:
            stream = call if isinstance(message, StreamInvocation) else None
            request = self._request(client, MESSAGES, event, record_of(protocol, message), stream)
        except UnsendableEvent as error:
            self._tell(client, MESSAGES, event, 0, str(error))
            return None if call is None else Completion(call, error=f"Invocation failed, {error}.")
        if request is None:
            return self._unmatched(client, message)
        try:
            response = await self._post(client, MESSAGES, event, request)
        except ResponseTooLarge:
            self._tell(client, MESSAGES, event, 0, "the response has more than 16 MiB")
            return _failure(call, "response too large.")
        except UpstreamFailed as failed:
            return _failure(call, f"status code {failed.status}")
        if call is None:
            return None
        return self._answer(client, protocol, message, response)

    def _unmatched(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | None:
        where = f"hub '{client.hub}', category '{MESSAGES}', event '{message.target}'"
        near = near_misses(self.rules(), client.hub, MESSAGES, message.target)
        why = f"no upstream is configured for {where}" + (f" ({near})" if near else "")
        self._tell(client, MESSAGES, message.target, 0, why)
        return _failure(message.invocation_id, f"{why}.")

    def _answer(
        self,
        client: ClientInfo,
        protocol: HubProtocol,
        message: Invocation | StreamInvocation,
        response: UpstreamResponse,
    ) -> Completion | bytes | None:
        call = message.invocation_id or ""
        if response.status not in (200, 204):
            return _failure(call, f"status code {response.status}")
        if not response.body:
            return None
        framed = completion_bytes(protocol, call, response.body)
        if framed is not None:
            return framed
        try:
            result = load(response.body)
        except ProtocolError:
            why = "the response is neither a completion message nor JSON"
            self._tell(client, MESSAGES, message.target, response.status, why)
            return _failure(call, "invalid response.")
        if isinstance(result, dict) and result.get("type") == 3:
            why = f"the completion's invocationId is not '{call}'"
            self._tell(client, MESSAGES, message.target, response.status, why)
            return _failure(call, "invalid response.")
        return Completion(call, result, has_result=True)

    async def _connection_event(self, client: ClientInfo, event: str, body: bytes) -> None:
        try:
            request = self._request(client, CONNECTIONS, event, body)
            if request is not None:
                await self._post(client, CONNECTIONS, event, request)
        except UpstreamFailed:
            return  # told already; nobody waits for an answer
        except UnsendableEvent as error:
            self._tell(client, CONNECTIONS, event, 0, str(error))
        except ResponseTooLarge:
            self._tell(client, CONNECTIONS, event, 0, "the response has more than 16 MiB")

    def _request(
        self, client: ClientInfo, category: str, event: str, body: bytes, stream: str | None = None
    ) -> UpstreamRequest | None:
        """The request for an event; None if no rule matches. Raises UnsendableEvent."""
        rule = choose(self.rules(), client.hub, category, event)
        if rule is None:
            return None
        headers = event_headers(client, category, event, self.keys, stream)
        return UpstreamRequest(rule.url(client.hub, category, event), headers, body)

    async def _post(
        self, client: ClientInfo, category: str, event: str, request: UpstreamRequest
    ) -> UpstreamResponse:
        """The response, with every bad status told. Raises UpstreamFailed and ResponseTooLarge."""
        where = without_query(request.url)
        try:
            async with self._slots:
                response = await self.send(request)
        except UpstreamFailed as failed:
            self._tell(client, category, event, failed.status, f"POST {where}: {failed}")
            raise
        if response.status >= 300:
            hint = _HINTS.get(response.status, "")
            said = response.body[:200].decode("utf-8", "replace").strip()
            why = f"POST {where} was answered {response.status}"
            parts = [why, *(part for part in (hint, said and f"it said: {said}") if part)]
            self._tell(client, category, event, response.status, "; ".join(parts))
        elif self.observer is not None:
            fields = _fields(client, category, event, response.status, "")
            self.observer.record("UpstreamEventSent", fields)
        return response

    def _tell(self, client: ClientInfo, category: str, event: str, status: int, why: str) -> None:
        """To the log and the live trace: why an event did not do what it should."""
        log.warning("%s '%s' of connection %s: %s", category, event, client.id, why)
        if self.observer is not None:
            fields = _fields(client, category, event, status, why)
            self.observer.record("UpstreamEventFailed", fields)


class UnsendableEvent(SignalRError):
    """An event that would need a header which HTTP cannot carry."""


def event_headers(
    client: ClientInfo, category: str, event: str, keys: Sequence[str], stream: str | None = None
) -> dict[str, str]:
    """The headers of an upstream request. Raises UnsendableEvent for line ends and the like."""
    protocol = client.protocol if category == MESSAGES else "json"
    headers = {
        "X-ASRS-Connection-Id": client.id,
        "X-ASRS-Hub": client.hub,
        "X-ASRS-Category": category,
        "X-ASRS-Event": event,
        "X-ASRS-Signature": sign_connection(keys, client.id),
        "Content-Type": _CONTENT_TYPES[protocol],
    }
    if client.user_id is not None:
        headers["X-ASRS-User-Id"] = client.user_id
    claims = ", ".join(
        f"{name}: {value}"
        for name, value in user_claims(dict(client.claims))
        if _is_header_text(name + value)  # the others would cost the user every event
    )
    if claims:
        headers["X-ASRS-User-Claims"] = claims
    if client.query:
        headers["X-ASRS-Client-Query"] = client.query
    if stream is not None:
        headers[STREAM_HEADER] = stream
    for name, value in headers.items():
        if not _is_header_text(value):
            raise UnsendableEvent(f"the header {name} would hold a control character")
    return headers


def _is_header_text(text: str) -> bool:
    return all(ord(char) >= 32 and ord(char) != 127 for char in text)


def completion_bytes(protocol: HubProtocol, call: str, body: bytes) -> bytes | None:
    """The body as the one framed completion of this call, framed if need be; None if it is none."""
    buffer = bytearray(body)
    try:
        records = protocol.split(buffer, len(buffer))
    except ProtocolError:
        records = []
    if len(records) == 1 and not buffer.strip() and _completes(protocol, records[0], call):
        return protocol.frame(records[0])
    if _completes(protocol, body, call):  # hand-written upstreams forget the framing
        return protocol.frame(body)
    return None


def _completes(protocol: HubProtocol, record: bytes, call: str) -> bool:
    try:
        message = protocol.parse(record)
    except ProtocolError:
        return False
    return isinstance(message, Completion) and message.invocation_id == call


def _failure(call: str | None, why: str) -> Completion | None:
    return None if call is None else Completion(call, error=f"Invocation failed, {why}")


def _fields(client: ClientInfo, category: str, event: str, status: int, why: str) -> dict[str, Any]:
    return {
        "hub": client.hub,
        "connectionId": client.id,
        "userId": client.user_id,
        "category": category,
        "event": event,
        "status": status,
        "why": why or None,
    }


def without_query(url: str) -> str:
    """A URL for the log: its query may hold a function key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
