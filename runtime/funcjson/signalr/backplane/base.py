"""What joins several service nodes: one node asks, every other node answers.

Guarantees that an implementation gives, and that its contract test checks:

- `call` reaches every node that was joined when it began, once, and gives one reply for each that answered
  within its time limit. A node that died answers nothing and delays nothing beyond that limit.
- Requests of one node reach another node in the order in which `call` was awaited.
- Nothing is kept: a node that joins later does not see earlier requests; it asks for what it needs.
- A node never receives its own requests.
- What a handler raises stays on its node: it is logged there and counts as no answer.

Values are what JSON can say, plus bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

Request = Mapping[str, Any]
Reply = Mapping[str, Any]
Handler = Callable[[Request], Awaitable[Reply]]


class Backplane(Protocol):
    """One node's connection to the others."""

    @property
    def is_alone(self) -> bool:
        """True if there is certainly no other node, so that nothing needs to be asked."""

    async def join(self, handler: Handler) -> None:
        """Become a node: `handler` answers the requests of the others from now on."""

    async def leave(self) -> None:
        """Stop answering; calls of others no longer wait for this node."""

    async def call(self, request: Request) -> list[Reply]:
        """Ask every other node; the replies in no particular order."""
