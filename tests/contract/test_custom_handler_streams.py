"""A custom handler that gets original requests: bodies pass in pieces, both ways, through a whole host."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.conformance.host_world import World, running

PROGRAM = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        self.send_response(200)
        self.send_header("X-Read", str(left))
        self.send_header("X-Path", self.path)
        self.send_header("Connection", "close")
        self.end_headers()
        while left and (piece := self.rfile.read1(left)):
            left -= len(piece)
            self.wfile.write(piece)
        if left:
            print("cut off", flush=True)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])), Handler).serve_forever()
"""
BINDINGS = [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
    {"type": "http", "direction": "out", "name": "res"},
]
HANDLER = {
    "description": {"defaultExecutablePath": sys.executable, "arguments": ["program.py"]},
    "enableForwardingHttpRequest": True,
}


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[World]:
    files = {
        "host.json": json.dumps({"version": "2.0", "customHandler": HANDLER}),
        "program.py": PROGRAM,
        "f/function.json": json.dumps({"bindings": BINDINGS}),
    }
    runtime = {"FUNCTIONS_WORKER_RUNTIME": "custom"}
    async with running(tmp_path, files, runtime) as world:
        yield world


async def test_bodies_pass_as_they_are_made(host: World) -> None:
    may_go_on = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await may_go_on.wait()
        yield b"second"

    headers = {"Content-Length": "11"}
    async with host.http.post(f"{host.host.url}/api/f", data=pieces(), headers=headers) as answer:
        first = await answer.content.readexactly(5)
        may_go_on.set()
        rest = await answer.read()

    assert (answer.status, answer.headers["X-Read"], first, rest) == (
        200,
        "11",
        b"first",
        b"second",
    )


async def test_a_caller_who_leaves_is_seen_by_the_program(host: World) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    headers = {"Content-Length": "11"}
    answer = await host.http.post(f"{host.host.url}/api/f", data=pieces(), headers=headers)
    assert await answer.content.readexactly(5) == b"first"
    answer.close()

    await host.lines.containing("cut off")
    await host.lines.containing("did not send its whole body")


async def test_the_older_section_gets_the_request_at_the_functions_name(tmp_path: Path) -> None:
    files = {
        "host.json": json.dumps(
            {"version": "2.0", "httpWorker": {"description": HANDLER["description"]}}
        ),
        "program.py": PROGRAM,
        "f/function.json": json.dumps({"bindings": BINDINGS}),
    }
    async with running(tmp_path, files) as world:
        answer = await world.request({"method": "POST", "path": "/api/f?a=b", "body": "text"})

    assert (answer.body, answer.headers["x-path"]) == (b"text", "/f?a=b")
