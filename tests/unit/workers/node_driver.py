"""A real node process behind the wire, for tests: the smallest host there is."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from funcjson.workers.node import command_line, find_node
from funcjson.workers.wire import FD_VARIABLE, Decoder, encode

PACKAGES = Path(__file__).parents[2] / "e2e" / "node_modules"
HTTP_TRIGGER = {"type": "httpTrigger", "direction": "in", "name": "req"}
HTTP_OUTPUT = {"type": "http", "direction": "out", "name": "res"}


class Driver:
    """Asks one thing at a time or many, and keeps every log line."""

    def __init__(
        self, root: Path, process: asyncio.subprocess.Process, sock: socket.socket
    ) -> None:
        self.root = root
        self.process = process
        self.logs: list[dict[str, Any]] = []
        self.other: list[dict[str, Any]] = []
        self.files: list[str] = []
        self.closed = asyncio.Event()
        self._socket = sock
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._watchers: list[asyncio.Event] = []
        self._ids = itertools.count(1)
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        decoder = Decoder()
        while True:
            try:
                data = await loop.sock_recv(self._socket, 65536)
            except ConnectionError:
                data = b""
            if not data:
                break
            for message in decoder.feed(data):
                self._take(message)
        self.closed.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the worker is gone"))

    def _take(self, message: dict[str, Any]) -> None:
        key = "init" if message["op"] == "ready" else message.get("id")
        if message["op"] == "log":
            self.logs.append(message)
        elif message["op"] == "files":
            self.files += message["files"]
        elif key in self._waiting and message["op"] not in ("response", "body", "taken"):
            if not self._waiting[key].done():
                self._waiting[key].set_result(message)
        else:
            self.other.append(message)
        for watcher in self._watchers:
            watcher.set()

    async def send(self, message: dict[str, Any]) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, encode(message))

    async def ask(self, op: str, **members: Any) -> dict[str, Any]:
        """Send an operation and give its answer."""
        key = "init" if op == "init" else members.setdefault("id", f"{op}-{next(self._ids)}")
        self._waiting[key] = asyncio.get_running_loop().create_future()
        await self.send({"op": op, **members})
        try:
            return await self._waiting[key]
        finally:
            del self._waiting[key]

    async def load(
        self, name: str = "f", *bindings: dict[str, Any], **members: Any
    ) -> dict[str, Any]:
        """Load a function whose file is `<name>/index.js` unless told."""
        spec = {
            "name": name,
            "directory": str(self.root / name),
            "script_file": f"{name}/index.js",
            "entry_point": None,
            "bindings": list(bindings) or [HTTP_TRIGGER, HTTP_OUTPUT],
            **members,
        }
        return await self.ask("load", function=spec)

    async def invoke(
        self, name: str = "f", *inputs: tuple[str, dict[str, Any]], **members: Any
    ) -> dict[str, Any]:
        call = {
            "function": name,
            "inputs": list(inputs) or [("req", {"http": request()})],
            "metadata": {},
            "retry": None,
            "trace_parent": "",
            **members,
        }
        return await self.ask("invoke", **call)

    async def extra(self) -> dict[str, Any]:
        """The next message that answers no question."""
        watcher = asyncio.Event()
        self._watchers.append(watcher)
        while not self.other:
            watcher.clear()
            await watcher.wait()
        return self.other.pop(0)

    async def log_with(self, text: str) -> dict[str, Any]:
        """The first log line that contains `text`, waiting for it when it is not there yet."""
        watcher = asyncio.Event()
        self._watchers.append(watcher)
        while True:
            for line in self.logs:
                if text in line["message"]:
                    return line
            if self.closed.is_set():
                raise AssertionError(f"no log line with {text!r} in {self.logs}")
            watcher.clear()
            await watcher.wait()

    def hang_up(self) -> None:
        """Close the host's end, as a host that dies does."""
        self._socket.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        self._socket.close()
        self._reader.cancel()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


def with_packages(root: Path) -> None:
    """Give an app the packages that the tests install from their own package.json."""
    installed = Path(__file__).parents[2] / "e2e" / "node_modules"
    assert installed.is_dir(), "run 'npm ci' in tests/e2e first"
    (root / "node_modules").symlink_to(installed, target_is_directory=True)


def request(method: str = "GET", path: str = "/api/f", **members: Any) -> dict[str, Any]:
    """An http request as it crosses the wire."""
    return {
        "method": method,
        "url": f"http://localhost:7071{path}",
        "headers": {},
        "query": {},
        "params": {},
        "body": {},
        "user": None,
        **members,
    }


@asynccontextmanager
async def node_app(
    root: Path, files: dict[str, str], program: str | None = None, **options: Any
) -> AsyncIterator[Driver]:
    """A worker that runs an app of these files, in the machine's node or another."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *command_line(await find_node(program)),
            cwd=root,
            env={**os.environ, FD_VARIABLE: str(theirs.fileno())},
            pass_fds=[theirs.fileno()],
        )
    driver = Driver(root, process, ours)
    try:
        ready = await driver.ask(
            "init", version=1, app_root=str(root), language="node", options=options
        )
        assert ready["op"] == "ready"
        yield driver
    finally:
        await driver.close()


def node_that_strips_types() -> str:
    """The Node 22 that npm installed for the tests, since the machine's may be older."""
    return str(next(PACKAGES.glob("node-*/bin/node")))


def body_of(result: dict[str, Any], output: str = "res") -> Any:
    """The body of an http output as a Python value; fails with the worker's own text."""
    assert result["op"] == "result", result
    body = result["outputs"][output]["http"]["body"]
    return json.loads(body["json"]) if "json" in body else next(iter(body.values()), None)
