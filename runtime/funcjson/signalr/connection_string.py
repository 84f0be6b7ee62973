"""The connection string of a SignalR service: its grammar, its errors, the endpoint it names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from funcjson.signalr.errors import SignalRError

EndpointType = Literal["Primary", "Secondary"]

IDENTITY_KINDS = ("aad", "azure", "azure.app", "azure.msi")
KNOWN_KEYS = (
    "Endpoint",
    "AccessKey",
    "Version",
    "Port",
    "ClientEndpoint",
    "ServerEndpoint",
    "AuthType",
    "clientId",
    "clientSecret",
    "clientCert",
    "tenantId",
)

_DEFAULT_PORTS = {"http": 80, "https": 443}
_VERSION = re.compile(r"1\.[0-9]+(?:[\w\-.]+)?")
_PORT = re.compile(r"\s*\+?[0-9]{1,20}\s*")
_QUOTES = ("'", '"')
_EXAMPLE = "Endpoint=http://localhost;Port=8888;AccessKey=...;Version=1.0;"


class ConnectionStringError(SignalRError):
    """A connection string that the real SDK refuses.

    `message` is its own text, `hint` says what to change.

    Neither ever holds the access key or another secret of the string.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})"


@dataclass(frozen=True, slots=True)
class Identity:
    """How an endpoint without a key proves who it is. Secrets do not show in the repr."""

    kind: str  # "aad", "azure", "azure.app" or "azure.msi"
    client_id: str = ""
    tenant_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_cert: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """One SignalR service: where it is, and how tokens for it are signed.

    `endpoint` is scheme://host[:port] without a path. `client_endpoint` and `server_endpoint` are
    what clients and REST
    calls use; both end in "/". `access_key` is None for identity-based connections. The key never
    shows in the repr.
    """

    endpoint: str
    access_key: str | None = field(default=None, repr=False)
    name: str = ""
    endpoint_type: EndpointType = "Primary"
    client_endpoint: str = ""
    server_endpoint: str = ""
    version: str = ""
    identity: Identity | None = None
    key_id: str | None = None

    def __post_init__(self) -> None:
        for name in ("client_endpoint", "server_endpoint"):
            if not getattr(self, name):
                object.__setattr__(self, name, f"{self.endpoint}/")

    @property
    def audience_base(self) -> str:
        """The start of every audience: scheme://host/, never with the port (as the SDK has it)."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{_host(parts)}/"


def parse_connection_string(
    text: str | None, *, name: str = "", endpoint_type: EndpointType = "Primary"
) -> ServiceEndpoint:
    """The endpoint of a connection string, checked in the SDK's own order.

    Raises ConnectionStringError.
    """
    if text is None or not text.strip():
        raise ConnectionStringError(
            "'connectionString' cannot be null or whitespace. (Parameter 'connectionString')",
            f"give a value such as {_EXAMPLE}",
        )
    values = _properties(text)
    endpoint = _endpoint(values, text)
    version = _version(values)
    port = _port(values)
    if port is not None:
        endpoint = endpoint._replace(netloc=f"{_host(endpoint)}:{port}")
    client = _client_endpoint(values)
    server = _server_endpoint(values)
    identity = _identity(values)
    return ServiceEndpoint(
        endpoint=f"{endpoint.scheme}://{_netloc(endpoint)}",
        access_key=None if identity else _access_key(values),
        name=name,
        endpoint_type=endpoint_type,
        client_endpoint=_base(client or endpoint),
        server_endpoint=_base(server or endpoint),
        version=version,
        identity=identity,
    )


def remarks(text: str) -> Iterator[str]:
    """What is probably not meant in a connection string that can be read. Never a part of it."""
    pieces = [piece.strip() for piece in text.split(";")]
    if any(piece and "=" not in piece for piece in pieces):
        yield (
            "it holds text that is not NAME=VALUE, such as a comment or the rest of another line;"
            " that is skipped without a word"
        )
    keys = [
        value
        for name, _, value in (piece.partition("=") for piece in pieces)
        if name.strip().lower() == "accesskey"
    ]
    if any(re.search(r"\s", key.strip()) for key in keys):
        yield "AccessKey has a blank in it; all that stands before the next ';' is taken as the key"


def _properties(text: str) -> dict[str, str]:
    """Values by lower-cased key. A piece without "=" is skipped silently, as upstream does."""
    pieces = [piece for piece in text.split(";") if piece]
    if len(pieces) < 2:
        raise ConnectionStringError(
            "Connection string missing required properties endpoint."
            " (Parameter 'connectionString')",
            _not_a_connection_string(text),
        )
    values: dict[str, str] = {}
    for piece in pieces:
        key, found, value = piece.partition("=")
        if not found:
            continue
        key = key.strip()
        if key.lower() in values:
            raise ConnectionStringError(
                f"Duplicate properties found in connection string: {key}.",
                f"keep only one '{key}'; letter case does not matter in names",
            )
        values[key.lower()] = value.strip()
    return values


def _endpoint(values: Mapping[str, str], text: str) -> SplitResult:
    if "endpoint" not in values:
        raise ConnectionStringError(
            "Connection string missing required properties endpoint. (Parameter 'endpoint')",
            _missing("endpoint", values, text),
        )
    value = values["endpoint"]
    parts = _http_url(value.rstrip("/"))
    if parts is None:
        raise ConnectionStringError(
            "Invalid value for endpoint property, it must be a valid URI. (Parameter 'endpoint')",
            _bad_url("Endpoint", value),
        )
    return parts


def _version(values: Mapping[str, str]) -> str:
    value = values.get("version")
    if value is None:
        return ""
    if not _VERSION.fullmatch(value):
        raise ConnectionStringError(
            f"Version {value} is not supported. (Parameter 'version')",
            "write Version=1.0, or leave Version out",
        )
    return value


def _port(values: Mapping[str, str]) -> int | None:
    value = values.get("port")
    if value is None:
        return None
    if not _PORT.fullmatch(value) or not 0 < int(value) < 65536:
        raise ConnectionStringError(
            "Invalid value for port property, it must be an positive integer between (0, 65536)"
            " (Parameter 'port')",
            "give Port a whole number from 1 to 65535, or leave it out",
        )
    return int(value)


def _client_endpoint(values: Mapping[str, str]) -> SplitResult | None:
    value = values.get("clientendpoint")
    if value is None:
        return None
    parts = _http_url(value)
    if parts is None:
        raise ConnectionStringError(
            "Invalid value for clientEndpoint property, it must be a valid URI."
            " (Parameter 'clientEndpoint')",
            _bad_url("ClientEndpoint", value),
        )
    return parts


def _server_endpoint(values: Mapping[str, str]) -> SplitResult | None:
    value = values.get("serverendpoint")
    if value is None:
        return None
    parts = _http_url(value)
    if parts is None:
        raise ConnectionStringError(
            f"ServerEndpoint property in connection string is not a valid URI: {value}.",
            _bad_url("ServerEndpoint", value),
        )
    return parts


def _access_key(values: Mapping[str, str]) -> str:
    key = values.get("accesskey", "")
    if key:
        return key
    raise ConnectionStringError(
        "accesskey is required. (Parameter 'accesskey')",
        "AccessKey has no value: copy the whole connection string again"
        if "accesskey" in values
        else _missing("accesskey", values, ""),
    )


def _identity(values: Mapping[str, str]) -> Identity | None:
    kind = values.get("authtype", "").lower()
    if kind not in IDENTITY_KINDS:  # any other AuthType means an access key
        return None
    if kind == "azure.app":
        for wanted, parameter, given in (
            ("clientId", "clientId", "clientid" in values),
            ("tenantId", "tenantId", "tenantid" in values),
            (
                "clientSecret or clientCert",
                "clientSecret",
                "clientsecret" in values or "clientcert" in values,
            ),
        ):
            if not given:
                raise ConnectionStringError(
                    f"Connection string missing required properties {wanted}."
                    f" (Parameter '{parameter}')",
                    f"AuthType=azure.app signs in as an application: add {wanted}",
                )
    return Identity(
        kind,
        client_id=values.get("clientid", ""),
        tenant_id=values.get("tenantid", ""),
        client_secret=values.get("clientsecret", ""),
        client_cert=values.get("clientcert", ""),
    )


def _http_url(value: str) -> SplitResult | None:
    """An absolute http(s) URL with a host and a sound port, or None."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0:
        return None
    return None if re.search(r"[\s<>\"{}|\\^`]", value) else parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _netloc(parts: SplitResult) -> str:
    default = parts.port is None or parts.port == _DEFAULT_PORTS[parts.scheme]
    return _host(parts) if default else f"{_host(parts)}:{parts.port}"


