"""An app in which ten messages do not arrive, each for another reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PAGE = """<script>
  // A page as apps have it: it listens for one target of the SignalR service.
  const connection = new signalR.HubConnectionBuilder().withUrl("/api").build();
  connection.on("newMessage", (text) => document.body.append(text));
</script>
"""
TRIGGER = {
    "type": "httpTrigger",
    "direction": "in",
    "name": "req",
    "authLevel": "anonymous",
    "methods": ["get", "post"],
}
ANSWER = {"type": "http", "direction": "out", "name": "res"}


def _send(hub: str = "chat") -> dict[str, str]:
    return {"type": "signalR", "direction": "out", "name": "signalRMessages", "hubName": hub}


def _info(**more: str) -> dict[str, str]:
    return {
        "type": "signalRConnectionInfo",
        "direction": "in",
        "name": "info",
        "hubName": "chat",
        **more,
    }


def _sets(value: str, name: str = "signalRMessages") -> str:
    return (
        "module.exports = async (context, req) => {\n"
        f"  context.bindings.{name} = {value};\n"
        "  context.res = { status: 202 };\n"
        "};\n"
    )


_MESSAGE = '{ target: "newMessage", arguments: ["hello"] }'
FUNCTIONS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "negotiate": (
        [TRIGGER, ANSWER, _info(userId="{headers.x-ms-client-principal-id}")],
        "module.exports = async (context) => { context.res = { body: context.bindings.info }; };\n",
    ),
    "send": ([TRIGGER, ANSWER, _send()], _sets(_MESSAGE)),
    "wrongHub": ([TRIGGER, ANSWER, _send("chta")], _sets(_MESSAGE)),
    "wrongGroup": (
        [TRIGGER, ANSWER, _send()],
        _sets('{ target: "newMessage", groupName: "lobby", arguments: ["hello"] }'),
    ),
    "wrongTarget": (
        [TRIGGER, ANSWER, _send()],
        _sets('{ target: "newMesage", arguments: ["hello"] }'),
    ),
    "wrongName": ([TRIGGER, ANSWER, _send()], _sets(_MESSAGE, "signalRMessage")),
    "wrongShape": ([TRIGGER, ANSWER, _send()], _sets('{ event: "newMessage", data: "hello" }')),
    "toConnection": (
        [TRIGGER, ANSWER, _send()],
        _sets('{ target: "newMessage", connectionId: req.body.id, arguments: ["hello"] }'),
    ),
    "ping": (
        [
            {
                "type": "signalRTrigger",
                "direction": "in",
                "name": "invocation",
                "hubName": "chat",
                "category": "messages",
                "event": "ping",
            }
        ],
        'module.exports = async () => "pong";\n',
    ),
}


def write_app(into: Path) -> Path:
    """The app's folder."""
    app = into / "seeded"
    app.mkdir()
    _json(app / "host.json", {"version": "2.0"})
    values = {"FUNCTIONS_WORKER_RUNTIME": "node", "AzureSignalRConnectionString": ""}
    _json(app / "local.settings.json", {"IsEncrypted": False, "Values": values})
    _json(app / "personas.json", {"alice": {"id": "alice"}, "bob": {"id": "bob"}})
    (app / "page.html").write_text(PAGE, encoding="utf-8")
    for name, (bindings, code) in FUNCTIONS.items():
        folder = app / name
        folder.mkdir()
        _json(folder / "function.json", {"bindings": bindings})
        (folder / "index.js").write_text(code, encoding="utf-8")
    return app


def add_misspelt(app: Path) -> None:
    """A function whose message is meant for a group, and goes to all: `group` is no member."""
    folder = app / "misspelt"
    folder.mkdir()
    _json(folder / "function.json", {"bindings": [TRIGGER, ANSWER, _send()]})
    value = '{ target: "newMessage", group: "red", arguments: ["hello"] }'
    (folder / "index.js").write_text(_sets(value), encoding="utf-8")


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
