"""What real SignalR clients need around them: the service as a process, functions, a network that fails."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt
import msgpack
from tests.e2e.processes import CLIENTS, Answer, Output, environment, funcjson, request

KEY = "the-key-of-these-tests-0123456789abcdef"
RS = "\x1e"
BROWSER_FILES = {
    "/signalr.js": "@microsoft/signalr/dist/browser/signalr.js",
    "/msgpack.js": "@microsoft/signalr-protocol-msgpack/dist/browser/signalr-protocol-msgpack.js",
}


def signed(claims: Mapping[str, Any]) -> str:
    return jwt.encode({"exp": int(time.time()) + 600, **claims}, KEY, algorithm="HS256")


def client_token(user: str, **claims: Any) -> str:
    """As SDKs make it: the audience has no port."""
    return signed({"aud": "http://localhost/client/?hub=chat", "nameid": user, **claims})


# The service


@dataclass(slots=True)
class Service:
    """`funcjson signalr start` as a process."""

    process: subprocess.Popen[str]
    output: Output
    url: str = ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def rest(self, line: str, body: Any = None) -> Answer:
        method, _, target = line.partition(" ")
        path = target.partition("?")[0]
        token = signed({"aud": f"http://localhost{path}"})
        headers = {"Authorization": f"Bearer {token}"}
        return request(method, f"http://127.0.0.1:{self.port}{target}", body, headers)

    def send(self, to: str, *arguments: Any, target: str = "newMessage") -> Answer:
        """`to` is "", or such as "/users/u1"; exactly what it reached is in the answer's headers."""
        path = f"/api/hubs/chat{to}/:send?api-version=2022-06-01"
        answer = self.rest(f"POST {path}", {"target": target, "arguments": arguments})
        assert answer.status == 202, answer
        return answer

    def close(self, connection: str, reason: str = "") -> None:
        query = f"&reason={reason}" if reason else ""
        path = f"/api/hubs/chat/connections/{connection}?api-version=2022-06-01{query}"
        answer = self.rest(f"DELETE {path}")
        assert answer.status == 200, answer

    def invoke(self, connection: str, target: str, *arguments: Any) -> Answer:
        path = f"/api/hubs/chat/connections/{connection}/:invoke?api-version=2024-12-01"
        return self.rest(f"POST {path}", {"target": target, "arguments": arguments})

    def state(self) -> dict[str, Any]:
        answer = request("GET", f"http://127.0.0.1:{self.port}/_lss/state")
        found: dict[str, Any] = answer.json()["hubs"]
        return found

    def stop(self) -> int:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(15)
        self.output.close()
        return code

    def kill(self) -> None:
        """The process is gone at once, as in a crash."""
        self.process.kill()
        self.process.wait(10)
        self.output.close()


def start_service(settings: Path | None = None, *options: str, port: int = 0) -> Service:
    """Start the service and return when it listens."""
    config = ("--config", str(settings)) if settings else ()
    arguments = ("--port", str(port), "--key", KEY, *config, *options)
    process = funcjson("signalr", "start", *arguments)
    assert process.stdout is not None and process.stderr is not None
    service = Service(process, Output(process.stdout, process.stderr))
    try:
        service.url = service.output.wait_for(r"listens on (https?://\S+)").group(1)
    except AssertionError:
        service.kill()
        raise
    return service


# The functions


