"""signalrcore, obeying commands as signalr_client.mjs does. Argument: options as JSON."""

import json
import sys
import time
from typing import Any

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.protocol.json_hub_protocol import JsonHubProtocol
from signalrcore.protocol.messagepack_protocol import MessagePackHubProtocol
from signalrcore.types import HttpTransportType

OPTIONS = json.loads(sys.argv[1])
PROTOCOLS = {"json": JsonHubProtocol, "messagepack": MessagePackHubProtocol}
TRANSPORTS = {
    "ServerSentEvents": HttpTransportType.server_sent_events,
    "LongPolling": HttpTransportType.long_polling,
}


def say(event: str, **more: Any) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


def answered(completion: Any) -> None:
    if completion.error:
        say("failure", error=completion.error)
    else:
        say("result", value=completion.result if completion.result is not None else "nothing")


options: dict[str, Any] = {}
if "transport" in OPTIONS:
    options["transport"] = TRANSPORTS[OPTIONS["transport"]]
builder = HubConnectionBuilder().with_url(OPTIONS["url"], options=options)
if OPTIONS.get("protocol"):
    builder = builder.with_hub_protocol(PROTOCOLS[OPTIONS["protocol"]]())
if OPTIONS.get("keep_alive"):
    builder = builder.with_automatic_reconnect(
        {
            "type": "interval",
            "keep_alive_interval": OPTIONS["keep_alive"],
            "intervals": [1, 1, 1],
        }
    )
connection = builder.build()
connection.on_open(lambda: say("connected"))
connection.on_close(lambda: say("closed"))
connection.on("newMessage", lambda arguments: say("message", arguments=arguments))
connection.start()
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "invoke":
        connection.send(command["target"], command["arguments"], answered)
    elif command["do"] == "send":
        connection.send(command["target"], command["arguments"])
    elif command["do"] == "idle":
        time.sleep(command["milliseconds"] / 1000)
        say("idle", state="Connected")
connection.stop()
