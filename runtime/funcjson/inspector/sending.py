"""Send as the service: what a REST caller does, from the page, with the service's verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from funcjson.errors import FuncJsonError, Location
from funcjson.inspector.inspected import Inspected, Refusal, shown_of, text_in
from funcjson.plan import DEFAULT_CONNECTION_SETTING
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import Delivery, RestClient
from funcjson.signalr.rest_errors import RestError
from funcjson.trace_view.outputs import call_row, delivery_rows

PLACE = Location("the inspector")


def endpoint_of(host: Inspected) -> ServiceEndpoint:
    """The local service, else the first that the app's default setting names. Raises Refusal."""
    if host.embedded is not None:
        return host.embedded.endpoint
    services = host.version.services
    assert services is not None
    try:
        return services.endpoints(DEFAULT_CONNECTION_SETTING, PLACE)[0]
    except FuncJsonError as error:
        raise Refusal(f"this app has no SignalR service: {error.problems[0].what}") from error


def _client(host: Inspected) -> RestClient:
    services = host.version.services
    assert services is not None
    return services.rest(endpoint_of(host))


async def send(host: Inspected, body: Mapping[str, Any]) -> dict[str, Any]:
    """`{"hub", "to": all|user|group|connection, "name", "target", "arguments": [...]}`."""
    hub, to = text_in(body, "hub"), text_in(body, "to", "all")
    name, target = text_in(body, "name"), text_in(body, "target")
    arguments = body.get("arguments", [])
    if not hub or not target:
        raise Refusal("a message needs a hub and a target")
    if not isinstance(arguments, list):
        raise Refusal("arguments are a JSON array")
    if to != "all" and not name:
        raise Refusal(f"which {to}?")
    rest = _client(host)
    try:
        match to:
            case "all":
                delivery = await rest.send_to_all(hub, target, arguments)
            case "user":
                delivery = await rest.send_to_user(hub, name, target, arguments)
            case "group":
                delivery = await rest.send_to_group(hub, name, target, arguments)
            case "connection":
                delivery = await rest.send_to_connection(hub, name, target, arguments)
            case _:
                raise Refusal(f"'{to}' is not all, user, group or connection")
    except RestError as error:
        raise Refusal(str(error)) from error
    return _told(host, delivery)


async def group(host: Inspected, body: Mapping[str, Any]) -> dict[str, Any]:
    """`{"hub", "action": add|remove, "group", "user" or "connection"}`."""
    hub, name = text_in(body, "hub"), text_in(body, "group")
    user, connection = text_in(body, "user"), text_in(body, "connection")
    if not hub or not name or not (user or connection):
        raise Refusal("a group action needs a hub, a group, and a user or a connection")
    rest = _client(host)
    adds = text_in(body, "action", "add") == "add"
    try:
        match adds, bool(connection):
            case True, True:
                delivery = await rest.add_connection_to_group(hub, connection, name)
            case True, False:
                delivery = await rest.add_user_to_group(hub, user, name)
            case False, True:
                delivery = await rest.remove_connection_from_group(hub, connection, name)
            case _:
                delivery = await rest.remove_user_from_group(hub, user, name)
    except RestError as error:
        raise Refusal(str(error)) from error
    return _told(host, delivery)


def _told(host: Inspected, delivery: Delivery) -> dict[str, Any]:
    shown = shown_of(host)
    return {
        "call": call_row("", delivery, shown),
        "delivery": delivery_rows([("", delivery)], shown)[0],
    }
