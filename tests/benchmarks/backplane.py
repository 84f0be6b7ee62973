"""What Redis adds to the CPU of a node: a node without it, one that is alone on it, one beside another node.

    python tests/benchmarks/backplane.py [--quick]

Redis is a real redis-server, started for the run. The other node is idle, or has as many clients: then each broadcast
goes through Redis to it, and waits for its answer.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import Sockets, compiled, middle, ours, ratio, running, started


@contextmanager
def redis(name: str) -> Iterator[str]:
    """The URL of a fresh server."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed (Debian: apt-get install redis-server)")
    with tempfile.TemporaryDirectory(prefix=f"funcjson-{name}-") as folder:
        path = Path(folder) / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not path.exists():
            time.sleep(0.01)
        try:
            yield f"unix://{path}"
        finally:
            server.kill()
            server.wait()


def compare(clients: int, size: int, rounds: int, sockets: Sockets) -> None:
    with ExitStack() as stack:
        names = ("alone", "joined", "busy")
        alone, joined, busy = (stack.enter_context(redis(name)) for name in names)
        other = stack.enter_context(running(*ours(size, joined).command))
        other.hear()
        stack.enter_context(started(ours(size, busy), sockets, clients))
        servers = {
            "without Redis": stack.enter_context(started(ours(size), sockets, clients)),
            "alone on Redis": stack.enter_context(started(ours(size, alone), sockets, clients)),
            "beside an idle node": stack.enter_context(
                started(ours(size, joined), sockets, clients)
            ),
            "beside a busy node": stack.enter_context(started(ours(size, busy), sockets, clients)),
        }
        turns = max(1, min(20_000 // clients, (1 << 20) // size))
        for number in range(rounds + 2):
            for server in servers.values():
                cpu, wall = server.deliver("send", turns, size, pause_us=1000 + 6 * clients)
                if number > 1:
                    server.cpu_us.append(cpu)
                    server.wall_us.append(wall)
        base = servers["without Redis"].cpu_us
        for name, server in servers.items():
            print(
                f"| {clients} x {size} B | {name} | {middle(server.cpu_us):.2f} | "
                f"{ratio(server.cpu_us, base):.2f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller run")
    given = parser.parse_args()
    print("| case | node | CPU us/delivery | CPU / CPU without Redis |")
    print("| --- | --- | --- | --- |")
    with compiled() as sockets:
        for clients in (100, 1000):
            compare(clients, 200, 7 if given.quick else 21, sockets)


if __name__ == "__main__":
    main()
