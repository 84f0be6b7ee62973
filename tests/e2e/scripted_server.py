"""A SignalR server that does what a test says, byte for byte, so that the quirks of real clients can be seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Coroutine
from typing import Any

from aiohttp import WSMsgType, web

RS = "\x1e"
PATIENCE_S = 20.0
_NEGOTIATED = {
    "negotiateVersion": 1,
    "connectionId": "c",
    "connectionToken": "t",
    "availableTransports": [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}],
}


def record(**members: Any) -> str:
    return json.dumps(members) + RS


def message(*arguments: Any) -> str:
    """What every client's handler of `newMessage` hears."""
    return record(type=1, target="newMessage", arguments=arguments)


class Peer:
    """One WebSocket of a client, after its handshake request came; nothing has been answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: web.WebSocketResponse) -> None:
        self._loop = loop
        self._socket = socket
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.hello: dict[str, Any] = {}

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        with contextlib.suppress(ConnectionError):  # a client may go at any odd byte
            asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def text(self, data: str) -> None:
        self._run(self._socket.send_str(data))

    def binary(self, data: str) -> None:
        self._run(self._socket.send_bytes(data.encode()))

    def ping(self) -> None:
        self._run(self._socket.ping())

    def close(self) -> None:
        self._run(self._socket.close())

    def next(self) -> tuple[str, Any]:
        """What came next: ("record", message), ("pong", None) or ("close", code). Hub pings are left out."""
        while True:
            kind, data = self.heard.get(timeout=PATIENCE_S)
            if kind != "record" or data.get("type") != 6:
                return kind, data


class ScriptedServer:
    """`url` negotiates and upgrades; `accept` gives each client in turn."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._peers: queue.Queue[Peer] = queue.Queue()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE_S)

    async def _listen(self) -> str:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/hub"

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def accept(self) -> Peer:
        return self._peers.get(timeout=PATIENCE_S)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            return web.json_response(_NEGOTIATED)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        peer = Peer(self._loop, socket)
        first = await socket.receive()
        peer.hello = json.loads(str(first.data).rstrip(RS))
        self._peers.put(peer)
        while True:
            got = await socket.receive()
            if got.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                peer.heard.put(("close", got.data if got.type is WSMsgType.CLOSE else None))
                return socket
            if got.type is WSMsgType.PONG:
                peer.heard.put(("pong", None))
            elif got.type is WSMsgType.PING:
                with contextlib.suppress(ConnectionError):
                    await socket.pong(got.data)
            elif got.type is WSMsgType.TEXT:
                for each in got.data.split(RS)[:-1]:
                    peer.heard.put(("record", json.loads(each)))