def _base(parts: SplitResult) -> str:
    """A URL to append paths to.

    Upstream forgets the "/" after a path (`https://gw/pclient/`); we put it in.
    """
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{_netloc(parts)}{path}/"


# Hints. They name keys and public parts, and never repeat a value that could be a secret.

_OTHER_SERVICES = (
    ("defaultendpointsprotocol=", "a storage account"),
    ("accountendpoint=", "Cosmos DB"),
    ("endpoint=sb://", "Service Bus or Event Hubs"),
    ("hostname=", "IoT Hub"),
    ("instrumentationkey=", "Application Insights"),
    ("server=", "a database"),
)


def _not_a_connection_string(text: str) -> str:
    bare = text.strip()
    if _quoted(bare):
        return "take the quotation marks away, also the inner ones"
    if "<" in bare and ">" in bare:
        return f"this is still a placeholder: put in the value from the service, such as {_EXAMPLE}"
    if "=" not in bare and ";" not in bare:
        return (
            "this looks like the name of a setting or a part of the value, not like a connection"
            f" string: {_EXAMPLE}"
        )
    return f"a connection string has at least an endpoint and a key: {_EXAMPLE}"


def _missing(key: str, values: Mapping[str, str], text: str) -> str:
    wanted = {"endpoint": "Endpoint", "accesskey": "AccessKey"}[key]
    lowered = text.lower()
    for start, service in _OTHER_SERVICES:
        if start in lowered:
            return f"this is the connection string of {service}, not of a SignalR service"
    if _quoted(text.strip()):
        return "take the quotation marks away, also the inner ones"
    near = difflib.get_close_matches(key, list(_unknown(values)), n=1, cutoff=0.6)
    if near:
        return f"did you mean {wanted}? the string has '{near[0]}'"
    return f"add {wanted}=...: {_EXAMPLE}"


def _unknown(values: Mapping[str, str]) -> Iterator[str]:
    known = {key.lower() for key in KNOWN_KEYS}
    return (key for key in values if key not in known)


def _quoted(text: str) -> bool:
    return text.startswith(_QUOTES) or text.endswith(_QUOTES)


def _bad_url(key: str, value: str) -> str:
    if "<" in value and ">" in value:
        return f"{key} is still a placeholder: put in the URL of the service"
    if value.startswith(_QUOTES):
        return f"take the quotation marks in {key} away"
    if value.lower().startswith("sb://"):
        return (
            "this is the connection string of Service Bus or Event Hubs, not of a SignalR service"
        )
    if "://" not in value and value:
        return f"{key} must start with http:// or https://"
    return (
        f"{key} must be a whole http:// or https:// URL with a host, such as http://localhost:8888"
    )
