"""What all SignalR bindings share: the hub, the connection, the endpoints behind it, a client's
token.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from funcjson.binding_data import scalar_text
from funcjson.bindings.base import Resolved, Services
from funcjson.errors import BindingError, Location, Problem, Severity
from funcjson.model import Binding, Function
from funcjson.settings import Settings
from funcjson.signalr.credentials import (
    IdTokenError,
    KeyMissingError,
    ServiceEndpoint,
    TokenTooLongError,
    claims_from_id_token,
    client_url,
    mint_client_token,
)
from funcjson.signalr.rest_client import EntraError

DEFAULT_SETTING = "AzureSignalRConnectionString"
TRANSPORT_SETTING = "AzureSignalRServiceTransportType"
# Compared with letter case; the numbers are those of the .NET enumeration.
_TRANSPORTS = {"Transient": False, "0": False, "Persistent": True, "1": True}


def hub_name(resolved: Resolved) -> str:
    """The hub; raises BindingError when it is missing or empty."""
    hub = optional_text(resolved, "hubName")
    if not hub:
        raise BindingError(no_hub(resolved, hub))
    return hub


def optional_text(resolved: Resolved, name: str) -> str | None:
    """A property as text; None when it is absent or null, which is not the same as empty."""
    value = resolved.values.get(name)
    return value if value is None or isinstance(value, str) else scalar_text(value)


def setting_name(resolved: Resolved) -> str:
    """The name of the connection setting; null is no name, as on the real platform."""
    return str(resolved.values.get("connectionStringSetting", DEFAULT_SETTING) or "")


def endpoints_of(resolved: Resolved, services: Services) -> tuple[ServiceEndpoint, ...]:
    """The endpoints behind the binding's connection. Raises BindingError.

    Several are allowed only in persistent mode, as on the real platform.
    """
    where = resolved.where("connectionStringSetting")
    endpoints = services.endpoints(setting_name(resolved), where)
    persistent = is_persistent(services.settings, where)
    if len(endpoints) > 1 and not persistent:
        raise BindingError(_several_endpoints(endpoints, where))
    return endpoints


def is_persistent(settings: Settings, where: Location) -> bool:
    """Whether several endpoints are asked for. Raises BindingError for a value that the platform
    refuses.
    """
    text = settings.get(TRANSPORT_SETTING) or ""
    if not text.strip():
        return False
    if text not in _TRANSPORTS:
        raise BindingError(_bad_transport(text, where))
    return _TRANSPORTS[text]


def one_endpoint(endpoints: Sequence[ServiceEndpoint]) -> ServiceEndpoint:
    """The endpoint that a client is sent to: any primary one, else any secondary one."""
    primary = [one for one in endpoints if one.endpoint_type == "Primary"] or list(endpoints)
    return primary[0] if len(primary) == 1 else secrets.choice(primary)


async def connection_info(
    endpoint: ServiceEndpoint, hub: str, resolved: Resolved, services: Services
) -> dict[str, str]:
    """`url` and `accessToken` for one client. Raises BindingError.

    Makes no network call, but for the key of an identity-based connection, once in a while.
    """
    claim_types = resolved.values.get("claimTypeList")
    try:
        claims = claims_from_id_token(
            optional_text(resolved, "idToken"),
            claim_types if isinstance(claim_types, list) else None,
        )
        token = mint_client_token(
            await services.rest(endpoint).with_key() if endpoint.identity else endpoint,
            hub,
            now=services.now(),
            user_id=optional_text(resolved, "userId"),
            claims=claims,
        )
    except IdTokenError as error:
        raise BindingError(_bad_id_token(resolved, str(error))) from error
    except TokenTooLongError as error:
        raise BindingError(_too_long(resolved, str(error))) from error
    except KeyMissingError as error:
        raise BindingError(_no_key(resolved)) from error
    except EntraError as error:
        raise BindingError(identity_problem(error, resolved)) from error
    return {"url": client_url(endpoint, hub), "accessToken": token}


def endpoint_json(endpoint: ServiceEndpoint) -> dict[str, Any]:
    """An endpoint as the bindings show it. Every configured endpoint counts as online here."""
    return {
        "endpointType": endpoint.endpoint_type,
        "name": endpoint.name,
        "endpoint": endpoint.endpoint,
        "online": True,
    }


def check_data_type(resolved: Resolved) -> None:
    """Raises BindingError for `dataType` binary or stream, which these inputs cannot give."""
    kind = str(resolved.values.get("dataType") or "").lower()
    if kind in ("binary", "stream"):
        raise BindingError(_bad_data_type(resolved, kind))


def check(binding: Binding, function: Function, settings: Settings) -> Iterable[Problem]:
    """What the settings tell at load about a SignalR binding."""
    if not (settings.get(TRANSPORT_SETTING) or "").strip():
        return
    where = function.locate(binding.pointer)
    try:
        is_persistent(settings, where)
    except BindingError as error:
        for problem in error.problems:
            yield Problem(
                problem.code,
                problem.what,
                where,
                problem.why,
                problem.fix,
                Severity.WARNING,
                function.name,
                problem.azure,
            )


def no_hub(resolved: Resolved, hub: str | None) -> Problem:
    missing = hub is None
    parameter = "key" if missing else "hubName"
    kind = resolved.binding.type
    return Problem(
        "FJ0310",
        f"{kind} has no hub: hubName is {'missing' if missing else 'empty'}",
        resolved.where("" if missing else "hubName"),
        "tokens and messages are for one hub, and clients meet only in the same one",
        'add "hubName": "chat"' if missing else "give the hub a name",
        azure=f"Value cannot be null. (Parameter '{parameter}')",
    )


def _several_endpoints(endpoints: Sequence[ServiceEndpoint], where: Location) -> Problem:
    named = ", ".join(one.name or one.endpoint for one in endpoints)
    return Problem(
        "FJ0308",
        f"{len(endpoints)} SignalR endpoints are set, which the transient transport cannot use",
        where,
        f"they are: {named}; the connection string counts as one",
        f"set {TRANSPORT_SETTING} to Persistent, or keep a single endpoint",
        # The platform's text goes on with the connection string itself, key included.
        azure="multiple service endpoints in transient mode are not implemented yet.",
    )


def _bad_transport(text: str, where: Location) -> Problem:
    known = {"transient": "Transient", "persistent": "Persistent"}.get(text.strip().lower())
    return Problem(
        "FJ0313",
        f"{TRANSPORT_SETTING} is '{text}'",
        where,
        "it must be Transient or Persistent, in this letter case",
        f"write {known}" if known else "write Transient, or remove the setting",
        azure=f"Invalid service transport type: {text}.",
    )


def _bad_id_token(resolved: Resolved, hint: str) -> Problem:
    return Problem(
        "FJ0311",
        "idToken cannot be read, so no claims can be copied from it",
        resolved.where("idToken"),
        hint,
        "send the bare token in a header of its own, such as {headers.x-id-token}",
    )


def _too_long(resolved: Resolved, text: str) -> Problem:
    return Problem(
        "FJ0309",
        "the access token is longer than 4096 characters",
        resolved.where("claimTypeList"),
        "clients send the token in a URL, and the service takes no longer one",
        "name fewer claims in claimTypeList, or a shorter userId",
        azure=text,
    )


def _no_key(resolved: Resolved) -> Problem:
    return Problem(
        "FJ0307",
        "the connection is identity-based, and has no key to sign a token with",
        resolved.where("connectionStringSetting"),
        "only Azure can issue such tokens",
        "use a connection string with an AccessKey",
    )


def identity_problem(error: EntraError, resolved: Resolved, before: str = "") -> Problem:
    """Why an identity-based connection gave no token or no key."""
    where = resolved.where("" if resolved.binding.type == "signalR" else "connectionStringSetting")
    return Problem("FJ0307", f"{before}{error}", where, error.hint, error.fix, azure=error.azure)


def _bad_data_type(resolved: Resolved, kind: str) -> Problem:
    return Problem(
        "FJ0312",
        f"{resolved.binding.type} cannot be given as dataType '{kind}'",
        resolved.where("dataType"),
        "its value is JSON text",
        'remove "dataType", or write "string"',
        azure="ScriptBinding type System.Byte[] is not supported" if kind == "binary" else None,
    )
