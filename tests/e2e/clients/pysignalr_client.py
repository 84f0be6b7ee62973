"""A chat client on pysignalr. Arguments: the functions' base URL, the user.

Prints what happens as lines of JSON; ends when its input ends.
"""

import asyncio
import contextlib
import json
import sys

from pysignalr.client import SignalRClient


def say(happened: dict) -> None:
    print(json.dumps(happened), flush=True)


async def chat(functions: str, user: str) -> None:
    headers = {"x-ms-client-principal-id": user, "x-ms-client-principal-name": user}
    client = SignalRClient(functions, headers=headers)

    async def opened() -> None:
        say({"event": "connected"})

    async def message(arguments: list) -> None:
        say({"event": "message", "message": arguments[0]})

    client.on_open(opened)
    client.on("newMessage", message)
    running = asyncio.create_task(client.run())
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
        sys.exit("the connection ended by itself")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


asyncio.run(chat(*sys.argv[1:]))
