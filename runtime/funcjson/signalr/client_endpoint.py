"""Requests below /client: negotiate, and each transport's own requests, answered as ASP.NET answers them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from aiohttp import web

from funcjson.signalr.backplane.base import Reply, Request
from funcjson.signalr.client_access import (
    ClientRequest,
    Refused,
    caller_of,
    claimed_user,
    public_query,
    read_request,
    token_of,
)
from funcjson.signalr.connection import State
from funcjson.signalr.cors import is_allowed
from funcjson.signalr.elsewhere import Elsewhere
from funcjson.signalr.limits import head_excess, long_token_note
from funcjson.signalr.negotiate import negotiate
from funcjson.signalr.quiet_log import Quiet
from funcjson.signalr.quota_exchange import QuotaExchange
from funcjson.signalr.request_body import read_body
from funcjson.signalr.session import Caller, Session
from funcjson.signalr.sessions import Sessions
from funcjson.signalr.token_check import AudienceRule, TokenReader
from funcjson.signalr.transports.long_polling import PollSink, first_poll, poll
from funcjson.signalr.transports.sse import SseSink, serve_sse
from funcjson.signalr.transports.websocket import OpenSockets, serve_websocket
from funcjson.signalr.transports.websocket_frames import upgrade_fault

log = logging.getLogger("funcjson.signalr.connection")

PATHS = ("/client", "/client/negotiate", "/client/refresh")
_LINGER_S = 30.0  # how long an ended long polling connection may still fetch its last messages
_NO_CONNECTION = "No Connection with that ID"
_OTHER_TRANSPORT = "Cannot change transports mid-connection"


class ClientEndpoint:
    """Answers clients of one service."""

    def __init__(
        self,
        sessions: Sessions,
        reader: TokenReader,
        rule: AudienceRule,
        counts: QuotaExchange,
        elsewhere: Elsewhere,
    ) -> None:
        self._sessions = sessions
        self._elsewhere = elsewhere
        self._reader = reader
        self._rule = rule
        self._counts = counts
        self._sockets = OpenSockets()
        self._ended_polls: dict[str, tuple[float, PollSink]] = {}  # by connection token
        self._polled_out: dict[str, float] = {}  # those whose clients have heard of the end
        self._quiet = Quiet(sessions.options.monotonic)
        self._is_stopping = False

    async def handle(
        self, request: web.BaseRequest, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """The answer to one request; `headers` (CORS) go onto every answer."""
        lowered = {name.lower(): value for name, value in request.headers.items()}
        asked = read_request(request.method, request.raw_path, lowered)
        path = asked.path.rstrip("/").lower()
        if path not in PATHS:
            return _text(404, "Clients use /client/ and /client/negotiate.", headers)
        if path == "/client/refresh":
            # Negotiate never offers it; a client that asks all the same gets ASP.NET's refusal.
            return _json(404, b'{"error":"refresh_disabled"}', headers)
        if path == "/client/negotiate" and asked.method != "POST":
            return _text(405, "", {**headers, "Allow": "POST, OPTIONS"})
        options = self._sessions.options
        excess = head_excess(asked.path, asked.query, lowered) if options.limits else None
        if excess is not None:
            self._tell(asked, excess.status, excess.what)
            return _text(excess.status, f"{excess.what} To do: {excess.fix}.", headers)
        refused = self.refused_page(asked, headers)
        if refused is not None:
            return refused
        caller = caller_of(asked, options, self._reader, self._rule)
        if isinstance(caller, Refused):
            self._tell(asked, caller.status, caller.hint or caller.text)
            return _text(caller.status, caller.text, {**headers, **caller.headers})
        note = long_token_note(token_of(asked) or "") if options.limits else ""
        if note and self._quiet.may_log(f"{caller.hub} long token"):
            log.warning("a client of hub %s: %s", caller.hub, note)
        caller = replace(caller, ip=request.remote or "")
        if self._is_stopping:
            return _text(503, "The service is stopping.", headers)
        if path == "/client/negotiate":
            async with self._elsewhere.arriving(caller.hub), self._counts.admitting():
                full = self._too_many(asked, headers)
                body = negotiate(asked, caller, self._sessions) if full is None else b""
                return full or _json(200, body, headers)
        if asked.method == "GET" and lowered.get("upgrade", "").lower() == "websocket":
            return await self._socket(request, asked, caller, headers)
        return await self._without_socket(request, asked, caller, headers)

    def refused_page(self, asked: ClientRequest, headers: Mapping[str, str]) -> web.Response | None:
        """The refusal of a page whose origin may not connect; its browser shows no reason, so the log does."""
        origin = asked.headers.get("origin")
        if origin is None or is_allowed(origin, self._sessions.options.cors_origins):
            return None
        self._tell(asked, 403, f"pages of {origin} may not connect (--cors)")
        return _text(403, "", headers)

    def _too_many(self, asked: ClientRequest, headers: Mapping[str, str]) -> web.Response | None:
        """The refusal of one connection more, if the tier holds no more."""
        quotas = self._counts.quotas
        if not quotas.is_limited:
            return None
        excess = quotas.connection_excess(self._counts.connected())
        if excess is None:
            return None
        self._tell(asked, excess.status, f"{excess.what} {excess.fix}")
        return _text(excess.status, f"{excess.what} To do: {excess.fix}.", headers)

    async def _socket(
        self,
        request: web.BaseRequest,
        asked: ClientRequest,
        caller: Caller,
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        """A WebSocket; without an id it is a connection of its own, as clients that skip negotiate want."""
        fault = upgrade_fault(asked.headers)
        if fault:
            return _text(400, fault, {**headers, "Sec-WebSocket-Version": "13"})
        if "WebSockets" not in caller.grants.transports:
            return _unsupported("WebSockets", headers)
        token = asked.last("id")
        if token is not None and not self._holds(token):
            await self._elsewhere.claim(token, caller)
        session = self._find(asked, token, caller) if token is not None else None
        if isinstance(session, Refused):
            return _text(session.status, session.text, headers)
        if session is not None and session.is_attached:
            refusal = _cannot_reattach(session, headers)
            if refusal is not None:
                return refusal
        else:
            async with self._elsewhere.arriving(caller.hub), self._counts.admitting():
                excess = self._too_many(asked, headers)
                if excess is not None:
                    return excess
                if session is not None and (session.is_attached or session.is_ended):
                    return _text(409, "", headers)  # another socket of the same client was faster
                session = session or self._sessions.begin(caller)
                _connects_with(session, caller, asked)
        return serve_websocket(request, self._sessions, session, headers, self._sockets)

    async def _without_socket(
        self,
        request: web.BaseRequest,
        asked: ClientRequest,
        caller: Caller,
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        """GET, POST and DELETE of clients that have no WebSocket."""
        token = asked.last("id")
        if asked.method not in ("GET", "POST", "DELETE"):
            return _text(405, "", {**headers, "Allow": "GET, POST, DELETE, OPTIONS"})
        if not token:
            self._tell(asked, 400, "the request has no id, which negotiate gives")
            return _text(400, "Connection ID required", headers)
        if asked.method == "GET" and not self._holds(token):
            await self._elsewhere.claim(token, caller)
        if not self._holds(token):
            answer = await self._forward(request, asked, headers)
            if answer is not None:
                return answer
        session = self._sessions.by_token.get(token)
        if session is not None and asked.method == "GET" and not session.is_attached:
            return await self._open(request, asked, caller, headers)
        read = partial(read_body, request)
        return await self._on_connection(asked, token, caller, read, headers)

    async def _open(
        self,
        request: web.BaseRequest,
        asked: ClientRequest,
        caller: Caller,
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        """The first GET of a connection without a socket."""
        async with self._counts.admitting():
            session = self._find(asked, asked.last("id") or "", caller)
            if isinstance(session, Refused):
                return _text(session.status, session.text, headers)
            wanted = _wanted(asked)
            if wanted not in caller.grants.transports:
                return _unsupported(wanted, headers)
            excess = self._too_many(asked, headers)
            if excess is not None:
                return excess
            if session.is_attached:
                return _text(409, "", headers)  # another request of the same client was faster
        _connects_with(session, caller, asked)
        if wanted == "ServerSentEvents":
            return await serve_sse(request, self._sessions, session, headers)
        return first_poll(
            self._sessions, session, headers, partial(self._poll_ended, session.token)
        )

    async def _on_connection(
        self,
        asked: ClientRequest,
        token: str,
        caller: Caller,
        read: Callable[[int], Awaitable[bytes]],
        headers: Mapping[str, str],
    ) -> web.Response:
        """What needs a connection that is open already, or has just ended."""
        if asked.method == "GET" and token in self._ended_polls:
            return await self._last_poll(token, headers)
        if asked.method == "DELETE":
            ended = self._ended_polls.pop(token, None), self._polled_out.pop(token, None)
            if ended != (None, None):
                # It has just ended, as by its client's Close message; a 404 would look like a fault.
                return _text(202, "", headers)
        session = self._find(asked, token, caller)
        if isinstance(session, Refused):
            return _text(session.status, session.text, headers)
        if asked.method == "POST":
            return await self._post(session, read, headers)
        if asked.method == "DELETE":
            return self._delete(session, headers)
        if _transport_of(session) != _wanted(asked):
            return _text(400, _OTHER_TRANSPORT, headers)
        if not isinstance(session.sink, PollSink):
            return _text(409, "", headers)
        return await poll(self._sessions, session.sink, headers)

    # Other nodes

    def _holds(self, token: str) -> bool:
        return token in self._sessions.by_token or token in self._ended_polls

    async def _forward(
        self, request: web.BaseRequest, asked: ClientRequest, headers: Mapping[str, str]
    ) -> web.Response | None:
        """Let the node answer that holds the connection; None if there is none."""
        if self._elsewhere.is_alone():
            return None
        limit = self._post_limit()
        body = await read_body(request, limit) if asked.method == "POST" else b""
        if len(body) > limit:
            return _too_large(limit, headers)
        reply = await self._elsewhere.forward(asked, body)
        if reply is None:
            if (asked.last("id") or "") not in self._sessions.just_ended:
                self._tell(asked, 404, "no node has a connection of that id")
            return _text(404, _NO_CONNECTION, headers)
        return web.Response(
            status=reply["status"], body=reply["body"], headers={**reply["headers"], **headers}
        )

    async def answer_forwarded(self, request: Request) -> Reply:
        """A client's request that came to another node; {"here": False} unless its connection is here."""
        target = f"{request['path']}?{request['query']}"
        asked = read_request(request["method"], target, request["headers"])
        token = asked.last("id") or ""
        if not self._holds(token):
            return {"here": False}
        caller = caller_of(asked, self._sessions.options, self._reader, self._rule)
        if isinstance(caller, Refused):
            answer = _text(caller.status, caller.text, caller.headers)
        else:

            async def read(_limit: int) -> bytes:
                return bytes(request["body"])

            answer = await self._on_connection(asked, token, caller, read, {})
        body = answer.body if isinstance(answer.body, bytes | bytearray) else b""
        shown = {"status": answer.status, "headers": dict(answer.headers), "body": bytes(body)}
        return {"here": True, **shown}

    async def _last_poll(self, token: str, headers: Mapping[str, str]) -> web.Response:
        """What an ended connection had not fetched yet, then the end."""
        _, sink = self._ended_polls[token]
        answer = await poll(self._sessions, sink, headers)
        if answer.status == 204:
            self._ended_polls.pop(token, None)
            self._polled_out[token] = self._sessions.options.monotonic()
        return answer

    async def _post(
        self,
        session: Session,
        read: Callable[[int], Awaitable[bytes]],
        headers: Mapping[str, str],
    ) -> web.Response:
        sink = session.sink
        if _transport_of(session) == "WebSockets":
            text = "POST requests are not allowed for WebSocket connections."
            return _text(405, text, {**headers, "Allow": "GET, OPTIONS"})
        if not isinstance(sink, PollSink | SseSink):
            return _text(404, _NO_CONNECTION, headers)
        limit = self._post_limit()
        await sink.gate.passed()
        data = await read(limit)
        if len(data) > limit:
            return _too_large(limit, headers)
        if session.is_ended:
            return _text(404, "", headers)
        self._sessions.received(session, data)
        return _text(200, "", headers)

    def _post_limit(self) -> int:
        options = self._sessions.options
        return options.max_post_bytes if options.limits else options.max_message_bytes

    def _delete(self, session: Session, headers: Mapping[str, str]) -> web.Response:
        if _transport_of(session) != "LongPolling":
            text = "Cannot terminate this connection using the DELETE endpoint."
            return _text(400, text, headers)
        self._sessions.discard(session)
        self._ended_polls.pop(session.token, None)  # its client wants nothing any more
        return _text(202, "", headers)

    def _find(self, asked: ClientRequest, token: str, caller: Caller) -> Session | Refused:
        """The session of a connection token, if it is of this hub and user."""
        session = self._sessions.by_token.get(token)
        if session is None or session.caller.hub.lower() != caller.hub.lower():
            if token not in self._sessions.just_ended:
                self._tell(asked, 404, "no connection of this hub has that id")
            return Refused(404, _NO_CONNECTION)
        if session.user_id != caller.user_id:
            self._tell(asked, 401, "the token is of another user than the connection")
            if self._sessions.options.audience == "strict":
                return Refused(401)
        return session

    def _poll_ended(self, token: str, sink: PollSink) -> None:
        """Keep the last messages of a connection for its next poll, unless it stopped polling."""
        now = self._sessions.options.monotonic()
        if not sink.is_stale(now):
            self._ended_polls[token] = (now, sink)

    def tick(self) -> None:
        """Forget what nobody fetched. Called about once a second."""
        now = self._sessions.options.monotonic()
        for token, (since, _) in tuple(self._ended_polls.items()):
            if now - since > _LINGER_S:
                del self._ended_polls[token]
        for token, polled_at in tuple(self._polled_out.items()):
            if now - polled_at > _LINGER_S:
                del self._polled_out[token]

    def refuse_new(self) -> None:
        """The service is stopping."""
        self._is_stopping = True

    async def close_sockets(self, timeout_s: float) -> None:
        """Wait for the end of every WebSocket, but not for long."""
        await self._sockets.close(timeout_s)

    def _tell(self, asked: ClientRequest, status: int, why: str) -> None:
        """To the live trace each time, to the log once per reason and ten seconds."""
        observer = self._sessions.observer
        if observer is not None:
            hub = (asked.last("hub") or "").lower()
            fields = {"hub": hub, "status": status, "why": why}
            observer.record("ClientRefused", {**fields, "namedUser": claimed_user(asked)})
        if self._quiet.may_log(f"{asked.method} {status} {why}"):
            log.warning("%s %s answered %d: %s", asked.method, asked.path, status, why)


