"""What a call to a worker costs beside a bare echo over the same kind of socket, in paired rounds.

    python tests/benchmarks/worker_roundtrip.py [--rounds 5] [--calls 2000] [--node]

`echo` is a child process that sends each frame back: what two processes and this event loop cost by
themselves. The others call a handler that does nothing. `http` makes an HttpRequest and an
HttpResponse of azure.functions. Prints microseconds one call at a time, and calls per second with
32 at once. It fails on nothing; look at the ratios within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from funcjson.model import Binding, Call, Direction, Function, Language
from funcjson.workers.child import WorkerProgram
from funcjson.workers.node import command_line, find_node
from funcjson.workers.process import ProcessWorker
from funcjson.workers.python import python_program
from funcjson.workers.wire import Decoder, encode

PYTHON = {
    "sync": "def main(event): return None",
    "async": "async def main(event): return None",
    "http": "import azure.functions as func\ndef main(req): return func.HttpResponse('ok')",
}
NODE = {"node": "module.exports = async () => {};"}
ECHO = """
import socket, sys
s = socket.socket(fileno=int(sys.argv[1]))
while data := s.recv(65536):
    s.sendall(data)
"""
HTTP = {
    "method": "GET",
    "url": "http://localhost:7071/api/http",
    "headers": {"host": "localhost:7071", "accept": "*/*", "user-agent": "curl/8"},
    "query": {"a": "1"},
    "params": {},
    "body": {},
    "user": None,
}
CONCURRENT = 32

Ask = Callable[[int], Awaitable[Any]]


def call_of(name: str, number: int) -> Call:
    inputs = (("req", {"http": HTTP}),) if name == "http" else (("event", {"json": "{}"}),)
    return Call(str(number), name, inputs)


def function_of(root: Path, name: str, language: Language, code: str) -> Function:
    file = "index.js" if language is Language.NODE else "__init__.py"
    (root / name).mkdir()
    (root / name / file).write_text(code, encoding="utf-8")
    if name == "http":
        bindings = (
            Binding("req", "httpTrigger", Direction.IN, {}, ""),
            Binding("$return", "http", Direction.OUT, {}, ""),
        )
    else:
        bindings = (Binding("event", "signalRTrigger", Direction.IN, {}, ""),)
    return Function(name, root / name, bindings, language, f"{name}/{file}")


class Echo(asyncio.Protocol):
    """The bare thing: frames there and back, one future each."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._waiting.pop(message["id"]).set_result(message)

    async def ask(self, number: int) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting[str(number)] = future
        assert self._transport is not None
        self._transport.write(encode({"op": "result", "id": str(number), "return": {}}))
        await future


async def measure(ask: Ask, calls: int) -> tuple[float, float, float]:
    """Median and 99th percentile in microseconds, and calls per second."""
    times = []
    for number in range(calls):
        began = time.perf_counter()
        await ask(number)
        times.append((time.perf_counter() - began) * 1e6)
    times.sort()
    numbers = iter(range(calls))

    async def run() -> None:
        for number in numbers:
            await ask(number)

    began = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(CONCURRENT)))
    rate = calls / (time.perf_counter() - began)
    return times[len(times) // 2], times[int(len(times) * 0.99)], rate


async def main(rounds: int, calls: int, node: bool) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    echo_process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ECHO, str(theirs.fileno()), pass_fds=(theirs.fileno(),)
    )
    theirs.close()
    transport, echo = await asyncio.get_running_loop().create_connection(Echo, sock=ours)
    asks: dict[str, Ask] = {"echo": echo.ask}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workers = [
            (ProcessWorker(python_program(root, os.environ), print), Language.PYTHON, PYTHON)
        ]
        if node:
            command = command_line(await find_node())
            program = WorkerProgram(Language.NODE, command, root, os.environ)
            workers.append((ProcessWorker(program, print), Language.NODE, NODE))
        for worker, language, handlers in workers:
            await worker.start()
            for name, code in handlers.items():
                await worker.load(function_of(root, name, language, code))
                asks[name] = lambda number, w=worker, n=name: w.invoke(call_of(n, number))
        results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in asks}
        for _ in range(rounds):
            for name, ask in asks.items():
                results[name].append(await measure(ask, calls))
        for worker, _, _ in workers:
            await worker.stop()
    transport.close()
    await echo_process.wait()
    report(results)


def report(results: dict[str, list[tuple[float, float, float]]]) -> None:
    print(f"{'':8}{'p50 us':>10}{'p99 us':>10}{'over echo':>11}{'calls/s':>10}")
    for name, rows in results.items():
        p50, p99, rate = (statistics.median(row[at] for row in rows) for at in range(3))
        pairs = zip(rows, results["echo"], strict=True)
        over = statistics.median(row[0] - bare[0] for row, bare in pairs)
        print(f"{name:8}{p50:10.0f}{p99:10.0f}{over:+11.0f}{rate:10.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--node", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.rounds, options.calls, options.node))
