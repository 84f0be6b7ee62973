"""pysignalr, obeying commands as signalr_client.mjs does. Argument: options as JSON."""

import asyncio
import contextlib
import json
import sys
from typing import Any

from pysignalr.client import SignalRClient
from pysignalr.exceptions import ServerError
from pysignalr.messages import CompletionMessage
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

OPTIONS = json.loads(sys.argv[1])
PROTOCOLS = {"json": JSONProtocol, "messagepack": MessagepackProtocol}


def say(event: str, **more: Any) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


async def run() -> None:
    client = SignalRClient(
        OPTIONS["url"],
        protocol=PROTOCOLS[OPTIONS["protocol"]](),
        ping_interval=OPTIONS.get("ping", 15),
    )

    async def opened() -> None:
        say("connected")

    async def closed() -> None:
        say("closed")

    async def message(arguments: list[Any]) -> None:
        say("message", arguments=arguments)

    async def answered(completion: CompletionMessage) -> None:
        if completion.error:
            return  # told by `failed`
        say("result", value=completion.result if completion.result is not None else "nothing")

    async def failed(completion: CompletionMessage) -> None:
        say("failure", error=completion.error)

    async def ask(arguments: list[Any]) -> int:
        return int(arguments[0]) * 2

    client.on_open(opened)
    client.on_close(closed)
    client.on_error(failed)
    client.on("newMessage", message)
    client.on("ask", ask)
    running = asyncio.create_task(client.run())
    while True:
        reading = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        await asyncio.wait({running, reading}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            try:
                running.result()
                say("ended", error=None)
            except ServerError as error:
                say("ended", error=error.message)
            except Exception as error:  # noqa: BLE001 - what ended it is what a test wants to know
                say("ended", error=str(error), kind=type(error).__name__)
            await reading
            return
        line = reading.result()
        if not line:
            break
        command = json.loads(line)
        if command["do"] == "invoke":
            await client.send(command["target"], command["arguments"], answered)
        elif command["do"] == "send":
            await client.send(command["target"], command["arguments"])
        elif command["do"] == "idle":
            await asyncio.sleep(command["milliseconds"] / 1000)
            say("idle", state="Connected")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


asyncio.run(run())
