"""What the HTTP host costs beside a bare aiohttp handler: CPU per request, in paired rounds.

    python tests/benchmarks/http_host.py [--rounds 7] [--seconds 2]

Each server is a process of its own that takes requests from the same client (wrk when it is
installed, else an asyncio process); its CPU time comes from the kernel. In each round the servers
take turns, and ratios are made within the round. `server` is the HTTP side alone with a handler in
the same process; `pipeline` adds binding data, the plan and the trace, as the host runs them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from funcjson.bindings.http_trigger import BINDING, value
from funcjson.http_options import HttpServerOptions
from funcjson.http_response import from_output
from funcjson.http_server import HttpServer
from funcjson.model import (
    Binding,
    Call,
    CallResult,
    Direction,
    Function,
    HttpResponse,
    Language,
    TriggerEvent,
)
from funcjson.pipeline import run as run_pipeline
from funcjson.plan import Plan
from funcjson.settings import Settings
from funcjson.trace import Recorder

PATH = "/api/hello"
ANSWER = "hello"
BASELINE = "aiohttp"
CONNECTIONS = 64


async def aiohttp_application() -> int:
    """The handler that people would write."""

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text=ANSWER)

    app = web.Application()
    app.router.add_route("*", PATH, hello)
    runner = web.AppRunner(app, access_log=None)
    return await _listen(runner)


async def aiohttp_low() -> int:
    """The least that aiohttp can do: no router, one answer for everything."""

    async def hello(_request: web.BaseRequest) -> web.Response:
        return web.Response(text=ANSWER)

    return await _listen(web.ServerRunner(web.Server(hello, access_log=None)))


async def _listen(runner: Any) -> int:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


def handler(request: dict[str, Any]) -> dict[str, Any]:
    """What a worker would give back."""
    assert request["method"] == "GET"
    return {"http": {"status": 200, "headers": {}, "body": {"string": ANSWER}}}


def _function() -> Function:
    properties = {"name": "req", "type": "httpTrigger", "direction": "in"}
    trigger = Binding("req", "httpTrigger", Direction.IN, properties, "/bindings/0")
    return Function("hello", Path("hello"), (trigger,), Language.PYTHON)


class DirectFacade:
    """Requests to the handler's dictionary and back, nothing in between."""

    ready = True

    async def invoke(self, _function: str, event: TriggerEvent) -> HttpResponse:
        return from_output(handler(value(event, Language.PYTHON)["http"]))

    async def fire(self, _function: str, _event: TriggerEvent) -> None: ...

    async def webhook(self, _name: str, _request: Any) -> None: ...


class PipelineFacade(DirectFacade):
    """The same through the pipeline and the trace."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.plan = Plan(_function(), BINDING, (), ())
        self.services: Any = SimpleNamespace(settings=Settings(Path()))

    async def invoke(self, function: str, event: TriggerEvent) -> HttpResponse:
        trace = self.recorder.begin("id", function)
        outcome = await run_pipeline(self.plan, event, self.services, self._call, trace)
        self.recorder.end(trace, "succeeded")
        return from_output(outcome.return_value)

    async def _call(self, call: Call) -> CallResult:
        return CallResult({}, handler(call.inputs[0][1]["http"]))


async def _host(facade: DirectFacade) -> int:
    app: Any = SimpleNamespace(
        settings=Settings(Path()),
        plans={"hello": Plan(_function(), BINDING, (), ())},
        broken={},
        problems=(),
        streams=frozenset(),
    )
    server = HttpServer(facade, HttpServerOptions(port=0, app_root=Path(__file__).parent))
    server.use_routes(app)
    return await server.start()


SERVERS: dict[str, Callable[[], Coroutine[Any, Any, int]]] = {
    BASELINE: aiohttp_application,
    "aiohttp_low": aiohttp_low,
    "server": lambda: _host(DirectFacade()),
    "pipeline": lambda: _host(PipelineFacade()),
}


async def serve(name: str) -> None:
    """Run one server; print its port; end when the parent closes our input."""
    logging.disable()
    port = await SERVERS[name]()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(url: str, seconds: float) -> int:
    """Send requests as fast as they are answered; gives how many were."""
    wrk = shutil.which("wrk")
    if wrk:
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if "Non-2xx" in text or "Socket errors" in text:
            raise SystemExit(f"the run is not clean:\n{text}")
        found = re.search(r"(\d+) requests in", text)
        assert found is not None
        return int(found[1])
    command = [sys.executable, __file__, "--client", url, "--seconds", str(seconds)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def client(url: str, seconds: float) -> int:
    """The client for machines without wrk: raw sockets, one request at a time on each."""
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    request = f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    until = time.perf_counter() + seconds

    async def one() -> int:
        reader, writer = await asyncio.open_connection(host, int(port))
        count = 0
        while time.perf_counter() < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            found = re.search(rb"Content-Length: (\d+)", head)
            assert found is not None
            await reader.readexactly(int(found[1]))
            count += 1
        writer.close()
        return count

    return sum(await asyncio.gather(*(one() for _ in range(CONNECTIONS))))


def measure(rounds: int, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """(CPU microseconds per request, requests per second) of each server in each round."""
    processes: dict[str, tuple[subprocess.Popen[str], str]] = {}
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    try:
        for name in SERVERS:
            process = subprocess.Popen(
                [sys.executable, __file__, "--serve", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}{PATH}"
            processes[name] = (process, url)
            load(url, 1.0)
        for turn in range(rounds):
            names = list(SERVERS)
            # Nobody is always first.
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                process, url = processes[name]
                before, began = cpu_s(process.pid), time.perf_counter()
                count = load(url, seconds)
                took = time.perf_counter() - began
                results[name].append(((cpu_s(process.pid) - before) / count * 1e6, count / took))
    finally:
        for process, _ in processes.values():
            process.stdin.close() if process.stdin else None
            process.wait(10)
    return results


def report(results: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Medians, and the ratio to the bare handler within each round."""
    rows: dict[str, Any] = {}
    for name, rounds in results.items():
        ratios = [mine[0] / base[0] for mine, base in zip(rounds, results[BASELINE], strict=True)]
        rows[name] = {
            "cpu_us": round(statistics.median(cpu for cpu, _ in rounds), 1),
            "requests_per_s": round(statistics.median(rate for _, rate in rounds)),
            "cpu_ratio": round(statistics.median(ratios), 2),
            "cpu_ratio_min": round(min(ratios), 2),
            "cpu_ratio_max": round(max(ratios), 2),
        }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    if options.client:
        print(asyncio.run(client(options.client, options.seconds)))
        return
    rows = report(measure(options.rounds, options.seconds))
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'server':<12} {'us CPU':>7} {'req/s':>7}  ratio (min..max) to {BASELINE}")
    for name, row in rows.items():
        print(
            f"{name:<12} {row['cpu_us']:>7} {row['requests_per_s']:>7}  {row['cpu_ratio']:.2f} "
            f"({row['cpu_ratio_min']:.2f}..{row['cpu_ratio_max']:.2f})"
        )


if __name__ == "__main__":
    main()
