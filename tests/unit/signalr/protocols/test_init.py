"""Protocols by name, and the record that an upstream receives."""

from __future__ import annotations

import pytest

from funcjson.signalr.messages import Invocation
from funcjson.signalr.protocols import PROTOCOLS, protocol_named, record_of


def test_names_ignore_letter_case() -> None:
    assert protocol_named("JSON") is PROTOCOLS["json"]
    assert protocol_named("MessagePack") is PROTOCOLS["messagepack"]
    assert protocol_named("xyz") is None


@pytest.mark.parametrize("name", ["json", "messagepack"])
def test_an_upstream_receives_a_record_without_framing(name: str) -> None:
    protocol = PROTOCOLS[name]
    made = Invocation("m", [1])

    assert record_of(protocol, Invocation("m", [1], raw=b"as it came")) == b"as it came"
    assert protocol.parse(record_of(protocol, made)) == made
