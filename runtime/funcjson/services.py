"""What the host lends to bindings: settings, SignalR endpoints, REST clients, the clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from funcjson.errors import ConnectionStringInvalid, Location, Problem, SettingNotFound
from funcjson.local_service import EmbeddedService, is_absent
from funcjson.settings import IdentityConnection, Settings
from funcjson.signalr.connection_string import ConnectionStringError
from funcjson.signalr.credentials import Identity, ServiceEndpoint, parse_connection_string
from funcjson.signalr.rest_client import (
    CredentialSource,
    HttpTransport,
    LocalTransport,
    RestClient,
    Retry,
    Transport,
    Within,
    credential_of,
    parse_timespan,
)

log = logging.getLogger("funcjson.host")

FRAMES_SETTING = "Azure:SignalR:HubProtocol:MessagePack:Enabled"
TIMEOUT_SETTING = "AzureSignalRHttpClientTimeout"
NOT_SET = (
    "ServiceEndpoints is empty. ConnectionString is  null, empty, or consists only of white-space."
)
BLANK_SETTING = (
    "'connectionStringKey' cannot be null or whitespace (Parameter 'connectionStringKey')"
)


class HostServices:
    """The `Services` of one loaded version of an app. Endpoints are parsed once per setting name."""

    def __init__(
        self,
        settings: Settings,
        embedded: EmbeddedService | None,
        transport: HttpTransport,
        credential: CredentialSource = credential_of,
    ) -> None:
        self.settings = settings
        self._embedded = embedded
        self._transport: Transport = transport
        self._credential = credential
        self._retry = _read(lambda: Retry.from_settings(settings.get), Retry())
        if text := (settings.get(TIMEOUT_SETTING) or "").strip():
            seconds = _read(
                lambda: parse_timespan(text), transport.timeout_s, f"{TIMEOUT_SETTING}: "
            )
            self._transport = Within(transport, seconds)
        self._as_frames = _read(lambda: _encodes_messages(settings), False, f"{FRAMES_SETTING}: ")
        self._local = LocalTransport(embedded.server.handle_rest) if embedded else None
        self._endpoints: dict[str, tuple[ServiceEndpoint, ...]] = {}
        self._clients: dict[ServiceEndpoint, RestClient] = {}

    def now(self) -> float:
        return time.time()

    def endpoints(self, setting: str, where: Location) -> tuple[ServiceEndpoint, ...]:
        found = self._endpoints.get(setting)
        if found is None:
            found = self._find(setting, where)
            # Only successes are kept, as on the real platform: a setting that is fixed works at the next call.
            self._endpoints[setting] = found
        return found

    def _find(self, setting: str, where: Location) -> tuple[ServiceEndpoint, ...]:
        if not setting.strip():
            raise SettingNotFound(_blank_setting(where))
        found: list[ServiceEndpoint] = []
        for named in self.settings.named_endpoints():
            section = f"Azure:SignalR:Endpoints:{named.name}"
            found.append(
                self._parse(named.connection_string, section, where, named.name, named.kind)
            )
        for one in self.settings.named_identities():
            found.append(_identity_endpoint(one, where))
        text = self.settings.connection_string(setting)
        if not is_absent(text):
            found.append(self._parse(text, setting, where, "", "Primary"))
        elif (identity := self.settings.identity(setting)) is not None:
            found.append(_identity_endpoint(identity, where))
        elif not found:
            if self._embedded is None:
                raise SettingNotFound(_not_set(setting, where))
            found.append(self._embedded.endpoint)
        return tuple(found)

    def _parse(
        self, text: str | None, setting: str, where: Location, name: str, kind: str
    ) -> ServiceEndpoint:
        try:
            endpoint = parse_connection_string(
                text, name=name, endpoint_type="Secondary" if kind == "Secondary" else "Primary"
            )
        except ConnectionStringError as error:
            raise ConnectionStringInvalid(_malformed(setting, error, where)) from error
        if self._embedded is not None and self._embedded.serves(endpoint):
            return self._embedded.endpoint
        return endpoint

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        client = self._clients.get(endpoint)
        if client is None:
            local = self._embedded is not None and endpoint == self._embedded.endpoint
            transport = self._local if local and self._local is not None else self._transport
            client = self._clients[endpoint] = RestClient(
                endpoint,
                transport,
                retry=self._retry,
                credential=self._credential,
                as_frames=self._as_frames,
            )
        return client


_T = TypeVar("_T")


def _read(read: Callable[[], _T], default: _T, before: str = "") -> _T:
    """A setting of the REST client; one that cannot be read is told, and the default is used."""
    try:
        return read()
    except ValueError as error:
        log.warning("%s%s; the default is used", before, error)
        return default


def _encodes_messages(settings: Settings) -> bool:
    """Whether sends carry the message in each hub protocol's own bytes. Raises ValueError."""
    text = (settings.get(FRAMES_SETTING) or "").strip()
    if text.lower() not in ("", "true", "false"):
        raise ValueError(f"'{text}' is neither true nor false")
    return text.lower() == "true"


def _identity_endpoint(identity: IdentityConnection, where: Location) -> ServiceEndpoint:
    """The endpoint of `serviceUri` and its neighbours. Raises ConnectionStringInvalid."""
    parts = {
        "Endpoint": identity.service_uri,
        "ClientEndpoint": identity.client_endpoint,
        "ServerEndpoint": identity.server_endpoint,
        "AuthType": "azure",
    }
    text = ";".join(f"{name}={value}" for name, value in parts.items() if value)
    try:
        endpoint = parse_connection_string(
            text,
            name=identity.name,
            endpoint_type="Secondary" if identity.kind == "Secondary" else "Primary",
        )
    except ConnectionStringError as error:
        raise ConnectionStringInvalid(_bad_identity(identity.setting, error, where)) from error
    managed = identity.credential.lower() == "managedidentity"
    return replace(
        endpoint,
        identity=Identity(
            "azure.msi" if managed else "azure",
            identity.client_id,
            identity.tenant_id,
            identity.client_secret,
        ),
    )


def _blank_setting(where: Location) -> Problem:
    return Problem(
        "FJ0305",
        "connectionStringSetting is blank",
        where,
        "it must be the NAME of an app setting that holds the connection string",
        'remove it to use the default, or write "connectionStringSetting": "AzureSignalRConnectionString"',
        azure=BLANK_SETTING,
    )


def _not_set(setting: str, where: Location) -> Problem:
    return Problem(
        "FJ0305",
        f"the setting '{setting}' is not set, so there is no SignalR service to use",
        where,
        "no environment variable and no value in local.settings.json has that name, and no local service is running",
        f'add "{setting}" to Values in local.settings.json, or start the app with `funcjson start`',
        azure=NOT_SET,
    )


def _malformed(setting: str, error: ConnectionStringError, where: Location) -> Problem:
    return Problem(
        "FJ0306",
        f"the connection string in the setting '{setting}' is malformed",
        where,
        error.hint,
        "it reads Endpoint=https://NAME.service.signalr.net;AccessKey=KEY;Version=1.0; (copy it from the service's Keys page)",
        azure=error.message,
    )


def _bad_identity(setting: str, error: ConnectionStringError, where: Location) -> Problem:
    return Problem(
        "FJ0306",
        f"the identity-based connection '{setting}' is malformed",
        where,
        error.hint.replace("Endpoint must", "serviceUri must"),
        f"set {setting.replace(':', '__')}__serviceUri to https://NAME.service.signalr.net",
        azure=error.message,
    )
