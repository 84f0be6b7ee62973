"""Bodies in MessagePack for schemathesis, which knows no schema of binary data. It loads this as its hooks."""

from __future__ import annotations

import msgpack
import schemathesis
from hypothesis import strategies as st

from funcjson.signalr.messages import Invocation
from funcjson.signalr.protocols import PROTOCOLS

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
_TARGETS = st.text(min_size=1, max_size=12)
_ARGUMENTS = st.lists(_VALUES, max_size=3)


def _frames(target: str, arguments: list[object], names: set[str]) -> bytes:
    message = Invocation(target, arguments)
    return bytes(msgpack.packb({name: PROTOCOLS[name].encode(message) for name in sorted(names)}))


schemathesis.openapi.media_type(
    "application/x-msgpack",
    st.fixed_dictionaries({"target": _TARGETS}, optional={"arguments": _ARGUMENTS}).map(
        msgpack.packb
    ),
)
schemathesis.openapi.media_type(
    "application/octet-stream",
    st.builds(_frames, _TARGETS, _ARGUMENTS, st.sets(st.sampled_from(sorted(PROTOCOLS)))),
)
