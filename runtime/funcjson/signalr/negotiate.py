"""Negotiate: connection ids and the transports that are offered."""

from __future__ import annotations

import json
from typing import Any

from funcjson.signalr.client_access import TRANSPORTS, ClientRequest
from funcjson.signalr.session import Caller
from funcjson.signalr.sessions import Sessions

NOT_AN_INTEGER = "The client requested a non-integer protocol version."
_FORMATS = {
    "WebSockets": ("Text", "Binary"),
    "ServerSentEvents": ("Text",),
    "LongPolling": ("Text", "Binary"),
}


def negotiate(request: ClientRequest, caller: Caller, sessions: Sessions) -> bytes:
    """The answer's JSON. Without a version the client is of version 0, where the id is also the token."""
    text = request.last("negotiateVersion")
    try:
        version = 0 if text is None else min(int(text), 1)
    except ValueError:
        return json.dumps({"error": NOT_AN_INTEGER}).encode()
    stateful = (request.last("useStatefulReconnect") or "").lower() == "true"
    session = sessions.begin(caller, version=max(version, 0), stateful=stateful)
    answer: dict[str, Any] = {"negotiateVersion": max(version, 0), "connectionId": session.id}
    if version >= 1:
        answer["connectionToken"] = session.token
    if stateful:
        answer["useStatefulReconnect"] = True
    answer["availableTransports"] = [
        {"transport": name, "transferFormats": list(_FORMATS[name])}
        for name in TRANSPORTS
        if name in caller.grants.transports
    ]
    return json.dumps(answer, separators=(",", ":")).encode()
