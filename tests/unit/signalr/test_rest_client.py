"""The REST client: the exact requests, what counts as success, and the SDK's texts for the rest."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import jwt
import msgpack
import pytest

from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import (
    Delivery,
    LocalTransport,
    RestClient,
    RestRequest,
    RestResponse,
    Retry,
)
from funcjson.signalr.rest_errors import (
    RestArgumentError,
    RestError,
    RestInaccessibleError,
    RestInvalidArgumentError,
    RestRuntimeError,
    RestUnauthorizedError,
    RestUnreachableError,
    unreachable,
)
from funcjson.signalr.rest_message import header_text

KEY = "k" * 44
ENDPOINT = ServiceEndpoint("http://localhost:8888", access_key=KEY)
Op = Callable[[RestClient], Awaitable[Any]]


class Recording:
    """Keeps what it was asked and gives the prepared answers, the last one for ever."""

    def __init__(self, *answers: RestResponse | RestError) -> None:
        self.answers = list(answers) or [RestResponse(202)]
        self.calls: list[tuple[str, str, Mapping[str, str], bytes]] = []

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> RestResponse:
        self.calls.append((method, url, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, RestError):
            raise answer
        return answer


class Slept:
    def __init__(self) -> None:
        self.times: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.times.append(seconds)


def client(transport: Recording, retry: Retry | None = None) -> tuple[RestClient, Slept]:
    slept = Slept()
    made = RestClient(ENDPOINT, transport, retry=retry, now=lambda: 1_700_000_000, sleep=slept)
    return made, slept


def send(rest: RestClient) -> Awaitable[Delivery]:
    return rest.send_to_all("chat", "m", [])


def join(rest: RestClient) -> Awaitable[Delivery]:
    return rest.add_connection_to_group("chat", "c", "g")


async def test_with_frames_each_hub_protocol_gets_its_own_bytes() -> None:
    transport = Recording()
    rest = RestClient(ENDPOINT, transport, as_frames=True)
    delivery = await rest.send_to_all("chat", "m", ["é", 1])
    await rest.add_user_to_group("chat", "u", "g")

    (_, _, headers, body), (_, _, without_body, _) = transport.calls
    assert headers["Content-Type"] == "application/octet-stream"
    assert "Content-Type" not in without_body
    frames = msgpack.unpackb(body)
    assert list(frames) == ["json", "messagepack"]
    assert frames["json"][-1:] == b"\x1e"
    assert json.loads(frames["json"][:-1]) == {"type": 1, "target": "m", "arguments": ["é", 1]}
    assert frames["messagepack"][0] == len(frames["messagepack"]) - 1
    # Type, headers, no invocation id, target, arguments; streams only if there are any.
    assert msgpack.unpackb(frames["messagepack"][1:])[:5] == [1, {}, None, "m", ["é", 1]]
    assert json.loads(delivery.body) == {"Target": "m", "Arguments": ["é", 1]}


OPERATIONS: list[tuple[Op, str, str]] = [
    (lambda r: r.send_to_all("Chat", "m", []), "POST", "chat/:send"),
    (lambda r: r.send_to_user("chat", "a b/ü", "m", []), "POST", "chat/users/a%20b%2F%C3%BC/:send"),
    (lambda r: r.send_to_group("chat", "g~.-_!", "m", []), "POST", "chat/groups/g~.-_%21/:send"),
    (lambda r: r.send_to_connection("chat", "c", "m", []), "POST", "chat/connections/c/:send"),
    (join, "PUT", "chat/groups/g/connections/c"),
    (
        lambda r: r.remove_connection_from_group("chat", "c", "g"),
        "DELETE",
        "chat/groups/g/connections/c",
    ),
    (lambda r: r.add_user_to_group("chat", "u", "g"), "PUT", "chat/users/u/groups/g"),
    (lambda r: r.remove_user_from_group("chat", "u", "g"), "DELETE", "chat/users/u/groups/g"),
    (lambda r: r.remove_user_from_all_groups("chat", "u"), "DELETE", "chat/users/u/groups"),
    (lambda r: r.connection_exists("chat", "c"), "HEAD", "chat/connections/c"),
    (lambda r: r.user_exists("chat", "u"), "HEAD", "chat/users/u"),
    (lambda r: r.group_exists("chat", "g"), "HEAD", "chat/groups/g"),
    (lambda r: r.user_in_group("chat", "u", "g"), "HEAD", "chat/users/u/groups/g"),
]


@pytest.mark.parametrize(("operation", "method", "path"), OPERATIONS)
async def test_each_operation_is_one_request_of_the_sdk(
    operation: Op, method: str, path: str
) -> None:
    transport = Recording(RestResponse(200))
    await operation(client(transport)[0])
    (call,) = transport.calls
    token = jwt.decode(
        call[2]["Authorization"].removeprefix("Bearer "), options={"verify_signature": False}
    )

    assert call[:2] == (method, f"http://localhost:8888/api/hubs/{path}?api-version=2022-06-01")
    assert token["aud"] == f"http://localhost/api/hubs/{path}?api-version=2022-06-01"
    assert token["exp"] == 1_700_003_600


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ([1, "é"], '{"Target":"m","Arguments":[1,"é"]}'),
        (None, '{"Target":"m","Arguments":null}'),
        (["\ud800"], '{"Target":"m","Arguments":["\\ud800"]}'),
    ],
)
async def test_the_body_is_the_sdks(arguments: list[Any] | None, body: str) -> None:
    transport = Recording()
    await client(transport)[0].send_to_all("chat", "m", arguments)

    assert transport.calls[0][3].decode() == body
    assert transport.calls[0][2]["Content-Type"] == "application/json; charset=utf-8"


async def test_a_group_action_has_no_body() -> None:
    transport = Recording()
    await join(client(transport)[0])

    assert transport.calls[0][3] == b""
    assert "Content-Type" not in transport.calls[0][2]


async def test_a_delivery_tells_the_verdict_of_the_service() -> None:
    headers = {"x-funcjson-delivered": "0", "x-funcjson-reason": header_text("no user 'ü', 50%")}
    delivery = await send(client(Recording(RestResponse(202, headers)))[0])

    assert delivery.path == "/api/hubs/chat/:send?api-version=2022-06-01"
    assert (delivery.status, delivery.delivered) == (202, 0)
    assert delivery.why == "no user 'ü', 50%"


async def test_a_service_that_tells_no_verdict_is_not_asked_for_one() -> None:
    delivery = await send(client(Recording())[0])

    assert delivery.delivered is None


async def test_joining_a_connection_that_is_gone_is_a_success_that_says_so() -> None:
    gone = RestResponse(404, {"x-ms-error-code": "Error.Connection.NotExisted"})
    delivery = await join(client(Recording(gone))[0])

    assert (delivery.status, delivery.why) == (404, "no such connection")


async def test_absence_is_an_answer_only_with_the_services_own_code() -> None:
    absent = RestResponse(404, {"x-ms-error-code": "Warning.Connection.NotExisted"})
    assert await client(Recording(absent))[0].connection_exists("chat", "c") is False
    with pytest.raises(RestInaccessibleError):
        await client(Recording(RestResponse(404)))[0].connection_exists("chat", "c")


URI = "http://localhost:8888/api/hubs/chat/:send?api-version=2022-06-01"
FAILURES: list[tuple[int, type[RestError], str]] = [
    (
        400,
        RestInvalidArgumentError,
        "Invalid argument. Caused by one or more of the following reasons: nope Request Uri: "
        + URI,
    ),
    (
        401,
        RestUnauthorizedError,
        "Authorization failed. If you were using AccessKey, please check connection string and see"
        " if the AccessKey is correct. If you were using Azure Active Directory, please note that"
        " the role assignments will take up to 30 minutes to take effect if it was added recently."
        " Request Uri: " + URI,
    ),
    (
        404,
        RestInaccessibleError,
        "Unable to access SignalR service. Response status code does not indicate success: 404 (Not"
        " Found) Please make sure the endpoint or DNS setting is correct. Request Uri: " + URI,
    ),
    (500, RestRuntimeError, "Azure SignalR service runtime error. Request Uri: " + URI),
    (413, RestRuntimeError, "Azure SignalR service runtime error. Request Uri: " + URI),
    (302, RestRuntimeError, "Azure SignalR service runtime error. Request Uri: " + URI),
]


@pytest.mark.parametrize(("status", "kind", "text"), FAILURES)
async def test_a_refusal_has_the_sdks_text(status: int, kind: type[RestError], text: str) -> None:
    transport = Recording(RestResponse(status, body=b"nope"))
    with pytest.raises(RestError) as caught:
        await send(client(transport)[0])

    assert type(caught.value) is kind
    assert str(caught.value) == text
    assert caught.value.hint
    assert KEY not in str(caught.value) + caught.value.hint
    assert len(transport.calls) == 1


@pytest.mark.parametrize("value", [".", ".."])
async def test_ids_that_change_the_path_are_refused(value: str) -> None:
    transport = Recording()
    operations: list[Op] = [
        lambda r: r.send_to_group("chat", value, "m", []),
        lambda r: r.send_to_user("chat", value, "m", []),
        lambda r: r.add_user_to_group("chat", "u", value),
    ]
    for operation in operations:
        with pytest.raises(RestArgumentError, match="means another path"):
            await operation(client(transport)[0])

    assert transport.calls == []


async def test_an_empty_target_makes_no_request() -> None:
    transport = Recording()
    with pytest.raises(RestArgumentError) as caught:
        await client(transport)[0].send_to_all("chat", "", [])

    assert str(caught.value) == "Argument cannot be null or empty. (Parameter 'methodName')"
    assert transport.calls == []


RETRIES: list[tuple[Op, list[RestResponse | RestError], int]] = [
    (send, [RestResponse(503), RestResponse(202)], 2),
    (send, [RestResponse(500)], 1),
    (send, [RestResponse(408)], 1),
    (send, [unreachable(URI, "late", timed_out=True)], 1),
    (send, [RestResponse(503)], 4),
    (join, [RestResponse(500), RestResponse(408), RestResponse(200)], 3),
    (join, [unreachable(URI, "late", timed_out=True), RestResponse(200)], 2),
    (join, [unreachable(URI, "refused")], 1),
    (join, [RestResponse(400)], 1),
]


@pytest.mark.parametrize(("operation", "answers", "calls"), RETRIES)
async def test_only_what_the_real_client_retries_is_tried_again(
    operation: Op, answers: list[RestResponse | RestError], calls: int
) -> None:
    transport = Recording(*answers)
    rest, slept = client(transport)
    last = answers[-1]
    if isinstance(last, RestError) or last.status >= 400:
        with pytest.raises(RestError):
            await operation(rest)
    else:
        assert (await operation(rest)).attempts == calls

    assert len(transport.calls) == calls
    assert slept.times == [0.8] * (calls - 1)


async def test_exhausted_retries_tell_every_attempt() -> None:
    rest, slept = client(Recording(RestResponse(502)), Retry(max_retries=3, mode="Exponential"))
    with pytest.raises(RestRuntimeError) as caught:
        await send(rest)

    assert caught.value.attempts == (502, 502, 502, 502)
    assert slept.times == [0.8, 1.6, 3.2]


async def test_without_retries_one_failure_is_the_end() -> None:
    transport = Recording(RestResponse(503))
    with pytest.raises(RestRuntimeError):
        await send(client(transport, Retry(max_retries=0))[0])

    assert len(transport.calls) == 1


async def test_a_local_service_gets_the_same_request() -> None:
    seen: list[RestRequest] = []

    async def handler(request: RestRequest) -> RestResponse:
        seen.append(request)
        return RestResponse(202)

    rest = RestClient(ENDPOINT, LocalTransport(handler))
    await rest.send_to_user("chat", "a/b", "m", [1])
    (request,) = seen

    assert (request.method, request.path) == ("POST", "/api/hubs/chat/users/a%2Fb/:send")
    assert request.query == "api-version=2022-06-01"
    assert request.headers["host"] == "localhost:8888"
    assert request.headers["authorization"].startswith("Bearer ")
    assert json.loads(request.body) == {"Target": "m", "Arguments": [1]}


def test_unreachable_keeps_the_cause_out_of_the_sdks_text() -> None:
    error = unreachable("http://x/", "Connection refused")

    assert isinstance(error, RestUnreachableError)
    assert str(error) == "An error happened when making request to http://x/"
    assert "Connection refused" in error.hint


async def test_a_token_is_used_again_for_its_path_until_it_is_five_minutes_old() -> None:
    transport = Recording()
    now = [1_700_000_000.0]
    rest = RestClient(ENDPOINT, transport, now=lambda: now[0])
    for seconds in (0, 299, 300):
        now[0] = 1_700_000_000.0 + seconds
        await send(rest)
    await rest.send_to_all("other", "m", [])
    tokens = [call[2]["Authorization"] for call in transport.calls]

    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3
