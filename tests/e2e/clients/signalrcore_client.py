"""A chat client on signalrcore. Arguments: the functions' base URL, the user.

Prints what happens as lines of JSON; ends when its input ends.
"""

import json
import os
import sys

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.protocol.json_hub_protocol import JsonHubProtocol


def say(happened: dict) -> None:
    print(json.dumps(happened), flush=True)


def chat(functions: str, user: str) -> None:
    headers = {"x-ms-client-principal-id": user, "x-ms-client-principal-name": user}
    connection = (
        HubConnectionBuilder()
        .with_url(functions, options={"headers": headers})
        # Without a protocol this client takes MessagePack after a redirect.
        .with_hub_protocol(JsonHubProtocol())
        .build()
    )
    connection.on_open(lambda: say({"event": "connected"}))
    connection.on(
        "newMessage", lambda arguments: say({"event": "message", "message": arguments[0]})
    )
    connection.start()
    sys.stdin.read()
    # Its stop() returns only after the service's next ping, up to 15 s later.
    os._exit(0)


chat(*sys.argv[1:])
