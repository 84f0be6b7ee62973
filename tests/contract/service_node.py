"""One service node as a process: prints its port, serves until its input is closed.

python service_node.py [URL_OF_REDIS DEAD_AFTER_S]
"""

from __future__ import annotations

import asyncio
import sys

from funcjson.signalr.backplane.redis import RedisBackplane
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.server import SignalRServer


async def main(url: str = "", dead_after_s: float = 0) -> None:
    backplane = None
    if url:
        backplane = RedisBackplane(url, beat_s=dead_after_s / 4, dead_after_s=dead_after_s)
    server = SignalRServer(
        ServiceOptions(port=0, keys=("k" * 44,), close_timeout_s=2), backplane=backplane
    )
    await server.start()
    print(server.port, flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])) if len(sys.argv) > 2 else main())
