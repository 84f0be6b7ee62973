"""A custom handler for tests: `POST /NAME` runs `main(call)` of NAME/handler.py in the working directory.

`call` has the parsed body's members and "method", "target", "headers", "body". A dict that `main` returns is answered as JSON,
a tuple as (status, headers, bytes). The first path segment that is a folder with a handler.py names it.
"""

from __future__ import annotations

import json
import os
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

MODULES: dict[str, ModuleType] = {}


def module(name: str) -> ModuleType:
    """Each handler is read once, so that it can keep things between calls."""
    if name not in MODULES:
        found = MODULES[name] = ModuleType(name)
        found.__dict__["module"] = module
        source = (Path.cwd() / name / "handler.py").read_text(encoding="utf-8")
        exec(compile(source, f"{name}/handler.py", "exec"), found.__dict__)
    return MODULES[name]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """No line for each request."""

    def _run(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call: dict[str, Any] = {
            "method": self.command,
            "target": self.path,
            "headers": list(self.headers.items()),
            "body": body.decode("latin-1"),
        }
        if "json" in (self.headers.get("Content-Type") or "") and body:
            parsed = json.loads(body)
            call |= parsed if isinstance(parsed, dict) else {}
        parts = [part for part in urlsplit(self.path).path.split("/") if part]
        name = next((part for part in parts if (Path.cwd() / part / "handler.py").is_file()), None)
        if name is None:
            self._answer((404, [], b"no such function"))
            return
        try:
            self._answer(module(name).main(call))
        except Exception:  # noqa: BLE001 - whatever a handler raises is answered
            self._answer((500, [], traceback.format_exc().encode()))

    do_GET = do_POST = do_PUT = do_HEAD = _run

    def _answer(self, result: Any) -> None:
        if result is None:  # Hang up.
            self.close_connection = True
            return
        if isinstance(result, dict):
            result = (200, [("Content-Type", "application/json")], json.dumps(result).encode())
        status, headers, body = result
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    port = int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])
    server = Server(("127.0.0.1", port), Handler)
    server.serve_forever()
