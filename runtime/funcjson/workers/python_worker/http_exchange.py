"""One HTTP request and its response, between the wire and an ASGI application that is called in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote, urlsplit

from .values import cookies_of

Message = dict[str, Any]
_MOST_UNDER_WAY = 1 << 20
_PIECE = 1 << 18
# What belongs to one connection is made anew for the next.
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


class Exchange:
    """`scope`, `receive` and `send` are what ASGI applications are called with; all of it on one event loop.

    `http` is the request of the wire. With `in_pieces` the response is sent to the host as it is made, else it is
    collected for `response`. `is_begun` and `whole` tell how far the response is, `is_gone` that nobody waits for it.
    """

    def __init__(
        self,
        identifier: str,
        http: Mapping[str, Any],
        send: Callable[[Message], None],
        in_pieces: bool,
    ) -> None:
        self.scope = scope_of(http, identifier)
        self.is_begun = False
        self.is_gone = False
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._id = identifier
        self._send = send
        self._in_pieces = in_pieces
        self._under_way = 0
        self._changed = asyncio.Event()
        self.status = 200
        self._is_refused = False
        self._headers: list[tuple[str, str]] = []
        self._collected: list[bytes] = []
        body = http.get("body") or {}
        self._is_body_broken = False
        self._body: deque[tuple[bytes, bool]] = deque()
        self._tells_taken = bool(body.get("stream"))
        if not self._tells_taken:
            whole = body.get("bytes", body.get("string")) or b""
            self._body.append((whole.encode() if isinstance(whole, str) else whole, False))

    # -- what the host sends -------------------------------------------------------------------

    def take(self, message: Message) -> None:
        """More of the body, or what the caller has taken of the response, or that the caller is gone."""
        op = message["op"]
        if op == "taken":
            self._under_way -= message["size"]
        elif op == "cancel":
            self.is_gone = True
        elif message.get("error"):
            self._is_body_broken = True
        else:
            piece = (message.get("data") or {}).get("bytes") or b""
            self._body.append((piece, not message.get("end")))
        self._changed.set()

    # -- what the application calls --------------------------------------------------------------

    async def receive(self) -> Message:
        """The next piece of the body as soon as it is there, or that the caller is gone."""
        while not self.is_gone:
            if self._body:
                piece, more = self._body.popleft()
                if piece and self._tells_taken:
                    self._send({"op": "taken", "id": self._id, "size": len(piece)})
                return {"type": "http.request", "body": piece, "more_body": more}
            if self._is_body_broken or self.whole.done():
                break
            await self._wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """A part of the response; waits while the caller takes nothing. OSError when the caller is gone."""
        if self.is_gone:
            raise ConnectionResetError("the caller went away")
        if message["type"] == "http.response.start":
            self._begin(message)
        elif message["type"] == "http.response.body":
            for piece in _pieces(message.get("body") or b""):
                await self._pass(piece)
            if not message.get("more_body"):
                self._end()

    def response(self) -> dict[str, Any]:
        """The response that was collected, as typed data; {} when it was sent in pieces.

        One with a status that no response can have is never sent in pieces.
        """
        if self._in_pieces and not self._is_refused:
            return {}
        named = [(name, value) for name, value in self._headers if name != "set-cookie"]
        return {
            "http": {
                "status": self.status,
                "headers": dict(named),
                "cookies": cookies_of(_jars(self._headers)),
                "body": {"bytes": b"".join(self._collected)},
                "enableContentNegotiation": False,
            }
        }

    def _begin(self, message: Message) -> None:
        self.status = int(message["status"])
        if not 200 <= self.status <= 999:
            # The host tells of it; a body, which may have no end, is of no use.
            self._is_refused = self.is_gone = True
            self.whole.set_result(None)
            self._changed.set()
            raise ConnectionAbortedError(f"no response can have the status {self.status}")
        self.is_begun = True
        pairs = [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in message["headers"]]
        self._headers = [pair for pair in pairs if pair[0] not in _HOP_BY_HOP]
        if self._in_pieces:
            headers = [list(pair) for pair in self._headers]
            self._say({"op": "response", "status": self.status, "headers": headers})

    async def _pass(self, piece: bytes) -> None:
        if not self._in_pieces:
            self._collected.append(piece)
            return
        self._under_way += len(piece)
        self._say({"op": "body", "data": {"bytes": piece}})
        while self._under_way >= _MOST_UNDER_WAY:
            await self._wait()
            if self.is_gone:
                raise ConnectionResetError("the caller went away")

    def _end(self) -> None:
        if self._in_pieces:
            self._say({"op": "body", "data": {}, "end": True})
        if not self.whole.done():
            self.whole.set_result(None)
        self._changed.set()

    def _say(self, message: Message) -> None:
        self._send({**message, "id": self._id})

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def scope_of(http: Mapping[str, Any], identifier: str) -> dict[str, Any]:
    """The request as ASGI has it. Scheme and client are those that a proxy tells, as on the real worker."""
    url = urlsplit(http["url"])
    headers = {**http["headers"], "x-ms-invocation-id": identifier}
    scheme = headers.get("x-forwarded-proto", "").split(",")[-1].strip() or url.scheme
    client = headers.get("x-forwarded-for", "").split(",")[-1].strip() or "127.0.0.1"
    return {
        "type": "http",
        # From 2.4 on an application may expect `send` to raise when the caller is gone.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": http["method"].upper(),
        "scheme": scheme,
        "path": unquote(url.path) or "/",
        "raw_path": url.path.encode("ascii", "replace") or b"/",
        "query_string": url.query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [(name.encode("latin-1"), _header(value)) for name, value in headers.items()],
        "server": (url.hostname or "localhost", url.port or (443 if scheme == "https" else 80)),
        "client": (client, 0),
        "state": {},
    }


def _header(value: str) -> bytes:
    # The host reads header bytes as UTF-8, with surrogates for what is none.
    return value.encode("utf-8", "surrogateescape")


def _pieces(body: Any) -> Iterator[bytes]:
    data = memoryview(body)
    for at in range(0, len(data), _PIECE):
        yield bytes(data[at : at + _PIECE])


def _jars(headers: list[tuple[str, str]]) -> Iterator[Any]:
    for name, value in headers:
        if name == "set-cookie":
            yield SimpleCookie(value)
