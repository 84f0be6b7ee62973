"""What each operation of the REST surface does: one function per verb, from parameters to a
response.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from funcjson.signalr import rest_problem as problems
from funcjson.signalr.credentials import ServiceEndpoint, TokenTooLongError, mint_client_token
from funcjson.signalr.errors import ClientResultError, ClientResultTimeout, NoSuchConnection
from funcjson.signalr.filter import FilterError
from funcjson.signalr.frames import Payload
from funcjson.signalr.limits import INT32_MAX, MAX_USER_ID_TO_CLOSE
from funcjson.signalr.messages import Encoded, Sendable
from funcjson.signalr.rest_call import Call, json_response
from funcjson.signalr.rest_commands import commands_of
from funcjson.signalr.rest_message import (
    DELIVERED_HEADER,
    MATCHED_HEADER,
    REASON_HEADER,
    RestResponse,
    header_text,
)
from funcjson.signalr.rest_problem import RestProblem, absent, invalid
from funcjson.signalr.rest_routes import Api
from funcjson.signalr.service import Verdict
from funcjson.signalr.transactions import SendMessage

_DEFAULT_MINUTES = 60
_KEY_ID = "local"  # stands in the tokens that SDKs sign with the key; nothing depends on it


# Sends. 202 means accepted; nobody listening is an error only under --strict-delivery.

_Send = Callable[[Sendable], Awaitable[Verdict]]


async def _send(call: Call, missing: str, sends: Sequence[_Send]) -> RestResponse:
    message = call.message()
    _check_messages(call)
    verdicts = [await send(message) for send in sends]
    delivered = sum(verdict.delivered for verdict in verdicts)
    call.quotas.spend(delivered, len(call.request.body))
    why = "; ".join(dict.fromkeys(verdict.why for verdict in verdicts if verdict.why))
    headers = {DELIVERED_HEADER: str(delivered)}
    if why:
        headers[REASON_HEADER] = header_text(why)
    if delivered == 0 and call.service.options.strict_delivery:
        raise _undelivered(missing, why, headers)
    who = verdicts[0].who if len(verdicts) == 1 else None
    return RestResponse(call.match.status, headers, who=who)


def _check_messages(call: Call) -> None:
    """Refuse a message if the tier's of the day are used up."""
    excess = call.quotas.message_excess()
    if excess is not None:
        raise problems.excessive(excess)


def _undelivered(code: str, why: str, headers: Mapping[str, str]) -> RestProblem:
    """Strict delivery: a send that reached nobody.

    400 is the only status whose text every SDK shows.
    """
    problem = RestProblem(
        400,
        code,
        f"The message reached nobody: {_sentence(why)}",
        fix="check the hub, user, group or connection, or leave --strict-delivery out",
    )
    problem.headers |= headers
    return problem


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


async def _send_to_all(call: Call) -> RestResponse:
    send = partial(call.service.send_to_all, call.hub, excluded=call.excluded())
    return await _send(call, problems.NO_CONNECTION, [send])


async def _send_to_user(call: Call) -> RestResponse:
    return await _send(call, problems.NO_USER, [_to_user(call, call.name("user"))])


async def _send_to_users(call: Call) -> RestResponse:
    users = [user for user in call.name("users").split(",") if user]
    return await _send(call, problems.NO_USER, [_to_user(call, user) for user in users])


async def _send_to_group(call: Call) -> RestResponse:
    return await _send(call, problems.NO_GROUP, [_to_group(call, call.name("group"))])


async def _send_to_groups(call: Call) -> RestResponse:
    groups = [group for group in call.name("groups").split(",") if group]
    return await _send(call, problems.NO_GROUP, [_to_group(call, group) for group in groups])


async def _send_to_connection(call: Call) -> RestResponse:
    send = partial(call.service.send_to_connection, call.hub, call.name("connection"))
    return await _send(call, problems.NO_CONNECTION, [send])


def _to_user(call: Call, user: str) -> _Send:
    return partial(call.service.send_to_user, call.hub, user, excluded=call.excluded())


def _to_group(call: Call, group: str) -> _Send:
    return partial(call.service.send_to_group, call.hub, group, excluded=call.excluded())


# Presence


