"""Upstream requests beyond the vectors: headers, MessagePack, events of this process, answers."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from funcjson.bindings import signalr_webhook as webhook
from funcjson.errors import BindingError, HandlerError, Problem
from funcjson.signalr.credentials import sign_connection

KEY = "k" * 32


def headers(category: str = "messages", event: str = "send", **more: str) -> list[tuple[str, str]]:
    known = {
        "Content-Type": "application/json",
        "X-ASRS-Hub": "Chat",
        "X-ASRS-Category": category,
        "X-ASRS-Event": event,
        "X-ASRS-Connection-Id": "c1",
        **{name.replace("_", "-"): text for name, text in more.items()},
    }
    return list(known.items())


def body(**members: Any) -> bytes:
    return json.dumps({"type": 1, "target": "send", "arguments": [], **members}).encode()


def refused(pairs: list[tuple[str, str]], content: bytes) -> tuple[int, str]:
    with pytest.raises(webhook.WebhookRefused) as caught:
        webhook.read_event(pairs, content, None)
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ([("X-ASRS-Hub", "h")], 500),
        ([("Content-Type", "Application/JSON")], 415),
        ([("Content-Type", "application/json"), ("X-ASRS-Hub", "h")], 500),
    ],
)
def test_requests_without_what_is_needed(pairs: list[tuple[str, str]], status: int) -> None:
    with pytest.raises(webhook.WebhookRefused) as caught:
        webhook.route_key(pairs)

    assert caught.value.status == status


def test_the_handler_sees_headers_but_those_of_the_content() -> None:
    pairs = [*headers(Content_Length="5", Expires="0"), ("X-Multi", "a"), ("x-multi", "b")]
    event = webhook.read_event(pairs, body(), None)

    assert event.headers == {
        "X-ASRS-Hub": "Chat",
        "X-ASRS-Category": "messages",
        "X-ASRS-Event": "send",
        "X-ASRS-Connection-Id": "c1",
        "X-Multi": "a,b",
    }


def test_names_in_the_body_ignore_case_and_what_follows_is_ignored() -> None:
    content = b'\xef\xbb\xbf {"Type":1,"InvocationId":"7","Target":"SEND","Arguments":[1]}\x1ex'
    event = webhook.read_event(headers(), content, None)

    assert (event.invocation_id, event.arguments, event.protocol) == ("7", [1], "json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"oops",
        b"[]",
        b"\xff",
        b'{"type":3,"target":"send","arguments":[]}',
        b'{"type":1,"arguments":[]}',
        b'{"type":1,"target":"send","arguments":{}}',
    ],
)
def test_other_bodies_cannot_be_parsed(content: bytes) -> None:
    assert refused(headers(), content) == (500, webhook.NOT_PARSED)


def test_message_pack_bodies_are_read_and_answered_in_kind() -> None:
    record = [1, {}, "7", "send", [1, b"b", msgpack.ExtType(5, b"")], []]
    event = webhook.read_event(
        headers(Content_Type="application/x-msgpack"), msgpack.packb(record), None
    )
    status, answer = webhook.answer(event, result={"a": 1})

    assert (event.invocation_id, event.protocol) == ("7", "messagepack")
    assert event.context()["Arguments"][1] == b"b"
    assert status == 200
    assert msgpack.unpackb(answer[1:])[2:] == ["7", 3, {"a": 1}]


@pytest.mark.parametrize("content", [b"\xc1", msgpack.packb([1]), msgpack.packb({})])
def test_other_message_pack_cannot_be_parsed(content: bytes) -> None:
    pairs = headers(Content_Type="application/x-msgpack")

    assert refused(pairs, content) == (500, webhook.NOT_PARSED)


def test_a_connection_id_is_needed() -> None:
    status, reason = refused(headers(X_ASRS_Connection_Id=""), body())

    assert (status, "Connection-Id" in reason) == (500, True)


def test_the_body_of_connected_is_not_read() -> None:
    event = webhook.read_event(headers("connections", "connected"), b"oops", None)

    assert (event.arguments, event.error) == (None, None)


@pytest.mark.parametrize(
    ("content", "error"), [(b'{"type":11}', None), (b'{"type":11,"error":"gone"}', "gone")]
)
def test_disconnected_may_tell_an_error(content: bytes, error: str | None) -> None:
    pairs = headers("Connections", "Disconnected")

    assert webhook.read_event(pairs, content, None).error == error


def test_disconnected_is_parsed_before_its_signature_is_checked() -> None:
    with pytest.raises(webhook.WebhookRefused) as caught:
        webhook.read_event(headers("connections", "disconnected"), b"{}", [KEY])

    assert caught.value.status == 500


def test_a_signature_of_any_key_will_do() -> None:
    pairs = headers(X_ASRS_Signature=sign_connection(["x" * 32, KEY], "c1"))

    assert webhook.read_event(pairs, body(), [KEY]).connection_id == "c1"


def test_an_event_of_this_process_is_that_of_its_request() -> None:
    signature = sign_connection([KEY], "c1")
    local = webhook.local_event(
        "Chat",
        "messages",
        "send",
        "c1",
        user_id="ann",
        claims=[("role", "admin"), ("n", "1")],
        query="?a=1",
        arguments=["x"],
        invocation_id="7",
        signature=signature,
    )
    pairs = headers(
        X_ASRS_User_Id="ann",
        X_ASRS_User_Claims="role: admin, n: 1",
        X_ASRS_Client_Query="?a=1",
        X_ASRS_Signature=signature,
    )
    sent = webhook.read_event(pairs, body(invocationId="7", arguments=["x"]), [KEY])

    assert local.context() == sent.context()
    assert local.key == sent.key


@pytest.mark.parametrize(
    ("category", "event", "error", "status"),
    [
        ("connections", "connected", None, 200),
        ("connections", "connected", "no", 403),
        ("connections", "disconnected", "no", 200),
        ("messages", "connected", "no", 200),
    ],
)
def test_answers_without_a_waiting_client(
    category: str, event: str, error: str | None, status: int
) -> None:
    told = webhook.local_event("h", category, event, "c1")

    assert webhook.answer(told, error=error) == (status, b"")


def test_a_result_of_null_is_still_a_result() -> None:
    told = webhook.local_event("h", "messages", "m", "c1", arguments=[], invocation_id="7")

    assert webhook.answer(told)[1] == b'{"type":3,"invocationId":"7","result":null}\x1e'


def test_a_failure_without_a_text_has_the_platform_text() -> None:
    told = webhook.local_event("h", "messages", "m", "c1", arguments=[], invocation_id="7")

    assert webhook.completion(told, error="").error == "Method execution failed."


@pytest.mark.parametrize(
    ("returned", "result"),
    [
        ({}, None),
        ({"string": "x"}, "x"),
        ({"json": '{"a":1}'}, {"a": 1}),
        ({"int": 5}, 5),
        ({"bytes": b"hi"}, "hi"),
    ],
)
def test_return_values_become_results(returned: dict[str, Any], result: Any) -> None:
    assert webhook.result_of(returned) == result


def test_error_texts() -> None:
    handler = HandlerError(Problem("FJ0510", "raised"), "boom", "line 1")
    binding = BindingError(Problem("FJ0310", "no hub", azure="Value cannot be null."))

    assert webhook.error_text(handler, "i") == ("Result: Failure\nException: boom\nStack: line 1")
    assert webhook.error_text(binding, "i") == "Value cannot be null."
    assert webhook.error_text(BindingError(Problem("FJ0311", "what")), "i") == "what"


def test_a_stream_stays_open_when_the_function_succeeds() -> None:
    pairs = headers(X_Funcjson_Stream_Id="7")
    event = webhook.read_event(pairs, body(type=4, invocationId="7", arguments=[1]), None)

    assert (event.invocation_id, event.arguments) == ("7", [1])
    assert webhook.answer(event, result="ignored") == (200, b"")
    assert b'"error":"no"' in webhook.answer(event, error="no")[1]


def test_a_stream_without_our_header_is_refused_as_by_the_extension() -> None:
    assert refused(headers(), body(type=4, invocationId="7"))[0] == 500
