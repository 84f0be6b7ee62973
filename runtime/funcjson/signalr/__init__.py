"""A local Azure SignalR Service in serverless mode, usable alone; imports nothing else of funcjson."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from funcjson.signalr.options import ServiceOptions
    from funcjson.signalr.server import SignalRServer, serve

__all__ = ["ServiceOptions", "SignalRServer", "serve"]

# Imported on use: who only reads a connection string need not load an HTTP server.
_HOMES = {"ServiceOptions": "options", "SignalRServer": "server", "serve": "server"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