async def _connection_exists(call: Call) -> RestResponse:
    connection = call.name("connection")
    found = await call.service.connection_exists(call.hub, connection)
    return _found(call, found, *_no_connection(connection))


async def _user_exists(call: Call) -> RestResponse:
    user = call.name("user")
    found = await call.service.user_exists(call.hub, user)
    message = f"User '{user}' has no connection."
    return _found(call, found, problems.NO_USER, message, _FIX_USER)


async def _group_exists(call: Call) -> RestResponse:
    group = call.name("group")
    found = await call.service.group_exists(call.hub, group)
    message = f"Group '{group}' has no connection."
    return _found(call, found, problems.NO_GROUP, message, _FIX_GROUP)


async def _user_in_group(call: Call) -> RestResponse:
    user, group = call.name("user"), call.name("group")
    found = await call.service.user_in_group(call.hub, user, group)
    message = f"User '{user}' is not in group '{group}'."
    return _found(call, found, problems.NOT_IN_GROUP, message, _FIX_MEMBER)


_FIX_CONNECTION = "use the id of a connection that is open; ids change at every reconnect"
_FIX_EARLY = (
    "name the hub that the client is in, and wait until its handshake is done: clients say so when"
    " their start has ended"
)
_FIX_USER = (
    "connect a client as this user: the user id is what the function that negotiates gives, and"
    " its letter case counts"
)
_FIX_GROUP = (
    "put a connection or a user into the group; it exists while one of them is connected, and the"
    " letter case of its name counts"
)
_FIX_MEMBER = "put the user into the group: PUT .../users/{user}/groups/{group}"


def _no_connection(connection: str) -> tuple[str, str, str]:
    return problems.NO_CONNECTION, f"Connection '{connection}' does not exist.", _FIX_CONNECTION


def _found(call: Call, found: bool, code: str, message: str, fix: str) -> RestResponse:
    """Success or 404. Not a refusal: absence is an answer here, and is not logged."""
    return call.done() if found else absent(code, message, fix, call.service.gap).response()


async def _list_group_connections(call: Call) -> RestResponse:
    group = call.name("group")
    page_size = call.number("maxpagesize", 1, 200) or 200
    top = call.number("top", 1, INT32_MAX)
    after = _read_token(call.text("continuationToken"))
    limit = page_size if top is None else min(page_size, top)
    page = await call.service.list_group_connections(call.hub, group, after=after, limit=limit)
    members = [
        {"connectionId": each.connection_id}
        | ({"userId": each.user_id} if each.user_id is not None else {})
        for each in page.members
    ]
    body: dict[str, Any] = {"value": members}
    left = None if top is None else top - len(members)
    if page.more and members and left != 0:
        body["nextLink"] = _next_link(call, page.members[-1].connection_id, left)
    return json_response(body)


def _next_link(call: Call, after: str, left: int | None) -> str:
    query = {name: values for name, values in call.query.items() if name != "continuationtoken"}
    if left is not None:
        query["top"] = [str(left)]
    query["continuationToken"] = [base64.urlsafe_b64encode(after.encode()).decode()]
    return f"{call.origin}{call.request.path}?{urlencode(query, doseq=True)}"


