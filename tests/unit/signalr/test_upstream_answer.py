"""Answers of an upstream: which are completions, and what is wrong with the others."""

from __future__ import annotations

import json

import pytest

from funcjson.signalr.messages import Completion, Invocation
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.upstream_answer import completion_bytes, status_hint, why_unusable

JSON, MSGPACK = PROTOCOLS["json"], PROTOCOLS["messagepack"]


def framed(**members: object) -> bytes:
    return json.dumps(members).encode() + b"\x1e"


GOOD = framed(type=3, invocationId="1", result=1)


@pytest.mark.parametrize(
    ("protocol", "body", "says"),
    [
        (
            "json",
            framed(type=3, invocationId="2", result=1),
            "of call '2', the client waits for '1'",
        ),
        ("json", framed(type=3, invocationId="1", result=1, error="e"), "mutually exclusive"),
        ("json", GOOD + framed(type=6), "2 messages"),
        (
            "json",
            framed(type=1, target="t", arguments=[]),
            "type 1 (Invocation), not 3 (Completion)",
        ),
        ("json", framed(type=99), "type 99"),
        ("json", b"<html>", "neither a completion message nor JSON"),
        ("json", MSGPACK.encode(Completion("1", 5, has_result=True)), "a MessagePack completion"),
        ("json", framed(type=3), "Missing required property 'invocationId'"),
        ("messagepack", GOOD, "a JSON completion, but this client speaks messagepack"),
        ("messagepack", GOOD, "application/x-msgpack"),
        ("messagepack", GOOD[:-1], "a JSON completion"),
        ("messagepack", MSGPACK.encode(Completion("2")), "of call '2'"),
        ("messagepack", MSGPACK.encode(Invocation("t")), "type 1 (Invocation)"),
        ("messagepack", MSGPACK.encode(Completion("1")) * 2, "2 messages"),
        ("messagepack", b"\x93\x01", "neither a completion message nor JSON"),
    ],
)
def test_a_body_that_cannot_be_used_is_told_with_its_reason(
    protocol: str, body: bytes, says: str
) -> None:
    assert completion_bytes(PROTOCOLS[protocol], "1", body) is None
    assert says in why_unusable(PROTOCOLS[protocol], "1", body)


def test_a_completion_is_used_framed_or_not() -> None:
    assert completion_bytes(JSON, "1", GOOD) == GOOD
    assert completion_bytes(JSON, "1", GOOD[:-1]) == GOOD


def test_a_status_has_its_likely_cause() -> None:
    assert "AccessKey" in status_hint(401, "hello")
    assert "names no method" in status_hint(400, "")
    assert "is missing" in status_hint(400, "hello")
    assert "redirect" in status_hint(302, "hello")
    assert "redirect" in status_hint(308, "hello")
    assert status_hint(418, "hello") == ""
