"""Encode once, write many: what connections share, and what never mixes."""

from __future__ import annotations

from collections.abc import Sequence

from funcjson.signalr.frames import Batch, Payload, pack_records
from funcjson.signalr.messages import Encoded, Invocation


def joined(records: Sequence[bytes]) -> bytes:
    return b"|".join(records)


def payload(target: str) -> Payload:
    return Payload(Invocation(target))


def test_a_payload_is_encoded_once_for_each_protocol() -> None:
    one = payload("m")

    assert one.data("json") is one.data("json")
    assert one.data("json") != one.data("messagepack")


def test_an_encoded_payload_speaks_only_what_its_sender_gave() -> None:
    one = Payload(Encoded({"json": b"x"}))

    assert (one.speaks("json"), one.speaks("messagepack")) == (True, False)
    assert (one.data("json"), one.data("messagepack")) == (b"x", b"")
    assert payload("m").speaks("messagepack")


def test_connections_that_wait_for_the_same_messages_share_one_batch() -> None:
    first, second = payload("a"), payload("b")

    assert first.alone() is first.alone()
    assert first.alone().then(second) is first.alone().then(second)
    assert first.alone().then(second).count == 2


def test_a_batch_never_sees_what_was_added_elsewhere() -> None:
    first, second, third = payload("a"), payload("b"), payload("c")
    alone = first.alone()
    with_second, with_third = alone.then(second), alone.then(third)
    longer = with_second.then(third)

    def targets(batch: Batch) -> list[bytes]:
        return [record.split(b'"target":"')[1][:1] for record in batch.records("json")]

    assert targets(alone) == [b"a"]
    assert targets(with_second) == [b"a", b"b"]
    assert targets(with_third) == [b"a", b"c"]
    assert targets(longer) == [b"a", b"b", b"c"]


def test_the_bytes_for_a_transport_are_made_once_and_for_each_protocol() -> None:
    batch = payload("m").alone()
    wire = batch.wire("ws", "json", joined)

    assert batch.wire("ws", "json", joined) is wire
    assert batch.wire("sse", "json", lambda records: b"other") == b"other"
    assert batch.wire("ws", "messagepack", joined) != wire


def test_a_message_without_an_encoding_is_left_out() -> None:
    batch = Payload(Encoded({"messagepack": b"x"})).alone().then(Payload(Encoded({"json": b"y"})))

    assert batch.records("json") == [b"y"]


def test_records_are_packed_but_never_split() -> None:
    assert pack_records([b"aa", b"bb", b"cc"], 4) == [b"aabb", b"cc"]
    assert pack_records([b"a" * 9, b"b"], 4) == [b"a" * 9, b"b"]
    assert pack_records([], 4) == []
