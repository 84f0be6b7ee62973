"""What connections cost that do nothing: memory of each, ten thousand of them, and one that does not read.

    python tests/benchmarks/connections.py [--quick]

Memory is the resident memory of the service's process; what the kernel keeps for a socket is not in it. Each
connection is a WebSocket after its handshake.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

from bench import Program, Sockets, compiled, ours, started, with_clients

KB, MB = 1024, 1 << 20


def memory(server: Program) -> int:
    return int(server.ask("memory").removeprefix("memory "))


def peak(server: Program) -> int:
    """The most resident bytes that a process ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * KB


def idle(count: int, sockets: Sockets) -> None:
    """Memory of an idle connection, and that all of them get a message."""
    with started(ours(200), sockets, 50) as warm:
        for _ in range(20):
            warm.deliver("send", 20, 200)
        before = memory(warm.server)
        with with_clients(warm.kind, warm.server, warm.port, sockets, count) as clients:
            each = (memory(warm.server) - before) / count
            held = warm.server.ask("connections")
            clients.deliver("send", 1, 200)
            print(f"| {count} idle connections | {each / KB:.1f} KB each | {held} |", flush=True)


def stalled(sockets: Sockets, megabytes: int) -> None:
    """Peak memory while 20 clients get so much, alone and beside one that does not read."""
    size, healthy = 4096, 20
    rounds = megabytes * MB // size
    peaks = []
    for stall in (0, 1):
        with started(ours(size), sockets, healthy + stall, stall) as running:
            running.deliver("send", 200, size, pause_us=200)
            before = peak(running.server)
            for _ in range(rounds // 200):
                running.deliver("send", 200, size, pause_us=200)
            peaks.append(peak(running.server) - before)
            held = running.server.ask("connections")
    print(
        f"| one of 21 clients does not read, {megabytes} MB offered to each | "
        f"{(peaks[1] - peaks[0]) / MB:.2f} MB more at the peak | the others got every byte; {held} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer connections")
    given = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    print(f"(at most {limit} open files in a process)")
    print("| case | cost | outcome |")
    print("| --- | --- | --- |")
    with compiled() as sockets:
        for count in (1000,) if given.quick else (1000, 5000, 10_000):
            idle(count, sockets)
        stalled(sockets, 16 if given.quick else 64)


if __name__ == "__main__":
    main()