def _read_token(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode() if token else ""
    except (binascii.Error, ValueError) as error:
        raise invalid(
            "The continuationToken is not one that this service gave.",
            "use nextLink as it is",
            "continuationToken",
        ) from error


# Groups


async def _add_connection_to_group(call: Call) -> RestResponse:
    connection, group = call.name("connection"), call.name("group")
    found = await call.service.add_connection_to_group(call.hub, connection, group)
    return await _member(call, found)


async def _remove_connection_from_group(call: Call) -> RestResponse:
    connection, group = call.name("connection"), call.name("group")
    found = await call.service.remove_connection_from_group(call.hub, connection, group)
    # 2024-12-01 no longer publishes a 404 here.
    return await _member(call, found or call.match.api is Api.V2024)


async def _remove_connection_from_all_groups(call: Call) -> RestResponse:
    # No version publishes a 404 here: a connection that is gone is in no group.
    await call.service.remove_connection_from_all_groups(call.hub, call.name("connection"))
    return call.done()


async def _member(call: Call, found: bool) -> RestResponse:
    if found:
        return call.done()
    raise await _gone(call)


async def _gone(call: Call) -> RestProblem:
    """A connection that is needed is not there, or not ready, or in another hub."""
    connection, gap = call.name("connection"), call.service.gap
    why = await call.service.where_else(call.hub, connection)
    message = f"{why[0].upper()}{why[1:]}." if why else f"Connection '{connection}' does not exist."
    return absent(problems.CONNECTION_GONE, message, _FIX_EARLY if why else _FIX_CONNECTION, gap)


async def _add_user_to_group(call: Call) -> RestResponse:
    ttl = call.number("ttl", 0, INT32_MAX)
    user, group = call.name("user"), call.name("group")
    await call.service.add_user_to_group(call.hub, user, group, ttl_s=ttl)
    return call.done()


async def _remove_user_from_group(call: Call) -> RestResponse:
    await call.service.remove_user_from_group(call.hub, call.name("user"), call.name("group"))
    return call.done()


async def _remove_user_from_all_groups(call: Call) -> RestResponse:
    await call.service.remove_user_from_all_groups(call.hub, call.name("user"))
    return call.done()


# Closing


async def _close_connection(call: Call) -> RestResponse:
    connection, reason = call.name("connection"), call.text("reason")
    found = await call.service.close_connection(call.hub, connection, reason=reason)
    if not found:
        # The SDK expects this code and takes it for success.
        return _found(call, False, *_no_connection(connection))
    return call.done()


async def _close_all(call: Call) -> RestResponse:
    reason = call.text("reason")
    return _closed(
        call, await call.service.close_all(call.hub, excluded=call.excluded(), reason=reason)
    )


async def _close_user(call: Call) -> RestResponse:
    user, reason = call.name("user"), call.text("reason")
    if len(user) > MAX_USER_ID_TO_CLOSE:
        raise invalid(
            "A user id may have 1024 characters here.",
            "close its connections by their ids, or those of a group",
            "user",
        )
    closed = await call.service.close_user(call.hub, user, excluded=call.excluded(), reason=reason)
    return _closed(call, closed)


async def _close_group(call: Call) -> RestResponse:
    group, reason = call.name("group"), call.text("reason")
    closed = await call.service.close_group(
        call.hub, group, excluded=call.excluded(), reason=reason
    )
    return _closed(call, closed)


def _closed(call: Call, count: int) -> RestResponse:
    gap = call.service.gap
    headers = {"x-funcjson-closed": str(count)}
    return RestResponse(
        call.match.status, headers | ({REASON_HEADER: header_text(gap)} if gap else {})
    )


# Asking one client


async def _invoke_connection(call: Call) -> RestResponse:
    message, connection = call.message(), call.name("connection")
    if isinstance(message, Encoded):
        raise problems.unsupported_media_type("application/octet-stream", ("application/json",))
    _check_messages(call)
    units = 1
    try:
        found = await call.service.invoke_connection(
            call.hub, connection, message.target, message.arguments
        )
    except NoSuchConnection as error:
        units = 0
        raise await _gone(call) from error
    except ClientResultError as error:
        raise RestProblem(
            400,
            "Error.Connection.Invalid",
            str(error),
            fix=_handler_fix(message.target, str(error)),
        ) from error
    except ClientResultTimeout as error:
        raise RestProblem(
            504,
            "Error.Connection.Unknown",
            str(error),
            fix="some clients (signalrcore) never answer; others need a handler of that name",
        ) from error
    finally:
        call.quotas.spend(units, len(call.request.body))
    return json_response({"result": found.result})


def _handler_fix(target: str, said: str) -> str:
    # What every client says that has no handler, or one without a value.
    if said == "Client didn't provide a result.":
        return f"let the client return a value from its handler of '{target}'"
    return f"the client's handler of '{target}' failed: its own log or console says where"


async def _send_stream_item(call: Call) -> RestResponse:
    connection, stream = call.name("connection"), call.name("stream")
    _check_messages(call)
    sent = await call.service.send_stream_item(call.hub, connection, stream, call.value())
    call.quotas.spend(int(sent), len(call.request.body))
    if sent and (call.text("completed") or "").lower() == "true":
        await call.service.complete_stream(call.hub, connection, stream)
    return _streamed(call, sent)


async def _complete_stream(call: Call) -> RestResponse:
    connection, stream = call.name("connection"), call.name("stream")
    reason = call.text("reason")
    return _streamed(
        call, await call.service.complete_stream(call.hub, connection, stream, error=reason)
    )


def _streamed(call: Call, found: bool) -> RestResponse:
    if found:
        return call.done()
    raise absent(
        problems.CONNECTION_GONE,
        f"Connection '{call.name('connection')}' has no open stream '{call.name('stream')}'.",
        "the id is that of the client's stream invocation, as upstream got it"
        if call.service.options.forward_streams
        else "start the service with --forward-streams: without it streams of clients are refused",
        call.service.gap,
    )


# The rest of 2024-12-01


async def _generate_token(call: Call) -> RestResponse:
    minutes = call.number("minutesToExpire", 1, INT32_MAX) or _DEFAULT_MINUTES
    user = call.text("userId")
    options = call.service.options
    endpoint = ServiceEndpoint(
        options.client_endpoint.rstrip("/") or call.origin, access_key=options.keys[0]
    )
    try:
        token = mint_client_token(
            endpoint,
            call.hub,
            now=options.wall(),
            user_id=user,
            claims=[] if user is None else [("nameid", user)],
            lifetime_s=minutes * 60,
        )
    except TokenTooLongError as error:
        raise invalid(str(error), "use a shorter userId", "userId") from error
    return json_response({"token": token})


async def _execute(call: Call) -> RestResponse:
    commands = commands_of(call.request.headers.get("content-type", ""), call.request.body)
    messages = [each.message for each in commands if isinstance(each, SendMessage)]
    if messages:
        _check_messages(call)
    try:
        done = await call.service.execute(call.hub, commands, call.text("filter") or "")
    except FilterError as error:
        raise RestProblem(
            400,
            problems.REQUEST_INVALID,
            str(error),
            fix="write a filter such as: userId in ('ann', 'bob') and 'g1' in groups",
            target="filter",
            position=error.position,
        ) from error
    for message, count in zip(messages, done.delivered, strict=True):
        call.quotas.spend(count, len(Payload(message).data("json")))
    headers = {MATCHED_HEADER: str(done.matched)}
    if messages:
        headers[DELIVERED_HEADER] = str(sum(done.delivered))
    if done.why:
        headers[REASON_HEADER] = header_text(done.why)
    if messages and not sum(done.delivered) and call.service.options.strict_delivery:
        raise _undelivered(problems.NO_CONNECTION, done.why, headers)
    return RestResponse(call.match.status, headers)


async def _access_key(call: Call) -> RestResponse:
    """The key for client tokens, which whoever may call REST may make anyway."""
    return json_response({"AccessKey": call.service.options.keys[0], "KeyId": _KEY_ID})


VERBS: Mapping[str, Callable[[Call], Awaitable[RestResponse]]] = {
    "send_to_all": _send_to_all,
    "send_to_user": _send_to_user,
    "send_to_users": _send_to_users,
    "send_to_group": _send_to_group,
    "send_to_groups": _send_to_groups,
    "send_to_connection": _send_to_connection,
    "connection_exists": _connection_exists,
    "user_exists": _user_exists,
    "group_exists": _group_exists,
    "user_in_group": _user_in_group,
    "list_group_connections": _list_group_connections,
    "add_connection_to_group": _add_connection_to_group,
    "remove_connection_from_group": _remove_connection_from_group,
    "remove_connection_from_all_groups": _remove_connection_from_all_groups,
    "add_user_to_group": _add_user_to_group,
    "remove_user_from_group": _remove_user_from_group,
    "remove_user_from_all_groups": _remove_user_from_all_groups,
    "close_connection": _close_connection,
    "close_all": _close_all,
    "close_user": _close_user,
    "close_group": _close_group,
    "invoke_connection": _invoke_connection,
    "send_stream_item": _send_stream_item,
    "complete_stream": _complete_stream,
    "generate_token": _generate_token,
    "execute": _execute,
    "access_key": _access_key,
}
