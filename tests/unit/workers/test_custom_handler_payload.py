"""The contract's JSON: what a handler is told, how its answer is read, and requests passed on."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.http_response import from_output
from funcjson.model import Binding, Call, Direction, Function, Language, RetryContext, TypedData
from funcjson.workers.custom_handler_payload import (
    HOST_VERSION,
    AnswerError,
    call_headers,
    invocation,
    is_http_only,
    kept_headers,
    passed_on,
    read_answer,
    read_passed_on,
)

REQUEST: dict[str, Any] = {
    "method": "POST",
    "url": "http://localhost:7071/api/or%20ders/7?x=1&y=",
    "headers": {
        "host": "localhost:7071",
        "content-type": "application/json",
        "x-a": "1,2",
        "user-agent": "curl/8",
    },
    "header_list": (
        ("host", "localhost:7071"),
        ("Content-Type", "application/json"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("Connection", "close"),
        ("user-agent", "curl/8"),
    ),
    "query": {"x": "1", "y": ""},
    "params": {"id": "7"},
    "body": {"bytes": b'{"id": 7}'},
    "user": None,
}


def function(*bindings: tuple[str, str, str], **properties: Any) -> Function:
    """Bindings as (name, type, direction); `properties` are those of all of them."""
    return Function(
        "orders",
        Path("/app/orders"),
        tuple(
            Binding(name, kind, Direction(direction), properties, f"/bindings/{at}")
            for at, (name, kind, direction) in enumerate(bindings)
        ),
        Language.CUSTOM,
    )


REQ = ("req", "httpTrigger", "in")
RES = ("res", "http", "out")
MESSAGES = ("messages", "signalR", "out")


def call(*inputs: tuple[str, TypedData], **members: Any) -> Call:
    return Call("the-id", "orders", inputs, **members)


# -- to the handler ------------------------------------------------------------------------------


def test_a_request_has_the_documented_members() -> None:
    shown = invocation(call(("req", {"http": REQUEST})))["Data"]["req"]

    assert shown.pop("Identities")[0]["IsAuthenticated"] is False
    assert shown == {
        "Url": "http://localhost:7071/api/or%20ders/7?x=1&y=",
        "Method": "POST",
        "Query": {"x": "1", "y": ""},
        "Headers": {
            "Host": ["localhost:7071"],
            "Content-Type": ["application/json"],
            "x-a": ["1", "2"],
            "Connection": ["close"],
            "User-Agent": ["curl/8"],
        },
        "Params": {"id": "7"},
        "Body": '{"id": 7}',
    }


def test_a_request_without_a_body_has_no_body_member() -> None:
    shown = invocation(call(("req", {"http": {**REQUEST, "body": {}}})))["Data"]["req"]

    assert "Body" not in shown


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_a_binary_body_is_base64(kind: str) -> None:
    headers = {"content-type": kind}
    message = {**REQUEST, "headers": headers, "header_list": (), "body": {"bytes": b"\xff\x00"}}

    assert invocation(call(("req", {"http": message})))["Data"]["req"]["Body"] == "/wA="


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"json": '{"IsPastDue": false}'}, {"IsPastDue": False}),
        ({"json": "[1, 2]"}, "[1, 2]"),
        ({"string": 'a "b"'}, '"a \\"b\\""'),
        ({"int": 5}, "5"),
        ({"bytes": b"\x00\x01"}, "AAE="),
        ({}, "null"),
    ],
)
def test_inputs_are_objects_or_json_text_in_a_string(value: TypedData, shown: Any) -> None:
    assert invocation(call(("input", value)))["Data"] == {"input": shown}


def test_metadata_leaves_out_the_trigger_and_has_the_retry() -> None:
    made = invocation(
        call(
            trigger_metadata={
                "TimerTrigger": {"string": "now"},
                "sys": {"json": '{"MethodName": "orders"}'},
                "id": {"string": "7"},
            },
            retry=RetryContext(1, 3),
        )
    )

    assert made["Metadata"] == {
        "sys": {"MethodName": "orders"},
        "id": '"7"',
        "RetryContext": {"RetryCount": 1, "MaxRetryCount": 3, "Exception": None},
    }


@pytest.mark.parametrize(
    ("principal", "claim", "name"),
    [
        (
            {
                "auth_typ": "aad",
                "name_typ": "n",
                "role_typ": "r",
                "claims": [{"typ": "n", "val": "Ann"}, {"typ": "r", "val": "admin"}],
            },
            {"Type": "r", "Value": "admin"},
            "Ann",
        ),
        (
            {"identityProvider": "github", "userDetails": "ann", "userRoles": []},
            {
                "Type": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
                "Value": "ann",
            },
            "ann",
        ),
    ],
)
def test_a_login_is_an_identity(principal: Any, claim: Any, name: str) -> None:
    packed = base64.b64encode(json.dumps(principal).encode()).decode()
    message = {**REQUEST, "headers": {"x-ms-client-principal": packed}}

    identity = invocation(call(("req", {"http": message})))["Data"]["req"]["Identities"][1]

    assert identity["IsAuthenticated"] is True
    assert identity["Name"] == name
    assert claim in identity["Claims"]


def test_a_forged_login_that_cannot_be_read_is_no_identity() -> None:
    message = {**REQUEST, "headers": {"x-ms-client-principal": "%%%"}}

    assert len(invocation(call(("req", {"http": message})))["Data"]["req"]["Identities"]) == 1


def test_the_host_says_who_it_is_and_which_call_this_is() -> None:
    headers = call_headers(call(trace_parent="00-a-b-01"))

    assert headers == {
        "X-Azure-Functions-HostVersion": HOST_VERSION,
        "X-Azure-Functions-InvocationId": "the-id",
        "User-Agent": f"Azure-Functions-Host/{HOST_VERSION}",
        "traceparent": "00-a-b-01",
    }


# -- from the handler ----------------------------------------------------------------------------


def answered(value: Any, made: Function) -> Any:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_answer(made, "application/json; charset=utf-8", text)


def test_outputs_logs_and_hints_are_read() -> None:
    answer = answered(
        {
            "Outputs": {"res": {"body": "ok"}, "messages": [{"target": "t"}], "mesages": 1},
            "Logs": ["one", 2, None],
            "ReturnValue": None,
        },
        function(REQ, RES, MESSAGES),
    )

    assert answer.result.outputs["messages"] == {"json": '[{"target": "t"}]'}
    assert answer.result.return_value == {}
    assert answer.logs == ("one", "2")
    assert len(answer.hints) == 1
    assert "'mesages'" in answer.hints[0]


@pytest.mark.parametrize(
    ("output", "status", "body", "kind"),
    [
        ({"body": "hi", "statusCode": 201}, 201, b"hi", "text/plain; charset=utf-8"),
        ({"Body": "hi", "StatusCode": "202"}, 202, b"hi", "text/plain; charset=utf-8"),
        ('{"body": "hi"}', 200, b"hi", "text/plain; charset=utf-8"),
        ({"body": {"a": [1]}}, 200, b'{\n  "a": [\n    1\n  ]\n}', "text/plain; charset=utf-8"),
        ({"statusCode": 204}, 204, b"", "text/plain; charset=utf-8"),
        (
            {"body": "{}", "headers": {"content-type": "application/json"}},
            200,
            b"{}",
            "application/json; charset=utf-8",
        ),
    ],
)
def test_an_http_output_describes_the_response(
    output: Any, status: int, body: bytes, kind: str
) -> None:
    answer = answered({"Outputs": {"res": output}}, function(REQ, RES))
    response = from_output(answer.result.outputs["res"])

    assert (response.status, response.body) == (status, body)
    assert {n.lower(): v for n, v in response.headers}["content-type"] == kind


def test_status_is_not_read_and_that_is_said() -> None:
    answer = answered({"Outputs": {"res": {"status": 404, "body": ""}}}, function(REQ, RES))

    assert from_output(answer.result.outputs["res"]).status == 200
    assert "statusCode" in answer.hints[0]


def test_a_missing_http_output_is_an_empty_object_and_that_is_said() -> None:
    answer = answered({"Outputs": {}}, function(REQ, RES))

    assert from_output(answer.result.outputs["res"]).body == b"{}"
    assert "'res'" in answer.hints[0]


def test_without_outputs_nothing_is_set() -> None:
    answer = answered({"ReturnValue": {"a": 1}}, function(REQ, ("$return", "http", "out")))

    assert answer.result.outputs == {}
    assert answer.result.return_value == {"json": '{"a": 1}'}


def test_text_that_is_base64_becomes_bytes_as_on_the_real_host() -> None:
    answer = answered({"ReturnValue": "done"}, function(REQ, ("$return", "http", "out")))

    assert answer.result.return_value == {"bytes": base64.b64decode("done")}
    assert "base64" in answer.hints[0]


def test_an_output_that_is_declared_binary_stays_text() -> None:
    made = function(REQ, ("$return", "http", "out"), dataType="binary")

    assert answered({"ReturnValue": "done"}, made).result.return_value == {"string": "done"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "no body"),
        (b"not json", "not JSON"),
        ([1], "no JSON object"),
        ({"Outputs": [1]}, "'Outputs'"),
        ({"Logs": "one"}, "'Logs'"),
        ({"Outputs": {"res": "plain"}}, "does not describe a response"),
        ({"Outputs": {"res": {"headers": []}}}, "does not describe a response"),
    ],
)
def test_an_answer_against_the_contract_is_refused(value: Any, said: str) -> None:
    with pytest.raises(AnswerError, match=said):
        answered(value, function(REQ, RES))


@pytest.mark.parametrize("kind", ["", "text/plain"])
def test_an_answer_that_does_not_say_that_it_is_json_is_refused(kind: str) -> None:
    with pytest.raises(AnswerError, match="Content-Type"):
        read_answer(function(REQ, RES), kind, b"{}")


# -- requests passed on --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bindings", "is_only"),
    [((REQ, RES), True), ((REQ, RES, MESSAGES), False), ((REQ,), False), ((RES, REQ), True)],
)
def test_only_functions_with_nothing_but_http_can_be_passed_on(
    bindings: tuple[tuple[str, str, str], ...], is_only: bool
) -> None:
    assert is_http_only(function(*bindings)) is is_only


def test_a_request_is_passed_on_as_it_came() -> None:
    request = passed_on(call(("req", {"http": REQUEST})))

    assert (request.method, request.target) == ("POST", "/api/or%20ders/7?x=1&y=")
    assert request.body == b'{"id": 7}'
    assert request.headers == (
        ("Host", "localhost:7071"),
        ("Content-Type", "application/json"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("X-Azure-Functions-HostVersion", HOST_VERSION),
        ("X-Azure-Functions-InvocationId", "the-id"),
        ("User-Agent", f"curl/8 Azure-Functions-Host/{HOST_VERSION}"),
    )


def test_the_answer_to_a_request_passed_on_reaches_the_caller_unchanged() -> None:
    given = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Transfer-Encoding", "chunked")]
    result = read_passed_on(function(REQ, RES), 418, kept_headers(given), b"\xff")
    response = from_output(result.outputs["res"])

    assert (response.status, response.body) == (418, b"\xff")
    assert response.headers == (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))


def test_an_output_called_return_gets_the_answer_as_return_value() -> None:
    result = read_passed_on(function(REQ, ("$return", "http", "out")), 200, [], b"")

    assert result.outputs == {}
    assert result.return_value["http"]["status"] == 200
