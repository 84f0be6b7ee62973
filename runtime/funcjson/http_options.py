"""What the HTTP side is told: how to listen and whom to believe, and what it may ask of the host."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from funcjson.cors import IN_SETTINGS
from funcjson.errors import Location
from funcjson.identity import Shape
from funcjson.listening import DEFAULT_ADDRESS, DEFAULT_PORT
from funcjson.model import HttpRequest, HttpResponse, TriggerEvent

MAX_BODY = 104_857_600  # bytes, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT's default


class HostFacade(Protocol):
    """What the HTTP side needs of the host. Routes come by `HttpServer.use_routes`."""

    @property
    def ready(self) -> bool:
        """Whether functions can run; until then every URL answers 503."""

    async def invoke(self, function: str, event: TriggerEvent) -> HttpResponse:
        """Run an HTTP function; raises FuncJsonError, already logged."""

    async def fire(self, function: str, event: TriggerEvent) -> Any:
        """Run a function that has no HTTP caller; raises FuncJsonError, already logged."""

    async def webhook(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """A request to /runtime/webhooks/NAME; None when nothing listens there."""


@dataclass(frozen=True, slots=True)
class HttpServerOptions:
    """How to listen and whom to believe. `port` 0 chooses a free one.

    `azure` reproduces Azure's own behaviour where it differs. `max_body` is in bytes. `auth_shape` None: that of
    Static Web Apps when the app is the API of one.
    """

    address: str = DEFAULT_ADDRESS
    port: int = DEFAULT_PORT
    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False
    cors_at: Location = IN_SETTINGS
    auth: bool = False
    persona: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    app_root: Path = field(default_factory=Path)
    azure: bool = False
    auth_shape: Shape | None = None
    max_body: int = MAX_BODY
