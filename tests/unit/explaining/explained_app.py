"""An app of Python functions on disk, for explanations that bind or run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HTTP = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
ANSWER = {"type": "http", "direction": "out", "name": "$return"}
INFO = {
    "type": "signalRConnectionInfo",
    "direction": "in",
    "name": "info",
    "hubName": "chat",
    "userId": "{headers.x-ms-client-principal-id}",
}
SEND = {"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"}

FUNCTIONS: dict[str, list[dict[str, Any]]] = {
    "negotiate": [{**HTTP, "methods": ["post"]}, ANSWER, INFO],
    "send": [{**HTTP, "methods": ["post"], "route": "send/{who}"}, ANSWER, SEND],
    "tick": [
        {"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 0 * * * *"}
    ],
}
HANDLERS = {
    "negotiate": "def main(req, info):\n    return info\n",
    "send": (
        "import json\n\n\ndef main(req, messages):\n"
        "    print('sending')\n"
        "    who = req.route_params['who']\n"
        "    messages.set(json.dumps({'userId': who, 'target': 'news', 'arguments': [req.get_body().decode()]}))\n"
        "    return 'ok'\n"
    ),
    "tick": "def main(timer):\n    pass\n",
}


def write_app(root: Path, **values: str) -> Path:
    """The app, with these settings."""
    (root / "host.json").write_text('{"version": "2.0"}', "utf-8")
    (root / "requirements.txt").write_text("azure-functions\n", "utf-8")
    settings = {"IsEncrypted": False, "Values": {"FUNCTIONS_WORKER_RUNTIME": "python", **values}}
    (root / "local.settings.json").write_text(json.dumps(settings), "utf-8")
    for name, bindings in FUNCTIONS.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(
            json.dumps({"bindings": bindings}, indent=1), "utf-8"
        )
        (root / name / "__init__.py").write_text(HANDLERS[name], "utf-8")
    return root
