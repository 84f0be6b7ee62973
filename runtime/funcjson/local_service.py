"""Which SignalR service an app uses, and the embedded one.

With no connection string (or an empty or placeholder one) the embedded service is used, with a key made for this run; with one,
that service is used; one that names a loopback endpoint where nothing listens makes the embedded service listen there with that key.
"""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from funcjson.errors import Location, Problem, Severity, WorkerStartError
from funcjson.local_settings import is_placeholder
from funcjson.settings import Settings
from funcjson.signalr.credentials import ServiceEndpoint, parse_connection_string
from funcjson.signalr.errors import SignalRError
from funcjson.signalr.events import ClientEvents
from funcjson.signalr.loopback import is_loopback
from funcjson.signalr.options import ServiceOptions

if TYPE_CHECKING:
    from funcjson.signalr.server import SignalRServer

log = logging.getLogger("funcjson.host")

DEFAULT_PORT = 8888


@dataclass(frozen=True, slots=True)
class Need:
    """What the app's connection settings ask of the embedded service.

    `default`: a setting is absent, empty or a placeholder. `port` and `keys` come from loopback connection strings where
    nothing listens; `endpoints` are the loopback endpoints that the embedded service stands in for, and `notes` what its user should know.
    """

    default: bool = False
    port: int | None = None
    keys: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    notes: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return self.default or bool(self.endpoints)


def find_need(settings: Settings, names: Iterable[str], explicit_port: bool) -> Need:
    """Look at every connection setting that a binding names. `explicit_port`: the user chose where the service listens."""
    default = False
    port: int | None = None
    keys: list[str] = []
    endpoints: list[str] = []
    notes: list[Problem] = []
    for name in sorted(set(names)):
        text = settings.connection_string(name)
        if is_absent(text):
            default = default or not _has_other_endpoints(settings, name)
            continue
        endpoint = _loopback(text)
        if endpoint is None or endpoint.access_key is None:
            continue
        where = urlsplit(endpoint.endpoint)
        number = where.port or (443 if where.scheme == "https" else 80)
        if not explicit_port and _listens(where.hostname or "localhost", number):
            continue
        port = number if port is None else port
        keys.append(endpoint.access_key)
        endpoints.append(endpoint.endpoint)
        if where.scheme == "https":
            notes.append(_not_encrypted(name, number, settings))
    return Need(
        default, port, tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(endpoints)), tuple(notes)
    )


def _not_encrypted(name: str, port: int, settings: Settings) -> Problem:
    return Problem(
        "FJ0129",
        f"the connection string in the setting '{name}' says https, and the local service speaks http",
        settings.connection_place(name),
        "nothing listens there, so the local service does, which has no certificate: clients are sent to http",
        f"write Endpoint=http://localhost;Port={port}; or put a proxy with a certificate in front of the service",
        Severity.WARNING,
    )


def is_absent(text: str | None) -> bool:
    """No connection string, an empty one, or one that still is the documentation's placeholder."""
    return text is None or not text.strip() or is_placeholder(text)


def _has_other_endpoints(settings: Settings, name: str) -> bool:
    return (
        bool(settings.named_endpoints())
        or bool(settings.named_identities())
        or settings.identity(name) is not None
    )


def _loopback(text: str | None) -> ServiceEndpoint | None:
    try:
        endpoint = parse_connection_string(text)
    except SignalRError:
        return None  # its own Problem comes when a binding uses it
    return endpoint if is_loopback(urlsplit(endpoint.endpoint).hostname or "") else None


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.3):
            return True
    except OSError:
        return False


class EmbeddedService:
    """The local SignalR service inside the host; it outlives reloads of the app, so sockets stay connected."""

    def __init__(self, server: SignalRServer, need: Need, key: str) -> None:
        self.server = server
        self._replaces = frozenset(need.endpoints)
        self._key = key

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def keys(self) -> tuple[str, ...]:
        return (self._key,)

    @property
    def endpoint(self) -> ServiceEndpoint:
        client = self.server.options.client_endpoint
        return ServiceEndpoint(
            endpoint=self.server.url.rstrip("/"),
            access_key=self._key,
            client_endpoint=f"{client}/" if client else "",
        )

    @property
    def misleads_others(self) -> bool:
        """Whether clients on other machines are sent to their own localhost."""
        options = self.server.options
        anywhere = options.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        return anywhere and not options.client_endpoint

    def serves(self, endpoint: ServiceEndpoint) -> bool:
        """Whether this connection string leads to the embedded service."""
        return endpoint.endpoint in self._replaces or endpoint.endpoint == self.endpoint.endpoint

    async def stop(self) -> None:
        await self.server.stop()


async def start_embedded(
    need: Need, port: int | None, options: ServiceOptions, events: ClientEvents
) -> EmbeddedService:
    """Start it on the port that the user chose, else the one a loopback connection string names, else 8888."""
    key = need.keys[0] if need.keys else secrets.token_urlsafe(33)
    chosen = port if port is not None else (need.port or DEFAULT_PORT)
    # A seventh of a start, which apps without SignalR bindings need not wait for.
    from funcjson.signalr.server import SignalRServer  # noqa: PLC0415 - as the comment says

    server = SignalRServer(
        replace(options, port=chosen, keys=(*need.keys,) or (key,), names_recipients=True),
        events=events,
    )
    try:
        await server.start()
    except OSError as error:
        raise WorkerStartError(
            Problem(
                "FJ0521",
                f"the local SignalR service cannot listen on port {chosen}: {error.strerror or error}",
                Location("--service-port"),
                "another program is using the port, often an earlier run or the official emulator",
                "stop it, or choose another port: --service-port 0 takes any free one",
            )
        ) from error
    return EmbeddedService(server, need, key)
