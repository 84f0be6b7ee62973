"""What nodes say to each other as bytes: JSON, with every bytes value beside it as it is."""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SIZE = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Note:
    """One message between nodes. `number` joins a request, its reply and its cancellation."""

    kind: str
    sender: str
    number: int = 0
    value: Mapping[str, Any] | None = None


def pack(note: Note) -> bytes:
    """The bytes of a note. Raises TypeError or ValueError for a value that is neither JSON nor bytes."""
    blobs: list[bytes] = []
    # Nobody who sends data through a node can know the mark, so data never looks like a reference.
    mark = secrets.token_hex(8)

    def refer(value: object) -> dict[str, int]:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"{type(value).__name__} cannot go to another node")
        blobs.append(bytes(value))
        return {mark: len(blobs) - 1}

    body = [note.kind, note.sender, note.number, mark, note.value]
    head = json.dumps(body, separators=(",", ":"), default=refer).encode()
    parts = [_SIZE.pack(len(blobs)), _SIZE.pack(len(head)), head]
    for blob in blobs:
        parts += (_SIZE.pack(len(blob)), blob)
    return b"".join(parts)


def unpack(data: bytes) -> Note:
    """The note of these bytes. Raises ValueError for bytes that `pack` did not make."""
    count, at = _size(data, 0)
    parts: list[bytes] = []
    for _ in range(count + 1):
        size, at = _size(data, at)
        if at + size > len(data):
            raise ValueError("a part is cut off")
        parts.append(data[at : at + size])
        at += size
    head, *blobs = parts
    body = json.loads(head)
    if not isinstance(body, list) or len(body) != 5:
        raise ValueError("not a note")
    kind, sender, number, mark, value = body
    if blobs:
        value = json.loads(head, object_hook=lambda each: _dereferred(each, mark, blobs))[4]
    return Note(kind, sender, number, value)


def _size(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    end = at + _SIZE.size
    if end > len(data):
        raise ValueError("a number is cut off")
    return int(_SIZE.unpack_from(data, at)[0]), end


def _dereferred(value: dict[str, Any], mark: str, blobs: list[bytes]) -> Any:
    number = value.get(mark)
    return value if number is None else blobs[number]
