"""The REST surface described as an OpenAPI document, made from the route table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from funcjson.signalr.rest_routes import ROUTES, Api, Route, dates_of

OPENAPI_PATH = "/api/openapi.json"

_TEXT = {"type": "string"}
_SUMMARIES: Mapping[str, str] = {
    "health": "Tell that the service is up.",
    "access_key": "Get the key that signs client tokens, for callers with an identity.",
    "send_to_all": "Send a message to every connection of the hub.",
    "send_to_user": "Send a message to every connection of a user.",
    "send_to_users": "Send a message to several users, separated by commas.",
    "send_to_group": "Send a message to every connection in a group.",
    "send_to_groups": "Send a message to several groups, separated by commas.",
    "send_to_connection": "Send a message to one connection.",
    "connection_exists": "Tell whether a connection is open.",
    "user_exists": "Tell whether a user has a connection.",
    "group_exists": "Tell whether a group has a connection.",
    "user_in_group": "Tell whether a user is in a group.",
    "list_group_connections": "List the connections in a group, page by page.",
    "add_connection_to_group": "Put a connection into a group.",
    "remove_connection_from_group": "Take a connection out of a group.",
    "remove_connection_from_all_groups": "Take a connection out of every group.",
    "add_user_to_group": "Put a user, with connections of now and later, into a group.",
    "remove_user_from_group": "Take a user out of a group.",
    "remove_user_from_all_groups": "Take a user out of every group.",
    "close_connection": "Close a connection.",
    "close_all": "Close every connection of the hub.",
    "close_user": "Close every connection of a user.",
    "close_group": "Close every connection of a group.",
    "invoke_connection": "Call a method of one client and wait for its result.",
    "send_stream_item": "Give an item to a stream that a client opened.",
    "complete_stream": "End a stream that a client opened.",
    "execute": "Run commands on the connections that a filter selects, all of them or none.",
    "generate_token": "Make an access token for a client.",
}
_FILTER = (
    "Which connections: an OData expression over connectionId, userId and groups, such as"
    " startswith(userId, 'a') or 'g1' in groups. Without it, every connection of the hub."
    " SignalR's own documents name OData and give one example; the grammar is the one published for"
    " Azure Web PubSub."
)
_EXCLUDED = {"name": "excluded", "schema": {"type": "array", "items": _TEXT}, "explode": True}
_REASON = {"name": "reason", "schema": _TEXT}
_QUERIES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "send_to_all": (_EXCLUDED,),
    "send_to_group": (_EXCLUDED,),
    "close_connection": (_REASON,),
    "close_all": (_EXCLUDED, _REASON),
    "close_user": (_EXCLUDED, _REASON),
    "close_group": (_EXCLUDED, _REASON),
    "complete_stream": (_REASON,),
    "add_user_to_group": (
        {"name": "ttl", "schema": {"type": "integer", "format": "int32", "minimum": 0}},
    ),
    "list_group_connections": (
        {"name": "maxpagesize", "schema": {"type": "integer", "minimum": 1, "maximum": 200}},
        {"name": "top", "schema": {"type": "integer", "format": "int32", "minimum": 1}},
        {"name": "continuationToken", "schema": _TEXT},
    ),
    "send_stream_item": ({"name": "completed", "schema": {"type": "boolean"}},),
    "generate_token": (
        {"name": "userId", "schema": _TEXT},
        {
            "name": "minutesToExpire",
            "schema": {"type": "integer", "format": "int32", "minimum": 1},
        },
    ),
    "execute": ({"name": "filter", "schema": _TEXT, "description": _FILTER},),
}
_PATH_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "hub": {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9_`,.[\]]{0,127}$"},
    "group": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": r"^(?!\s+$).+$"},
}
_APPLICATION = {"type": "string", "pattern": r"^([A-Za-z][A-Za-z0-9_`,.[\]]{0,127})?$"}
_RESULTS: Mapping[str, str] = {
    "access_key": "AccessKey",
    "invoke_connection": "ClientResult",
    "list_group_connections": "GroupMemberPage",
    "generate_token": "ClientToken",
}
_WITH_MESSAGE = frozenset(
    (
        "send_to_all",
        "send_to_user",
        "send_to_users",
        "send_to_group",
        "send_to_groups",
        "send_to_connection",
        "invoke_connection",
    )
)
_COUNTED = _WITH_MESSAGE | {"execute", "send_stream_item"}  # messages that a tier counts
_ABSENT_IS_404 = frozenset(
    (
        "connection_exists",
        "user_exists",
        "group_exists",
        "user_in_group",
        "close_connection",
        "add_connection_to_group",
        "remove_connection_from_group",
        "invoke_connection",
        "send_stream_item",
        "complete_stream",
    )
)
_REFUSALS: Mapping[str, str] = {
    "400": "A parameter or the body is wrong.",
    "413": "The body is too large.",
    "414": "The URL is too long.",
    "415": "The body's content type is not one of those named here.",
    "429": "The tier's messages of the day are used up.",
    "431": "The headers are too large.",
    "504": "The client did not answer in time.",
}


def _command(kind: str, member: str, schema: Mapping[str, Any], *, needed: bool) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", member] if needed else ["type"],
        "properties": {"type": {"type": "string", "enum": [kind]}, member: schema},
        "additionalProperties": False,
    }


_GROUP = {"type": "string", "minLength": 1, "maxLength": 1024}
_SCHEMAS: Mapping[str, Any] = {
    "Command": {
        "description": "Names of members may begin with an upper-case letter.",
        "oneOf": [
            _command(
                "SendMessage", "message", {"$ref": "#/components/schemas/Message"}, needed=True
            ),
            _command("JoinGroup", "group", _GROUP, needed=True),
            _command("LeaveGroup", "group", _GROUP, needed=True),
            _command("CloseConnection", "reason", {**_TEXT, "nullable": True}, needed=False),
        ],
    },
    "Message": {
        "type": "object",
        "required": ["target"],
        "properties": {
            "target": {"type": "string", "minLength": 1},
            "arguments": {"type": "array", "items": {}, "nullable": True},
        },
    },
    "Problem": {
        "type": "object",
        "description": "code, message and target are the service's own; the others are RFC 9457's.",
        "required": ["code", "message", "type", "title", "status", "detail"],
        "properties": {
            "code": _TEXT,
            "message": _TEXT,
            "target": _TEXT,
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "position": {"type": "integer", "description": "The character in target, from 1."},
            "fix": {"type": "string", "description": "What to change."},
        },
    },
    "AccessKey": {
        "type": "object",
        "required": ["AccessKey", "KeyId"],
        "properties": {"AccessKey": _TEXT, "KeyId": _TEXT},
    },
    "ClientResult": {
        "type": "object",
        "required": ["result"],
        "properties": {"result": {"nullable": True}},
    },
    "ClientToken": {"type": "object", "required": ["token"], "properties": {"token": _TEXT}},
    "GroupMemberPage": {
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["connectionId"],
                    "properties": {"connectionId": _TEXT, "userId": _TEXT},
                },
            },
            "nextLink": {"type": "string", "format": "uri"},
        },
    },
}


_DELIVERY: Mapping[str, Any] = {
    "x-funcjson-delivered": {
        "description": "How many connections the message reached.",
        "schema": {"type": "integer"},
    },
    "x-funcjson-reason": {
        "description": "Why nobody, or not everybody, percent-encoded.",
        "schema": _TEXT,
    },
}


def document(api: Api | None = None, *, strict: bool = False) -> dict[str, Any]:
    """The OpenAPI 3.0 document of one version, or of all. `strict`: api-version must be given."""
    routes = [route for route in ROUTES if api in (None, route.api)]
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, strict)
    return {
        "openapi": "3.0.3",
        "info": {"title": "SignalR service REST API", "version": api or "all"},
        "paths": paths,
        "components": {
            "schemas": dict(_SCHEMAS),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Signed with the access key (HS256); aud is the request's URL."
                    " With --accept-entra also a token of Microsoft Entra, its signature unchecked.",
                }
            },
        },
        "security": [{"token": []}],
    }


def _operation(route: Route, strict: bool) -> dict[str, Any]:
    verb = route.verb
    operation: dict[str, Any] = {
        "summary": _SUMMARIES[verb],
        "parameters": list(_parameters(route, strict)),
        "responses": _responses(route),
    }
    if verb == "health":
        operation["security"] = []
    if verb in _WITH_MESSAGE:
        binary = {"schema": {"type": "string", "format": "binary"}}
        content: dict[str, Any] = {
            "application/json": {"schema": {"$ref": "#/components/schemas/Message"}},
            "application/x-msgpack": binary,
        }
        if verb != "invoke_connection":  # frames that the sender encoded expect no result
            content["application/octet-stream"] = binary
        operation["requestBody"] = {"required": True, "content": content}
    elif verb == "execute":
        commands = {"type": "array", "items": {"$ref": "#/components/schemas/Command"}}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": commands}},
        }
    elif verb == "send_stream_item":
        operation["requestBody"] = {"content": {"application/json": {"schema": {}}}}
    return operation


def _parameters(route: Route, strict: bool) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        schema = _PATH_SCHEMAS.get(name, {"type": "string", "minLength": 1})
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for parameter in _QUERIES.get(route.verb, ()):
        yield {"in": "query", **parameter}
    if route.api in (Api.V2022, Api.V2024):
        if "{hub}" in route.path:
            yield {"name": "application", "in": "query", "schema": _APPLICATION}
        # Only strict services insist on a version; health never does.
        known = {"type": "string", "enum": dates_of(route)}
        is_health = route.verb == "health"
        yield {
            "name": "api-version",
            "in": "query",
            "required": strict and not is_health,
            "schema": _TEXT if is_health else known,
        }


def _responses(route: Route) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Success."}
    result = _RESULTS.get(route.verb)
    if result:
        schema = {"$ref": f"#/components/schemas/{result}"}
        success["content"] = {"application/json": {"schema": schema}}
    if route.verb.startswith("send_to"):
        success["headers"] = dict(_DELIVERY)
    if route.verb == "execute":
        success["headers"] = {
            "x-funcjson-matched": {
                "description": "How many connections the filter selected.",
                "schema": {"type": "integer"},
            },
            **_DELIVERY,
        }
    responses = {str(route.status): success}
    if route.verb != "health":
        responses["401"] = {"description": "The token is not good for this request; no body."}
    if route.verb in _ABSENT_IS_404:
        responses["404"] = {"description": "Absent; the header x-ms-error-code says what."}
    for status in sorted(_refusals(route.verb)):
        responses[status] = {
            "description": _REFUSALS[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
    return responses


def _refusals(verb: str) -> set[str]:
    """The statuses of an operation that come with a problem body."""
    statuses = {"413", "414", "431"}
    if verb != "health":
        statuses.add("400")
    if verb in _WITH_MESSAGE or verb in ("send_stream_item", "execute"):
        statuses.add("415")
    if verb in _COUNTED:
        statuses.add("429")
    if verb == "invoke_connection":
        statuses.add("504")
    return statuses
