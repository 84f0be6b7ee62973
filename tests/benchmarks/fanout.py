"""What a broadcast costs per delivery, beside a C send loop, Node's ws and socket.io.

    npm ci --prefix tests/benchmarks        # for Node ws and socket.io
    python tests/benchmarks/fanout.py [--quick] [--clients 100,1000,5000] [--sizes 200,4096]

Every server is a process of its own with as many clients, which are C programs that count every byte.
In each round the servers take turns; ratios are made within a round. CPU is that of the server's process.
Between two broadcasts the clients have time to read, as between the messages of a chat; `--no-pause` sends as
fast as it goes, which makes sends to sockets that hold unread data look cheap: nobody has to be woken.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from bench import Sockets, compiled, middle, others, ours, ratio, started

DELIVERIES = 20_000  # of one server in one round


def compare(clients: int, size: int, rounds: int, sockets: Sockets, *, pause: bool) -> None:
    pause_us = 1000 + 6 * clients if pause else 0
    with ExitStack() as stack:
        kinds = [*others(size, sockets), ours(size)]
        servers = [stack.enter_context(started(kind, sockets, clients)) for kind in kinds]
        # What is sent at once must fit into the kernel's buffers, so that the clients are not measured.
        turns = max(1, min(DELIVERIES // clients, (1 << 20) // size))
        for _ in range(2):
            for server in servers:
                server.deliver("send", turns, size, pause_us=pause_us)
        for _ in range(rounds):
            for server in servers:
                cpu, wall = server.deliver("send", turns, size, pause_us=pause_us)
                server.cpu_us.append(cpu)
                server.wall_us.append(wall)
        own = servers[-1]
        bursts: list[float] = []
        singles: list[float] = []
        for _ in range(rounds):
            singles.append(
                own.deliver("send", max(1, turns // 10) * 10, size, pause_us=pause_us)[0]
            )
            burst = own.deliver("burst", max(1, turns // 10), size, messages=10, pause_us=pause_us)
            bursts.append(burst[0])
        for server in servers:
            print(
                f"| {clients} x {size} B | {server.kind.name} | {middle(server.cpu_us):.2f} "
                f"({min(server.cpu_us):.2f}..{max(server.cpu_us):.2f}) | {middle(server.wall_us):.2f} | "
                f"{ratio(own.cpu_us, server.cpu_us):.2f} |",
                flush=True,
            )
        print(
            f"| {clients} x {size} B | ten messages in a burst | {middle(bursts):.2f} | | "
            f"{ratio(bursts, singles):.2f} of ten single sends |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller run of about 20 s")
    parser.add_argument("--clients", default="100,1000,5000")
    parser.add_argument("--sizes", default="200,4096")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--no-pause", action="store_true", help="broadcasts back to back")
    given = parser.parse_args()
    counts = "100,1000" if given.quick else given.clients
    rounds = given.rounds or (7 if given.quick else 21)
    print("| case | server | CPU us/delivery (min..max) | wall us | CPU of funcjson / its CPU |")
    print("| --- | --- | --- | --- | --- |")
    with compiled() as sockets:
        for clients in map(int, counts.split(",")):
            for size in map(int, given.sizes.split(",")):
                compare(clients, size, rounds, sockets, pause=not given.no_pause)


if __name__ == "__main__":
    main()