@dataclass(slots=True)
class Event:
    """One upstream request."""

    connection: str
    user: str | None
    category: str
    name: str
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Functions:
    """A function app: `/api/USER/negotiate`, the upstream webhook, and a page for browsers.

    It checks upstream requests as the SignalR extension does, and notes what it would refuse.
    """

    def __init__(self, npm_packages: Path, key: str = KEY) -> None:
        self.npm_packages = npm_packages
        self.key = key
        self.service_url = ""
        self.faults: list[str] = []
        self.negotiated: list[Mapping[str, str]] = []  # the headers of each negotiate
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def settings(self, folder: Path) -> Path:
        """A settings file that sends every event here."""
        template = {"UrlTemplate": f"{self.url}/runtime/webhooks/signalr"}
        path = folder / "settings.json"
        path.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))
        return path

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        functions = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

            def answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
                self.send_response(status)
                origin = self.headers.get("Origin")
                if origin:
                    self.send_header("Access-Control-Allow-Origin", origin)
                    self.send_header("Access-Control-Allow-Credentials", "true")
                    asked = self.headers.get("Access-Control-Request-Headers", "")
                    self.send_header("Access-Control-Allow-Headers", asked)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_OPTIONS(self) -> None:
                self.answer(204)

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path in BROWSER_FILES:
                    file = functions.npm_packages / BROWSER_FILES[path]
                    self.answer(200, file.read_bytes(), "text/javascript")
                elif path == "/page":
                    page = CLIENTS / "signalr_page.html"
                    self.answer(200, page.read_bytes(), "text/html; charset=utf-8")
                else:  # a browser's request for an icon
                    self.answer(204)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                if path.endswith("/negotiate"):
                    functions.negotiated.append(dict(self.headers.items()))
                    user = unquote(path.split("/")[-2])
                    info = {
                        "url": f"{functions.service_url}/client/?hub=chat",
                        "accessToken": client_token(user),
                    }
                    self.answer(200, json.dumps(info).encode(), "application/json")
                else:
                    self.answer(*functions.upstream(dict(self.headers.items()), body))

        return Handler

    # Upstream

    def upstream(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        status, event = self._checked(headers, body)
        if event is None:
            return status, b""
        answer = self._completion(event, headers["Content-Type"])
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()
        return answer

    def _checked(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Event | None]:
        """What the extension's trigger demands of a request."""
        names = ("X-ASRS-Connection-Id", "X-ASRS-Hub", "X-ASRS-Category", "X-ASRS-Event")
        missing = [name for name in names if not headers.get(name)]
        if missing:
            self.faults.append(f"no {missing}")
            return 400, None
        connection, hub, category, name = (headers[each] for each in names)
        digest = hmac.new(self.key.encode(), connection.encode(), hashlib.sha256).hexdigest()
        if f"sha256={digest}" not in headers.get("X-ASRS-Signature", "").lower().split(","):
            self.faults.append(f"bad signature of {name}")
            return 401, None
        kind = headers.get("Content-Type", "")
        if kind not in ("application/json", "application/x-msgpack"):
            self.faults.append(f"content type {kind} of {name}")
            return 415, None
        if hub != "chat" or "access_token" in headers.get("X-ASRS-Client-Query", ""):
            self.faults.append(f"hub {hub}, query {headers.get('X-ASRS-Client-Query')}")
        found = json.loads(body) if kind == "application/json" else msgpack.unpackb(body)
        target = found.get("target") if isinstance(found, dict) else found[3]
        if category == "messages" and target.lower() != name.lower():
            self.faults.append(f"the header says {name}, the body {target}")
            return 500, None
        user = headers.get("X-ASRS-User-Id")
        return 200, Event(connection, user, category, name, found, headers)

    def _completion(self, event: Event, kind: str) -> tuple[int, bytes]:
        """`echo` gives its arguments back, `fail` is an exception of the function, `missing` is no function."""
        if event.category != "messages":
            return 200, b""
        if event.name == "missing":
            return 404, b""
        is_json = kind == "application/json"
        call = event.body.get("invocationId") if is_json else event.body[2]
        arguments = event.body["arguments"] if is_json else event.body[4]
        if call is None or event.name not in ("echo", "fail"):
            return 200, b""
        if is_json:
            result = {"error": "it failed"} if event.name == "fail" else {"result": arguments}
            return 200, (json.dumps({"type": 3, "invocationId": call, **result}) + RS).encode()
        outcome = [1, "it failed"] if event.name == "fail" else [3, arguments]
        packed = msgpack.packb([3, {}, call, *outcome])
        assert len(packed) < 128
        return 200, bytes([len(packed)]) + packed

    def event(self, name: str, connection: str = "", user: str = "") -> Event:
        """The event of that name, as soon as it has come; it is not given again."""
        found: list[Event] = []

        def look() -> bool:
            for event in self._events:
                whose = connection in ("", event.connection) and user in ("", event.user)
                if event.name == name and whose:
                    found.append(event)
                    return True
            return False

        with self._changed:
            assert self._changed.wait_for(look, 20), f"no event {name!r} of {connection or user}"
            self._events.remove(found[0])
        return found[0]

    def names(self, connection: str) -> list[str]:
        """The names of the events of a connection that nobody has taken."""
        with self._changed:
            return [event.name for event in self._events if event.connection == connection]


# The clients


class Driver:
    """A program of `clients/` that obeys commands and tells what happens, as lines of JSON."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self._process = subprocess.Popen(
            [*command, json.dumps(options)],
            cwd=CLIENTS,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self.errors = Output(self._process.stderr)
        self._lines = Output(self._process.stdout)
        self._read = 0

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def do(self, what: str, **given: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self._process.stdin.flush()

    def next(self) -> dict[str, Any]:
        """What happened next."""
        try:
            line = self._lines.line(self._read)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.errors.text()}") from None
        self._read += 1
        found: dict[str, Any] = json.loads(line)
        return found

    def expect(self, event: str) -> dict[str, Any]:
        found = self.next()
        assert found["event"] == event, (found, self.errors.text())
        return found

    def messages(self, count: int) -> list[Any]:
        """The arguments of so many messages."""
        return [self.expect("message")["arguments"] for _ in range(count)]

    def call(self, target: str, *arguments: Any) -> dict[str, Any]:
        """Invoke and wait: {"event": "result", "value"} or {"event": "failure", "error"}."""
        self.do("invoke", target=target, arguments=arguments)
        return self.next()

    def end(self) -> int:
        """End of input ends the program."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        return self._process.wait(20)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._lines.close()
        self.errors.close()


# The network


class Proxy:
    """A TCP proxy before the service that can cut what runs through it, and answer upgrades itself."""

    def __init__(self, port: int, *, blocks_upgrades: bool = False) -> None:
        self._target = port
        self._blocks_upgrades = blocks_upgrades
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.requests: list[str] = []  # the request line of each connection's first request
        self._stopped, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        threads = []
        while True:
            ready, _, _ = select.select([self._listener, self._stopped], [], [])
            if self._stopped in ready:
                break
            client, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(client,))
            thread.start()
            threads.append(thread)
        self.cut()
        for thread in threads:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = client.recv(65536)
            if not head:
                return
            self.requests.append(head.split(b"\r\n", 1)[0].decode("latin-1"))
            if self._blocks_upgrades and b"upgrade: websocket" in head.lower():
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                server.sendall(head)
                pair = (client, server)
                with self._lock:
                    self._pairs.add(pair)
                try:
                    _pump(client, server)
                finally:
                    with self._lock:
                        self._pairs.discard(pair)

    def cut(self) -> None:
        """Reset every connection, as a network that breaks does."""
        with self._lock:
            pairs = tuple(self._pairs)
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    # Linger 0: close() resets, so that neither side sees a clean end.
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    one.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        self._stop.send(b"x")
        self._thread.join()
        for one in (self._stop, self._stopped, self._listener):
            one.close()


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either side ends."""
    while True:
        ready, _, _ = select.select([one, other], [], [])
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
