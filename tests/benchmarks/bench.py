"""What the benchmarks of the service share: servers and clients as processes, their CPU time, ratios."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from funcjson.signalr.credentials import ServiceEndpoint, mint_client_token

HERE = Path(__file__).resolve().parent
KEY = "k" * 44
HANDSHAKE = '{"protocol":"json","version":1}\x1e'


def cpu_s(pid: int) -> float:
    """CPU time of a process, all threads, user and system, from the kernel's nanosecond clock."""
    return time.clock_gettime((~pid << 3) | 2)


def client_path(user: str | None = None) -> str:
    """Where a client of hub "chat" connects without negotiating."""
    endpoint = ServiceEndpoint("http://localhost:1", access_key=KEY)
    token = mint_client_token(endpoint, "chat", user_id=user, now=time.time(), lifetime_s=86_400)
    return f"/client/?hub=chat&access_token={token}"


@dataclass
class Program:
    """A process that answers lines with lines."""

    process: subprocess.Popen[str]

    def ask(self, text: str) -> str:
        self.tell(text)
        return self.hear()

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a process of the benchmark ended: {self.process.args!r}")
        return line.strip()

    @property
    def cpu_s(self) -> float:
        return cpu_s(self.process.pid)


@contextmanager
def running(*command: str) -> Iterator[Program]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Program(process)
    finally:
        process.kill()
        process.communicate()


@dataclass(frozen=True)
class Sockets:
    """The program of both raw ends: how to call it, and in which language it is."""

    command: tuple[str, ...]
    language: str


@contextmanager
def compiled() -> Iterator[Sockets]:
    """sockets.c, compiled for this run; without gcc its equivalent in Python."""
    gcc = shutil.which("gcc")
    if gcc is None:
        print("(gcc is not installed: the raw send loop and the clients are Python)")
        yield Sockets((sys.executable, str(HERE / "sockets.py")), "Python")
        return
    with tempfile.TemporaryDirectory(prefix="funcjson-bench-") as folder:
        program = Path(folder) / "sockets"
        subprocess.run([gcc, "-O2", "-o", program, HERE / "sockets.c"], check=True)
        yield Sockets((str(program),), "C")


@dataclass
class Kind:
    """A server: how to start it, where clients connect, what they say and hear first."""

    name: str
    command: Sequence[str]
    path: str = "/"
    first: str = ""
    frames: int = 0


@dataclass
class Running:
    """A server with its clients."""

    kind: Kind
    server: Program
    clients: Program
    count: int
    port: str
    cpu_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)

    def deliver(
        self, command: str, rounds: int, size: int, *, messages: int = 1, pause_us: int = 0
    ) -> tuple[float, float]:
        """(CPU, wall) microseconds per delivery of `rounds` times `messages` broadcasts."""
        deliveries = rounds * messages * self.count
        cpu, wall = self.server.cpu_s, time.perf_counter()
        self.clients.tell(f"expect {deliveries * size}")
        self.server.tell(f"{command} {rounds} {pause_us}")
        got = self.clients.hear().split()
        wall = time.perf_counter() - wall
        assert self.server.hear() == "sent"
        cpu = self.server.cpu_s - cpu
        if int(got[1]) != deliveries * size or got[2] != "0":
            raise SystemExit(f"{self.kind.name}: {got} instead of {deliveries * size} bytes")
        return cpu / deliveries * 1e6, wall / deliveries * 1e6


@contextmanager
def started(kind: Kind, sockets: Sockets, count: int, stalled: int = 0) -> Iterator[Running]:
    with running(*kind.command) as server:
        port = server.hear().removeprefix("port ")
        with with_clients(kind, server, port, sockets, count, stalled) as found:
            yield found


@contextmanager
def with_clients(
    kind: Kind, server: Program, port: str, sockets: Sockets, count: int, stalled: int = 0
) -> Iterator[Running]:
    """Clients of a server that runs already."""
    arguments = (port, kind.path, str(count), kind.first, str(kind.frames), str(stalled))
    with running(*sockets.command, "receive", *arguments) as clients:
        assert clients.hear() == "ready"
        yield Running(kind, server, clients, count - stalled, port)


def ours(size: int, *more: str) -> Kind:
    command = (sys.executable, str(HERE / "signalr_node.py"), str(size), *more)
    return Kind("funcjson", command, client_path(), HANDSHAKE, 1)


def others(size: int, sockets: Sockets) -> list[Kind]:
    """The raw loop, and what is installed of the libraries."""
    kinds = [Kind(f"{sockets.language} send loop", (*sockets.command, "send", str(size)))]
    node, script = shutil.which("node"), str(HERE / "other_servers.mjs")
    if node and (HERE / "node_modules" / "ws").is_dir():
        kinds.append(Kind("Node ws", (node, script, "ws", str(size))))
    if node and (HERE / "node_modules" / "socket.io").is_dir():
        path = "/socket.io/?EIO=4&transport=websocket"
        kinds.append(Kind("socket.io", (node, script, "socketio", str(size)), path, "40", 2))
    return kinds


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios within each round."""
    return middle([mine / other for mine, other in zip(ours, theirs, strict=True)])
