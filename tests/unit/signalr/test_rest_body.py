"""Bodies of sends: what is a message, and what is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funcjson.signalr.messages import Encoded, Invocation
from funcjson.signalr.protocols.msgpack import pack
from funcjson.signalr.rest_body import json_of, message_of
from funcjson.signalr.rest_problem import RestProblem

JSON_FRAME = b'{"type":1,"target":"m","arguments":[]}\x1e'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"target":"m","arguments":[1]}'),
        ("", b'{"TARGET":"m","Arguments":[1],"rawOnly":true}'),
        ("Application/JSON;charset=utf-8", b'\xef\xbb\xbf{"target":"m","arguments":[1]}'),
        ("application/x-msgpack", pack({"Target": "m", "arguments": [1]})),
        ("application/x-msgpack", pack(["m", [1]])),
    ],
)
def test_the_forms_of_a_message(content_type: str, body: bytes) -> None:
    assert message_of(content_type, body) == Invocation("m", [1])


@pytest.mark.parametrize("charset", ["utf-16", '"UTF-16LE"', "iso-8859-1"])
def test_a_body_in_another_charset_is_told(charset: str) -> None:
    with pytest.raises(RestProblem) as caught:
        message_of(f"application/json; charset={charset}", '{"target":"m"}'.encode("utf-16"))

    assert caught.value.status == 415
    assert caught.value.fix == "send the body in UTF-8"


def test_frames_are_kept_as_they_are_and_unknown_protocols_ignored() -> None:
    body = pack({"json": JSON_FRAME, "blazorpack": b"\x00"})

    assert message_of("application/octet-stream", body) == Encoded({"json": JSON_FRAME})


@pytest.mark.parametrize(
    ("content_type", "body", "status", "says"),
    [
        ("text/plain", b"x", 415, "text/plain"),
        ("application/json", b"", 400, "Message in request body is required."),
        ("application/json", b"  ", 400, "Message in request body is required."),
        ("application/json", b"[]", 400, "Message in request body is required."),
        ("application/json", b"{", 400, "cannot be read"),
        ("application/json", b'{"target":"m","arguments":[Infinity]}', 400, "Infinity is not JSON"),
        ("application/json", b'{"target":"m","arguments":[' + b"9" * 5000 + b"]}", 400, "read"),
        ("application/json", b'{"target":"m","arguments":{}}', 400, "array"),
        ("application/x-msgpack", b"", 400, "required"),
        ("application/x-msgpack", b"\xc1", 400, "cannot be read"),
        ("application/octet-stream", pack({"json": "text"}), 400, "map"),
        ("application/octet-stream", pack({"json": JSON_FRAME * 2}), 400, "one framed invocation"),
        ("application/octet-stream", pack({"json": JSON_FRAME + b"{"}), 400, "one framed"),
        ("application/octet-stream", pack({"json": b"garbage\x1e"}), 400, "not a hub message"),
    ],
)
def test_what_is_no_message_is_told_why(
    content_type: str, body: bytes, status: int, says: str
) -> None:
    with pytest.raises(RestProblem) as caught:
        message_of(content_type, body)

    assert caught.value.status == status
    assert says in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize("depth", [64, 65])
def test_sixty_four_levels_and_no_more(depth: int) -> None:
    # The message object and its arguments are two of the levels.
    inner: Any = []
    for _ in range(depth - 3):
        inner = [inner]
    body = json.dumps({"target": "m", "arguments": [inner]}).encode()
    if depth == 64:
        assert message_of("", body) == Invocation("m", [inner])
        return
    with pytest.raises(RestProblem, match="deeper than 64"):
        message_of("", body)


def test_messagepack_is_nested_no_deeper() -> None:
    inner: Any = []
    for _ in range(300):
        inner = [inner]

    with pytest.raises(RestProblem, match="deeper than 64"):
        message_of("application/x-msgpack", pack(["m", [inner]]))


def test_a_value_may_be_absent() -> None:
    assert json_of("text/plain", b"") is None
    assert json_of("", b"5") == 5


@pytest.mark.parametrize(
    ("content_type", "body", "fix"),
    [
        ("application/octet-stream", b"", "pack {"),
        ("application/octet-stream", b"\x00\x01", "pack {"),
        ("application/x-msgpack", b"\x00\x01", "as MessagePack"),
        ("application/json", '{"target":"é"}'.encode("latin-1"), "send the body in UTF-8"),
        ("application/json", '{"target":"m"}'.encode("utf-16"), "send the body in UTF-8"),
    ],
)
def test_the_fix_is_that_of_the_content_type(content_type: str, body: bytes, fix: str) -> None:
    with pytest.raises(RestProblem) as caught:
        message_of(content_type, body)

    assert fix in caught.value.fix
    assert ".." not in caught.value.message
