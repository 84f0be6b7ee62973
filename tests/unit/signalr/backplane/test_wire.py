from __future__ import annotations

from typing import Any

import pytest

from funcjson.signalr.backplane.wire import Note, pack, unpack


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"frames": {"json": b"\x1e", "messagepack": b"\x00" * 300}},
        {"deep": [[{"er": [b"", b"x"]}]], "text": "é\ud800", "big": 2**80, "none": None},
    ],
)
def test_a_note_comes_back_as_it_was(value: Any) -> None:
    note = Note("ask", "node é", 7, value)

    assert unpack(pack(note)) == note


def test_data_never_looks_like_a_reference_to_bytes() -> None:
    sent = pack(Note("ask", "n", 1, {"b": b"x"}))
    mark = sent.split(b'"')[5].decode()
    value = {"b": b"x", mark: 0}

    assert unpack(pack(Note("ask", "n", 1, value))).value == value


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(TypeError, match="set cannot go to another node"):
        pack(Note("ask", "n", 1, {"a": {1}}))


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_note_that_is_cut_off_is_refused(cut: int) -> None:
    sent = pack(Note("reply", "n", 1, {"a": b"0123456789"}))

    with pytest.raises(ValueError, match="cut off"):
        unpack(sent[:-cut])


@pytest.mark.parametrize("noise", [b"", b"x", b"\0\0\0\2[]", b"\0\0\0\1{", b"\xff\xff\xff\xff"])
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(noise)
