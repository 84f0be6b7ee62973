"""Requests below /client: negotiate, and each transport's own requests, answered as ASP.NET answers them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from funcjson.signalr.client_access import (
    ClientRequest,
    Refused,
    caller_of,
    public_query,
    read_request,
)
from funcjson.signalr.cors import is_allowed
from funcjson.signalr.limits import Quotas
from funcjson.signalr.negotiate import negotiate
from funcjson.signalr.sessions import Caller, Session, Sessions
from funcjson.signalr.token_check import AudienceRule, TokenReader
from funcjson.signalr.transports.long_polling import PollSink, first_poll, poll
from funcjson.signalr.transports.sse import serve_sse
from funcjson.signalr.transports.websocket import Spawn, serve_websocket

log = logging.getLogger("funcjson.signalr.connection")

_QUIET_S = 10.0  # one log line per reason and time: a broken client asks thousands of times
_LINGER_S = 30.0  # how long an ended long polling connection may still fetch its last messages


class ClientEndpoint:
    """Answers clients of one service."""

    def __init__(
        self,
        sessions: Sessions,
        reader: TokenReader,
        rule: AudienceRule,
        quotas: Quotas,
        spawn: Spawn,
    ) -> None:
        self._sessions = sessions
        self._reader = reader
        self._rule = rule
        self._quotas = quotas
        self._spawn = spawn
        self._ended_polls: dict[str, tuple[float, PollSink]] = {}
        self._logged: dict[str, float] = {}

    async def handle(
        self, request: web.BaseRequest, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """The answer to one request; `headers` (CORS) go onto every answer."""
        lowered = {name.lower(): value for name, value in request.headers.items()}
        asked = read_request(request.method, request.raw_path, lowered)
        is_negotiate = asked.path.rstrip("/").lower().endswith("/negotiate")
        if is_negotiate and asked.method != "POST":
            return _text(405, "", headers)
        caller = caller_of(asked, self._sessions.options, self._reader, self._rule)
        if isinstance(caller, Refused):
            self._tell(asked, caller.status, caller.hint or caller.text)
            return _text(caller.status, caller.text, {**headers, **caller.headers})
        if is_negotiate:
            return self._negotiate(asked, caller, headers)
        is_socket = lowered.get("upgrade", "").lower() == "websocket"
        if asked.method == "GET" and is_socket:
            return await self._socket(request, asked, caller, headers)
        return await self._on_connection(request, asked, caller, headers)

    def _negotiate(
        self, asked: ClientRequest, caller: Caller, headers: Mapping[str, str]
    ) -> web.Response:
        refused = self._too_many(asked, headers)
        if refused is not None:
            return refused
        body = negotiate(asked, caller, self._sessions)
        return web.Response(body=body, headers=headers, content_type="application/json")

    def _too_many(self, asked: ClientRequest, headers: Mapping[str, str]) -> web.Response | None:
        excess = self._quotas.connection_excess(len(self._sessions.by_token))
        if excess is None:
            return None
        self._tell(asked, excess.status, f"{excess.what} {excess.fix}")
        return _text(excess.status, excess.what, headers)

    async def _socket(
        self,
        request: web.BaseRequest,
        asked: ClientRequest,
        caller: Caller,
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and not is_allowed(origin, self._sessions.options.cors_origins):
            return _text(403, "", headers)
        if "WebSockets" not in caller.grants.transports:
            return _unsupported("WebSockets", headers)
        token = asked.last("id")
        if token is None:
            refused = self._too_many(asked, headers)
            if refused is not None:
                return refused
            session = self._sessions.begin(caller)
        else:
            found = self._find(asked, token, caller)
            if found is None:
                return _text(404, "No Connection with that ID", headers)
            session = found
        if session.is_attached:
            if _transport_of(session) != "WebSockets":
                return _text(400, "Cannot change transports mid-connection", headers)
            if session.connection.resend is None:
                return _text(409, "", headers)
        else:
            _connects_with(session, caller, asked)
        return await serve_websocket(request, self._sessions, session, headers, self._spawn)

    async def _on_connection(
        self,
        request: web.BaseRequest,
        asked: ClientRequest,
        caller: Caller,
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        """GET, POST and DELETE of clients without a socket."""
        token = asked.last("id")
        if asked.method not in ("GET", "POST", "DELETE"):
            return _text(405, "", headers)
        if not token:
            return _text(400, "Connection ID required", headers)
        session = self._find(asked, token, caller)
        if session is None:
            ended = self._ended_polls.get(token)
            if ended is not None and asked.method == "GET":
                self._ended_polls.pop(token)
                return await self._last_poll(ended[1], headers)
            self._tell(asked, 404, "no connection has that id")
            return _text(404, "No Connection with that ID", headers)
        if asked.method == "GET":
            return await self._open_or_poll(request, asked, session, caller, headers)
        if asked.method == "POST":
            return await self._post(request, session, headers)
        return self._delete(session, headers)

    async def _open_or_poll(
        self,
        request: web.BaseRequest,
        asked: ClientRequest,
        session: Session,
        caller: Caller,
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        wants_events = "text/event-stream" in asked.headers.get("accept", "").lower()
        wanted = "ServerSentEvents" if wants_events else "LongPolling"
        if not session.is_attached:
            if wanted not in caller.grants.transports:
                return _unsupported(wanted, headers)
            _connects_with(session, caller, asked)
            if wants_events:
                return await serve_sse(request, self._sessions, session, headers)
            return await first_poll(self._sessions, session, headers)
        if _transport_of(session) != wanted:
            return _text(400, "Cannot change transports mid-connection", headers)
        sink = session.sink
        if not isinstance(sink, PollSink):
            return _text(409, "", headers)
        answer = await poll(self._sessions, session, sink, headers)
        if sink.is_closed and answer.status == 200:
            # The last messages were fetched; the poll that follows learns that it is over.
            self._remember(session.token, sink)
        return answer

    async def _last_poll(self, sink: PollSink, headers: Mapping[str, str]) -> web.Response:
        data = sink.take()
        if data:
            return web.Response(body=data, headers=headers, content_type="application/octet-stream")
        return web.Response(status=204, headers=headers)

    async def _post(
        self, request: web.BaseRequest, session: Session, headers: Mapping[str, str]
    ) -> web.Response:
        if not session.is_attached:
            return _text(404, "", headers)
        if _transport_of(session) == "WebSockets":
            text = "POST requests are not allowed for WebSocket connections."
            return _text(405, text, headers)
        data = await request.read()
        self._sessions.received(session, data)
        if isinstance(session.sink, PollSink) and session.is_ended:
            self._remember(session.token, session.sink)
        return _text(200, "", headers)

    def _delete(self, session: Session, headers: Mapping[str, str]) -> web.Response:
        if _transport_of(session) != "LongPolling":
            text = "Cannot terminate this connection using the DELETE endpoint."
            return _text(400, text, headers)
        self._sessions.discard(session)
        return _text(202, "", headers)

    def _find(self, asked: ClientRequest, token: str, caller: Caller) -> Session | None:
        """The session of a connection token, if it is of this hub and user."""
        session = self._sessions.by_token.get(token)
        if session is None or session.caller.hub.lower() != caller.hub.lower():
            return None
        return session if session.user_id == caller.user_id else None

    def _remember(self, token: str, sink: PollSink) -> None:
        now = self._sessions.options.monotonic()
        self._ended_polls[token] = (now, sink)

    def tick(self) -> None:
        """Forget what nobody fetched, and whose sessions ended while no poll waited."""
        now = self._sessions.options.monotonic()
        for token, (since, _) in tuple(self._ended_polls.items()):
            if now - since > _LINGER_S:
                del self._ended_polls[token]

    def _tell(self, asked: ClientRequest, status: int, why: str) -> None:
        """One log line per reason and ten seconds."""
        key = f"{status} {why}"
        now = self._sessions.options.monotonic()
        if now - self._logged.get(key, -_QUIET_S) >= _QUIET_S:
            if len(self._logged) > 1000:
                self._logged.clear()
            self._logged[key] = now
            log.warning("%s %s answered %d: %s", asked.method, asked.path, status, why)


def _connects_with(session: Session, caller: Caller, asked: ClientRequest) -> None:
    """The connect request, not negotiate, says the query that upstream sees."""
    session.caller = replace(session.caller, query=public_query(asked), grants=caller.grants)


def _transport_of(session: Session) -> str:
    if session.sink is not None:
        return session.sink.transport_name
    return "WebSockets" if session.connection.resend is not None else ""


def _text(status: int, text: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, text=text, headers=headers, content_type="text/plain")


def _unsupported(transport: str, headers: Mapping[str, str]) -> web.Response:
    text = f"{transport} transport not supported by this end point type"
    return _text(404, text, headers)
