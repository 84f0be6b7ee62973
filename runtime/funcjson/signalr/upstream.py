"""Events of clients as signed upstream requests, and the responses as completions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from funcjson.signalr.credentials import sign_connection, user_claims
from funcjson.signalr.errors import ProtocolError, SignalRError
from funcjson.signalr.events import ClientInfo, Observer, Rejection
from funcjson.signalr.messages import STREAM_HEADER, Completion, Invocation, StreamInvocation
from funcjson.signalr.protocols import PROTOCOLS, HubProtocol, record_of
from funcjson.signalr.protocols.json import dump, load
from funcjson.signalr.quiet_log import Quiet
from funcjson.signalr.rest_message import text_of_header
from funcjson.signalr.upstream_answer import (
    CONTENT_TYPES,
    completion_bytes,
    status_hint,
    why_unusable,
)
from funcjson.signalr.upstream_sender import (
    MAX_PARALLEL,
    ResponseTooLarge,
    Sender,
    UpstreamFailed,
    UpstreamRequest,
    UpstreamResponse,
)
from funcjson.signalr.upstream_settings import Rules, choose, near_misses

CONNECTIONS, MESSAGES = "connections", "messages"

log = logging.getLogger("funcjson.signalr.upstream")


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
    _quiet: Quiet = field(default_factory=lambda: Quiet(time.monotonic))

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
            return _failure(client, call, "response too large.")
        except UpstreamFailed as failed:
            return _failure(client, call, f"status code {failed.status}", str(failed))
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
        return _failure(client, message.invocation_id, f"{why}.")

    def _answer(
        self,
        client: ClientInfo,
        protocol: HubProtocol,
        message: Invocation | StreamInvocation,
        response: UpstreamResponse,
    ) -> Completion | bytes | None:
        call = message.invocation_id or ""
        if response.status not in (200, 204):
            why = _reason(response, message.target)
            return _failure(client, call, f"status code {response.status}", why)
        if not response.body:
            return None
        framed = completion_bytes(protocol, call, response.body)
        if framed is not None:
            return framed
        try:
            result = load(response.body)
        except ProtocolError:
            result = None
            is_plain = False
        else:
            is_plain = not (isinstance(result, dict) and result.get("type") == 3)
        if is_plain:
            return Completion(call, result, has_result=True)
        why = why_unusable(protocol, call, response.body)
        self._tell(client, MESSAGES, message.target, response.status, why)
        return _failure(client, call, "invalid response.", why)

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
            why = f"POST {where} was answered {response.status}"
            reason = _reason(response, event)
            self._tell(
                client, category, event, response.status, f"{why}; {reason}" if reason else why
            )
        elif self.observer is not None:
            fields = _fields(client, category, event, response.status, "")
            self.observer.record("UpstreamEventSent", fields)
        return response

    def _tell(self, client: ClientInfo, category: str, event: str, status: int, why: str) -> None:
        """To the log and the live trace: why an event did not do what it should."""
        if self._quiet.may_log(why):  # a function app that is down would cost a line per event
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
        "Content-Type": CONTENT_TYPES[protocol],
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


def _reason(response: UpstreamResponse, event: str) -> str:
    """Why an upstream did not take an event: its own words, else what the status usually means."""
    hint = text_of_header(response.hint) or status_hint(response.status, event)
    said = response.body[:200].decode("utf-8", "replace").strip()
    return "; ".join(part for part in (hint, said and f"it said: {said}") if part)


def _failure(client: ClientInfo, call: str | None, what: str, why: str = "") -> Completion | None:
    """The answer to a caller that waits. The real service says no more than `what`."""
    if call is None:
        return None
    detail = f" ({why})" if why and client.detailed_errors else ""
    return Completion(call, error=f"Invocation failed, {what}{detail}")


def _fields(client: ClientInfo, category: str, event: str, status: int, why: str) -> dict[str, Any]:
    return {
        "hub": client.hub,
        "connectionId": client.id,
        "userId": client.user_id,
        "transport": client.transport,
        "ip": client.ip or None,
        "category": category,
        "event": event,
        "status": status,
        "why": why or None,
    }


def without_query(url: str) -> str:
    """A URL for the log: its query may hold a function key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
