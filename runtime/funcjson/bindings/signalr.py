"""signalR: sends messages to clients and changes groups, over the service's REST API."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from funcjson.bindings import signalr_hub
from funcjson.bindings.base import OutputType, Resolved, Services
from funcjson.bindings.signalr_items import (
    EndpointRef,
    Item,
    SignalRGroupAction,
    SignalRMessage,
    read_items,
)
from funcjson.errors import FlushError, OutputShapeError, Problem
from funcjson.model import TypedData
from funcjson.signalr.credentials import KeyMissingError, ServiceEndpoint
from funcjson.signalr.rest_client import Delivery, EntraError, RestClient, RestError
from funcjson.signalr.rest_errors import RestArgumentError

log = logging.getLogger("funcjson.binding.signalr")


def collect(value: TypedData, resolved: Resolved) -> tuple[Item, ...]:
    """The messages and group actions of a value, all of them checked. Raises OutputShapeError."""
    name = resolved.binding.name
    hub = signalr_hub.optional_text(resolved, "hubName")
    if not hub:
        raise OutputShapeError(signalr_hub.no_hub(resolved, hub))
    read = read_items(value, resolved.where(), name)
    for remark in read.remarks:
        log.warning("output '%s': %s", name, remark)
    return read.items


def remarks(value: TypedData, resolved: Resolved) -> tuple[str, ...]:
    """Members and group actions that do nothing, in the words of the log."""
    read = read_items(value, resolved.where(), resolved.binding.name)
    actions = (item for item in read.items if isinstance(item, SignalRGroupAction))
    return (*read.remarks, *(_idle(action) for action in actions if action.idle))


def _idle(action: SignalRGroupAction) -> str:
    return f"nothing was done: {action.idle}"


async def flush(
    items: tuple[Item, ...],
    resolved: Resolved,
    services: Services,
    delivered: Callable[[Delivery], None],
) -> None:
    """One awaited request per item, in order; the first that fails stops the rest. Raises
    FlushError.

    With several endpoints (persistent mode) each item goes to each of them, or to those that it
    names.
    """
    if not items:
        return
    hub = signalr_hub.hub_name(resolved)
    endpoints = signalr_hub.endpoints_of(resolved, services)
    for index, item in enumerate(items):
        if isinstance(item, SignalRGroupAction) and item.idle:
            log.warning("output '%s': %s", resolved.binding.name, _idle(item))
            continue
        for endpoint in _chosen(item.endpoints, endpoints):
            try:
                delivered(await _request(services.rest(endpoint), hub, item))
            except RestError as error:
                problem = _refused(error, index, items, resolved)
                if endpoint.identity and error.status in (401, 403):
                    why, fix = _IDENTITY_REFUSED
                    problem = replace(problem, code="FJ0411", why=why, fix=fix)
                raise FlushError(problem) from error
            except KeyMissingError as error:
                raise FlushError(_no_key(endpoint, resolved)) from error
            except EntraError as error:
                before = f"output '{resolved.binding.name}': "
                raise FlushError(signalr_hub.identity_problem(error, resolved, before)) from error


def _chosen(
    refs: tuple[EndpointRef, ...] | None, endpoints: Sequence[ServiceEndpoint]
) -> Sequence[ServiceEndpoint]:
    """The endpoints an item goes to. With a single one the filter has no effect, as in transient
    mode.
    """
    if refs is None or len(endpoints) == 1:
        return endpoints
    wanted = {(ref.name, ref.endpoint, ref.kind) for ref in refs}
    return [
        one
        for one in endpoints
        if (one.name, one.endpoint.lower(), one.endpoint_type.lower()) in wanted
    ]


def _request(client: RestClient, hub: str, item: Item) -> Awaitable[Delivery]:
    """The one request that an item means."""
    if isinstance(item, SignalRMessage):
        # The first of these that is not empty decides.
        if item.connection_id:
            return client.send_to_connection(hub, item.connection_id, item.target, item.arguments)
        if item.user_id:
            return client.send_to_user(hub, item.user_id, item.target, item.arguments)
        if item.group_name:
            return client.send_to_group(hub, item.group_name, item.target, item.arguments)
        return client.send_to_all(hub, item.target, item.arguments)
    if item.action == "removeAll":
        return client.remove_user_from_all_groups(hub, item.user_id)
    who = item.connection_id or item.user_id
    change = _CHANGES[item.action == "add", bool(item.connection_id)]
    return change(client, hub, who, item.group_name)


# (adds, for a connection) -> the operation.
_CHANGES: Mapping[tuple[bool, bool], Callable[[RestClient, str, str, str], Awaitable[Delivery]]] = {
    (True, True): RestClient.add_connection_to_group,
    (True, False): RestClient.add_user_to_group,
    (False, True): RestClient.remove_connection_from_group,
    (False, False): RestClient.remove_user_from_group,
}


# Status of the service's answer -> code, what happened, fix.
_REFUSALS: dict[int | None, tuple[str, str, str]] = {
    400: (
        "FJ0410",
        "the SignalR service refused it as invalid",
        "correct what the service names; hub names begin with a letter and hold letters and digits",
    ),
    401: (
        "FJ0411",
        "the SignalR service did not accept the token",
        "copy the connection string again from the service's Keys page",
    ),
    404: (
        "FJ0412",
        "there is no SignalR REST API at this address",
        "check Endpoint and Port in the connection string",
    ),
    None: (
        "FJ0414",
        "the SignalR service cannot be reached",
        "start the service, or correct the connection string; with an empty one the local service "
        "is used",
    ),
}
_IDENTITY_REFUSED = (
    "the identity may not send through this service",
    "give the identity the role 'SignalR Service Owner' at the service; it can take up to 30 "
    "minutes to take effect",
)
_IMPOSSIBLE = ("FJ0410", "the request cannot be made", "correct the value that the reason names")
_GONE = (
    "FJ0410",
    "the SignalR service knows no such connection",
    "name a connection of this hub that is connected; a client that comes back has another id",
)
_OTHER = ("FJ0413", "the SignalR service failed", "try again; see the service's own log")


def _refused(error: RestError, index: int, items: Sequence[Any], resolved: Resolved) -> Problem:
    code, what, fix = _REFUSALS.get(error.status, _OTHER)
    if isinstance(error, RestArgumentError):
        code, what, fix = _IMPOSSIBLE
    elif error.code == "Error.Connection.NotExisted":
        code, what, fix = _GONE
    is_action = isinstance(items[index], SignalRGroupAction)
    thing, done = ("the group action", "done") if is_action else ("the message", "sent")
    which = f"item {index + 1} of {len(items)}" if len(items) > 1 else thing
    unsent = len(items) - index - 1
    rest = f"; the {unsent} after it were not sent" if unsent else ""
    return Problem(
        code,
        f"output '{resolved.binding.name}': {which} was not {done}, {what}{rest}",
        resolved.where(),
        error.hint,
        fix,
        azure=str(error),
    )


def _no_key(endpoint: ServiceEndpoint, resolved: Resolved) -> Problem:
    return Problem(
        "FJ0307",
        f"output '{resolved.binding.name}': the connection to {endpoint.endpoint} is identity-based, "
        "and has no key to sign a request with",
        resolved.where(),
        "only Azure can issue such tokens",
        "use a connection string with an AccessKey",
    )


BINDING = OutputType(
    type="signalR",
    schema="bindings/signalR.json",
    collect=collect,
    flush=flush,
    expressions=frozenset({"hubName"}),
    check=signalr_hub.check,
    remarks=remarks,
)
