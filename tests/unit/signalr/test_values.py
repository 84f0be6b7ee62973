from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from funcjson.signalr.backplane.wire import Note, pack, unpack
from funcjson.signalr.values import MAX_LEVELS, from_wire, to_wire

MOMENT = msgpack.Timestamp(1_700_000_000, 5)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, 2.5, "text \ud800", True, b"bytes", 2**80],
        {"map": [[1, 2]], "extension": [1, b"x"], "": {}},
        {1: "one", MOMENT: {2.5: None}, b"k": [MOMENT]},
        [MOMENT, msgpack.ExtType(5, b"five"), {"deep": msgpack.ExtType(6, b"")}],
    ],
)
def test_values_cross_as_they_are(value: Any) -> None:
    note = unpack(pack(Note("ask", "n", 1, {"value": to_wire(value)})))

    assert note.value is not None
    found = from_wire(note.value["value"])
    assert found == value
    assert repr(found) == repr(value)  # an extended value equals a list's tuple


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = {"a": value}
    return value


def test_the_deepest_value_that_may_cross_does() -> None:
    value = nested(MAX_LEVELS - 1)

    note = unpack(pack(Note("ask", "n", 1, {"value": to_wire(value), "blob": b"x"})))
    assert note.value is not None
    assert json.dumps(from_wire(note.value["value"])) == json.dumps(value)
    with pytest.raises(ValueError, match="deeper than"):
        to_wire(nested(MAX_LEVELS))
