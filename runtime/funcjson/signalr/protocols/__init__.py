"""Hub protocols by name: bytes to hub messages and back. No protocol knows of connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from funcjson.signalr.messages import HubMessage
from funcjson.signalr.protocols import json as json_protocol
from funcjson.signalr.protocols import msgpack as msgpack_protocol


class HubProtocol(Protocol):
    """One encoding of hub messages. A record is one message without its framing."""

    @property
    def name(self) -> str:
        """As a handshake spells it."""

    @property
    def is_binary(self) -> bool:
        """True if its bytes need a transport that carries binary data."""

    def encode(self, message: HubMessage) -> bytes:
        """The framed bytes of one message."""

    def frame(self, record: bytes) -> bytes:
        """The record with its framing."""

    def split(self, buffer: bytearray, fresh: int) -> list[bytes]:
        """Take every complete record out of `buffer`, whose last `fresh` bytes are new.

        Raises ProtocolError for framing that can never become a record.
        """

    def parse(self, record: bytes) -> HubMessage | None:
        """One record as a message; None for a type of the future, which must be ignored.

        Raises ProtocolError.
        """


PROTOCOLS: Mapping[str, HubProtocol] = {
    "json": json_protocol.JsonProtocol(),
    "messagepack": msgpack_protocol.MessagePackProtocol(),
}


def protocol_named(name: str) -> HubProtocol | None:
    """The protocol that a handshake asks for, in any letter case; None if there is no such protocol."""
    return PROTOCOLS.get(name.lower())


def record_of(protocol: HubProtocol, message: HubMessage) -> bytes:
    """The message as one unframed record, as an upstream receives it."""
    raw: bytes = getattr(message, "raw", b"")
    if raw:
        return raw
    framed = bytearray(protocol.encode(message))
    (record,) = protocol.split(framed, len(framed))
    return record
