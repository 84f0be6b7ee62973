"""Encode once, write many: a message in each protocol, and a burst of messages in each framing.

A `Payload` is one message for any number of connections. A `Batch` is what one connection has not been given
yet; connections that wait for the same messages share one Batch, so a burst is joined once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from funcjson.signalr.messages import Encoded, HubMessage
from funcjson.signalr.protocols import PROTOCOLS, HubProtocol

MAX_BATCH = 256  # messages; a longer burst is written in parts, so that nothing waits without bound


class Payload:
    """One message; encoded for a protocol when the first connection of that protocol needs it."""

    __slots__ = ("_alone", "_encoded", "message")

    def __init__(self, message: HubMessage | Encoded) -> None:
        self.message = message
        self._encoded: dict[str, bytes] = {}
        if isinstance(message, Encoded):
            self._encoded.update(message.by_protocol)
        self._alone: Batch | None = None

    def data(self, protocol: str) -> bytes:
        """The framed message; empty if its sender gave no encoding for this protocol."""
        found = self._encoded.get(protocol)
        if found is None:
            message = self.message
            found = b"" if isinstance(message, Encoded) else PROTOCOLS[protocol].encode(message)
            self._encoded[protocol] = found
        return found

    def speaks(self, protocol: str) -> bool:
        """False if a connection of this protocol gets nothing."""
        message = self.message
        return not isinstance(message, Encoded) or protocol in message.by_protocol

    def alone(self) -> Batch:
        """The batch that holds only this payload."""
        if self._alone is None:
            self._alone = Batch([self], 1)
        return self._alone


class Batch:
    """The first `count` of some payloads, in order. Immutable for its holders."""

    __slots__ = ("_after", "_following", "_payloads", "_wire", "count", "on_socket")

    def __init__(self, payloads: list[Payload], count: int) -> None:
        self.count = count
        self._payloads = payloads  # shared with the batches that follow, which hold more of it
        self._following: Payload | None = None
        self._after: Batch | None = None
        self._wire: dict[tuple[str, str], bytes] = {}
        self.on_socket: dict[
            HubProtocol, bytes
        ] = {}  # the same for WebSockets, found with less work

    def then(self, payload: Payload) -> Batch:
        """This batch and one payload more."""
        if self._following is payload and self._after is not None:
            return self._after
        payloads, count = self._payloads, self.count
        if len(payloads) != count:  # another batch went on from here with something else
            payloads = payloads[:count]
        payloads.append(payload)
        after = Batch(payloads, count + 1)
        if self._after is None:
            self._following, self._after = payload, after
        return after

    def records(self, protocol: str) -> list[bytes]:
        """Each message, framed by the hub protocol; those without an encoding for it are left out."""
        if self.count == 1:
            data = self._payloads[0].data(protocol)
            return [data] if data else []
        return [data for each in self._payloads[: self.count] if (data := each.data(protocol))]

    def wire(self, key: str, protocol: str, frame: Callable[[Sequence[bytes]], bytes]) -> bytes:
        """The bytes for a transport, called `key`, made once for each protocol by `frame`."""
        place = key, protocol
        found = self._wire.get(place)
        if found is None:
            found = self._wire[place] = frame(self.records(protocol))
        return found


def pack_records(records: Sequence[bytes], limit: int) -> list[bytes]:
    """Join neighbours up to `limit` bytes; one record is never split, a larger one stands alone."""
    packs: list[bytes] = []
    current: list[bytes] = []
    size = 0
    for record in records:
        if current and size + len(record) > limit:
            packs.append(b"".join(current))
            current, size = [], 0
        current.append(record)
        size += len(record)
    if current:
        packs.append(current[0] if len(current) == 1 else b"".join(current))
    return packs
