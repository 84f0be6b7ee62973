"""Values of clients between nodes: maps of any keys, timestamps and other extended values, as a backplane can carry them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from funcjson.signalr.protocols.msgpack import extended, extension_of

MAX_LEVELS = (
    200  # a map takes three in the JSON of a note, of which Python reads fewer than a thousand
)


def to_wire(value: Any, levels: int = MAX_LEVELS) -> Any:
    """JSON and bytes that `from_wire` makes the same value of. Raises ValueError for one nested too deeply."""
    if levels == 0:
        raise ValueError(f"nested deeper than {MAX_LEVELS} levels, so no other node can get it")
    extension = extension_of(value)
    if extension is not None:
        return {"extension": list(extension)}
    if isinstance(value, Mapping):
        return {
            "map": [
                [to_wire(key, levels - 1), to_wire(member, levels - 1)]
                for key, member in value.items()
            ]
        }
    if isinstance(value, (list, tuple)):
        return [to_wire(each, levels - 1) for each in value]
    return value


def from_wire(value: Any) -> Any:
    """The value that went into `to_wire`."""
    if isinstance(value, Mapping):
        if "extension" in value:
            return extended(*value["extension"])
        return {from_wire(key): from_wire(member) for key, member in value["map"]}
    if isinstance(value, list):
        return [from_wire(each) for each in value]
    return value
