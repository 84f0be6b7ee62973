"""Step 1: the request as it came, other triggers, and which of it is secret."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.trace_view.traces import http

from funcjson.bindings.signalr_trigger import SignalREvent
from funcjson.masking import Mask, Shown
from funcjson.model import TriggerEvent
from funcjson.trace_view.request import arrived, body_text, request_rules, request_secrets


def test_a_request_keeps_the_order_and_case_of_its_headers() -> None:
    event = http(("Host", "h"), ("X-Multi", "a"), ("x-multi", "b"), query="a=1", body=b"hello")

    request = arrived(event, Shown())["request"]

    assert [header["name"] for header in request["headers"]] == ["Host", "X-Multi", "x-multi"]
    assert (request["method"], request["query"]) == ("POST", "a=1")
    assert (request["body"], request["bodyBytes"]) == ("hello", 5)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", None),
        (b'{"a": [1]}', {"a": [1]}),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"text", "text"),
        (b"\xff\xfe\x00", "(3 bytes that are no text)"),
    ],
)
def test_bodies(body: bytes, shown: Any) -> None:
    assert body_text(body, Shown()) == shown


@pytest.mark.parametrize(
    ("body", "exact", "why"),
    [
        (b"", "", None),
        (b'{"a":1,"b":   2.50}', "eyJhIjoxLCJiIjogICAyLjUwfQ==", None),
        (b"\xff\xfe\x00", "//4A", None),
        (b'{"password": "x"}', None, "parts of it are masked"),
        (b'{"a": [{"apiKey": 5}]}', None, "parts of it are masked"),
        (b"key-of-the-app \xff", None, "parts of it are masked"),
        (b'{"token": ""}', "eyJ0b2tlbiI6ICIifQ==", None),
        (b"x" * 1_000_001, None, "it has more than 1000000 bytes"),
    ],
    ids=["none", "JSON", "bytes", "password", "deep", "known", "empty secret", "long"],
)
def test_a_body_is_kept_as_it_came_unless_it_holds_a_secret(
    body: bytes, exact: str | None, why: str | None
) -> None:
    request = arrived(http(body=body), Shown(Mask(["key-of-the-app"])))["request"]

    assert (request["bodyBase64"], request["bodyLeftOut"]) == (exact, why)


def test_a_signalr_event_shows_what_its_handler_gets_without_the_signature() -> None:
    event = SignalREvent(
        "chat", "messages", "send", "c1", "ann", ["hi"], headers={"X-ASRS-Signature": "sha256=00"}
    )

    payload = arrived(TriggerEvent("signalRTrigger", payload=event), Shown())["payload"]

    assert payload["Arguments"] == ["hi"]
    assert payload["Headers"] == {"X-ASRS-Signature": "***"}


@pytest.mark.parametrize(
    ("payload", "shown"), [(None, None), ("text", "text"), ({"a": 1}, {"a": 1}), (object, "<class")]
)
def test_payloads_of_other_triggers(payload: Any, shown: Any) -> None:
    found = arrived(TriggerEvent("manualTrigger", payload=payload), Shown())["payload"]

    assert found == shown or str(found).startswith(str(shown))


def test_secrets_of_a_request_are_known_wherever_they_stand() -> None:
    event = http(
        ("Authorization", "Bearer abcdefghij"),
        ("Cookie", "sid=cookie-value; t=1"),
        ("X-User", "somebody"),
        query="code=function-key&name=somebody",
        body=b'{"login": {"password": "pass-in-body"}, "tokens": ["first-token"], "who": "somebody"}',
    )

    found = request_secrets(event)

    assert {"abcdefghij", "cookie-value", "function-key", "pass-in-body", "first-token"} <= found
    assert "somebody" not in found


def test_a_body_that_is_no_json_has_no_secret_members() -> None:
    assert request_secrets(http(body=b"password=abc")) == set()
    assert request_secrets(None) == set()


def test_identity_headers_are_taught() -> None:
    assert request_rules(http(("X-MS-CLIENT-PRINCIPAL-ID", "a"))) == ["login-sets-headers"]
    assert request_rules(http()) == []
