"""An HTTP invocation through a Python and a JavaScript handler, beside a bare aiohttp handler and a bare Node.js server.

    python tests/benchmarks/invocation.py [--rounds 5] [--seconds 2] [--functions-framework PROGRAM]

Each host is `funcjson start` as users run it, log lines and trace included, with its output thrown away; the bare handler is a
process of its own. In each round all take turns at the same client; ratios are made within the round. CPU is that of the host
and of its worker, from the kernel; latency is of one request at a time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from http_host import PATH, cpu_s, load

DOCUMENT = {
    "bindings": [
        {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
        {"type": "http", "direction": "out", "name": "$return"},
    ]
}
HANDLERS = {
    "python": (
        "__init__.py",
        "import azure.functions as func\n\n\ndef main(req: func.HttpRequest) -> func.HttpResponse:\n"
        '    return func.HttpResponse("hello")\n',
    ),
    "python async": (
        "__init__.py",
        "import azure.functions as func\n\n\nasync def main(req: func.HttpRequest) -> func.HttpResponse:\n"
        '    return func.HttpResponse("hello")\n',
    ),
    "javascript": ("index.js", 'module.exports = async () => ({ body: "hello" });\n'),
}


def write_app(root: Path, handler: tuple[str, str]) -> Path:
    (root / "hello").mkdir(parents=True)
    (root / "host.json").write_text('{"version": "2.0"}', "utf-8")
    (root / "hello" / "function.json").write_text(json.dumps(DOCUMENT), "utf-8")
    (root / "hello" / handler[0]).write_text(handler[1], "utf-8")
    return root


@contextmanager
def host(app: Path) -> Iterator[tuple[list[int], str]]:
    """A running host: process ids (its own and its worker's) and the function's URL."""
    ready = app / "ready.json"
    command = [sys.executable, "-m", "funcjson", "start", str(app), "--port", "0", "--no-reload"]
    process = subprocess.Popen(
        [*command, "--ready-file", str(ready)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        url = json.loads(ready.read_text("utf-8"))["host"].replace("localhost", "127.0.0.1")
        yield [process.pid, *map(int, children)], f"{url}{PATH}"
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def bare() -> Iterator[tuple[list[int], str]]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("http_host.py")), "--serve", "aiohttp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield [process.pid], f"http://127.0.0.1:{int(process.stdout.readline())}{PATH}"
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


NODE = """require("http").createServer((request, response) => response.end("hello"))
  .listen(0, "127.0.0.1", function () { console.log(this.address().port); });"""
FRAMEWORK = "def main(request):\n    return 'hello'\n"


@contextmanager
def bare_node() -> Iterator[tuple[list[int], str]]:
    """The least that Node.js can do."""
    process = subprocess.Popen(["node", "-e", NODE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield [process.pid], f"http://127.0.0.1:{int(process.stdout.readline())}{PATH}"
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def framework(program: Path, folder: Path) -> Iterator[tuple[list[int], str]]:
    """functions-framework-python as it ships, with the web server that it chooses."""
    folder.mkdir()
    (folder / "main.py").write_text(FRAMEWORK, "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(program), "--target", "main", "--port", str(port), "--host", "127.0.0.1"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(f"{program} ended with {process.returncode}") from None
                time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield [process.pid, *map(int, children)], f"http://127.0.0.1:{port}{PATH}"
    finally:
        process.terminate()
        process.wait(10)


def latency_us(url: str, count: int = 300) -> float:
    """Median time of a request on one kept connection."""
    address, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("GET", f"/{path}")
        body = connection.getresponse().read()
        times.append(time.perf_counter() - began)
        assert body == b"hello", body
    connection.close()
    return statistics.median(times) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument(
        "--functions-framework", type=Path, default=None, metavar="PROGRAM", help="measure it, too"
    )
    options = parser.parse_args()
    rounds: dict[str, list[tuple[float, float, float]]] = {}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        servers = {"aiohttp": stack.enter_context(bare())}
        servers["node http"] = stack.enter_context(bare_node())
        if options.functions_framework is not None:
            started = framework(options.functions_framework, Path(folder) / "framework")
            servers["functions-framework"] = stack.enter_context(started)
        for name, handler in HANDLERS.items():
            app = write_app(Path(folder) / name.replace(" ", "_"), handler)
            servers[name] = stack.enter_context(host(app))
        for _, url in servers.values():
            load(url, 1.0)
        for turn in range(options.rounds):
            names = list(servers)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                pids, url = servers[name]
                before, began = sum(map(cpu_s, pids)), time.perf_counter()
                count = load(url, options.seconds)
                took = time.perf_counter() - began
                cpu = (sum(map(cpu_s, pids)) - before) / count * 1e6
                rounds.setdefault(name, []).append((cpu, count / took, latency_us(url)))
        stack.close()
    print(f"{'handler':<20} {'us CPU':>7} {'ratio':>6} {'req/s':>7} {'p50 us':>7} {'added':>6}")
    for name, rows in rounds.items():
        ratio = statistics.median(
            row[0] / base[0] for row, base in zip(rows, rounds["aiohttp"], strict=True)
        )
        added = statistics.median(
            row[2] - base[2] for row, base in zip(rows, rounds["aiohttp"], strict=True)
        )
        cpu, rate, p50 = (statistics.median(row[at] for row in rows) for at in range(3))
        print(f"{name:<20} {cpu:>7.1f} {ratio:>6.2f} {rate:>7.0f} {p50:>7.0f} {added:>6.0f}")


if __name__ == "__main__":
    main()
