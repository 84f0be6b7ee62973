"""The wire: frames survive any cut, bytes stay bytes."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.workers.wire import Decoder, encode

MESSAGES: list[dict[str, Any]] = [
    {"op": "stop"},
    {"op": "result", "id": "1", "outputs": {"a": {"bytes": b"\x00\xff"}, "b": {"bytes": b""}}},
    {"op": "result", "id": "2", "outputs": {}, "return": {"bytes": b""}},
    {"op": "log", "message": "line\nline ü \ud800 \U0001f600"},
    {"op": "invoke", "inputs": [["x", {"http": {"headers": {"bytes": "no"}, "body": {}}}]]},
]


def test_messages_survive_every_cut_of_the_stream() -> None:
    stream = b"".join(encode(message) for message in MESSAGES)
    for cut in range(len(stream) + 1):
        decoder = Decoder()

        assert [*decoder.feed(stream[:cut]), *decoder.feed(stream[cut:])] == MESSAGES


def test_messages_survive_single_bytes() -> None:
    decoder = Decoder()
    stream = b"".join(encode(message) for message in MESSAGES)

    assert [m for at in range(len(stream)) for m in decoder.feed(stream[at : at + 1])] == MESSAGES


@pytest.mark.parametrize("value", [bytearray(b"ab"), memoryview(b"ab")])
def test_every_kind_of_bytes_arrives_as_bytes(value: Any) -> None:
    assert list(Decoder().feed(encode({"return": {"bytes": value}}))) == [
        {"return": {"bytes": b"ab"}}
    ]


def test_what_is_not_a_wire_value_is_refused() -> None:
    with pytest.raises(TypeError):
        encode({"op": "result", "return": {"string": object()}})