def _connects_with(session: Session, caller: Caller, asked: ClientRequest) -> None:
    """The connect request, not negotiate, says the query that upstream sees."""
    session.caller = replace(
        session.caller, query=public_query(asked), grants=caller.grants, ip=caller.ip
    )


def _cannot_reattach(session: Session, headers: Mapping[str, str]) -> web.Response | None:
    """Only a stateful connection may get a second socket, and only after its handshake."""
    if _transport_of(session) != "WebSockets":
        return _text(400, _OTHER_TRANSPORT, headers)
    connection = session.connection
    if connection.resend is None or connection.state is not State.OPEN:
        return _text(409, "", headers)
    return None


def _transport_of(session: Session) -> str:
    """The name of its transport; of a stateful connection also while it has none."""
    if session.sink is not None:
        return session.sink.transport_name
    return "WebSockets" if session.connection.resend is not None else ""


def _wanted(asked: ClientRequest) -> str:
    """The transport that a GET is of."""
    accepted = asked.headers.get("accept", "").lower()
    return "ServerSentEvents" if "text/event-stream" in accepted else "LongPolling"


def _too_large(limit: int, headers: Mapping[str, str]) -> web.Response:
    return _text(413, f"A POST may have at most {limit} bytes.", headers)


def _text(status: int, text: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, text=text, headers=headers, content_type="text/plain")


def _json(status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")


def _unsupported(transport: str, headers: Mapping[str, str]) -> web.Response:
    text = f"{transport} transport not supported by this end point type"
    return _text(404, text, headers)
