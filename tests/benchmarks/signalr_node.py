"""Our service as a process that benchmarks drive: `python signalr_node.py SIZE [URL_OF_REDIS]`.

Commands come as lines on standard input; each is answered by one line:

    send COUNT PAUSE_US     COUNT messages to all, with a pause after each  -> sent
    burst COUNT PAUSE_US    COUNT times ten messages to all within one turn -> sent
    memory                  resident bytes, after collecting garbage        -> memory BYTES
    connections             how many connections hub "chat" has             -> connections COUNT

SIZE is the size of a message as a JSON client gets it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import sys
from pathlib import Path

from funcjson.signalr.backplane.redis import RedisBackplane
from funcjson.signalr.messages import Invocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.server import SignalRServer

KEY = "k" * 44


def message_of(size: int) -> Invocation:
    """An invocation that a JSON client gets as so many bytes."""
    empty = len(PROTOCOLS["json"].encode(Invocation("m", ("",))))
    return Invocation("m", ("x" * (size - empty),))


def resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def main(size: int, redis_url: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    backplane = RedisBackplane(redis_url) if redis_url else None
    options = ServiceOptions(port=0, keys=(KEY,), keep_alive_s=0, audience="off")
    server = SignalRServer(options, backplane=backplane)
    await server.start()
    say(f"port {server.port}")
    message = message_of(size)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode():
        command, *numbers = line.split()
        if command == "memory":
            say(f"memory {resident_bytes()}")
            continue
        if command == "connections":
            say(f"connections {len(server.service.sessions.hub('chat').connections)}")
            continue
        count, pause_us = map(int, numbers)
        for _ in range(count):
            for _ in range(10 if command == "burst" else 1):
                await server.service.send_to_all("chat", message)
            await asyncio.sleep(pause_us / 1e6)
        say("sent")
    await server.stop()


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
