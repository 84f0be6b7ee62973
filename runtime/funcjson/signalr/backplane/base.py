"""What joins several service nodes: one node asks, every other node answers.

Guarantees that an implementation gives, and that its contract test checks:

- **Membership.** A node is a member from the moment `join` returns until it leaves, dies or is cut off. Every
  member that was there before knows it by then, and it knows them. A node that leaves is no member at once; one
  that dies without a word is one for at most its implementation's grace time (Redis: `dead_after_s`).
- **Reach.** `call` gives its request to each node that is a member when it begins, exactly once, and never to the
  node that calls, nor to those that it leaves out. Nothing is kept: a node that joins later does not see earlier
  requests; it asks for what it needs.
- **Order.** The requests of one node start at another node in the order in which `call` was first awaited. They do
  not wait for each other: a handler that waits (for a client's answer, say) holds up nothing. Requests of
  different nodes have no order among them.
- **Answers.** `Answers.replies` holds at most one reply of each node. `Answers.silent` names each member that gave
  none: not within the time limit, or dead, or cut off, or its handler raised (that is logged on its own node). A
  partial answer is therefore always told from a whole one; `Answers.gap` says it in a sentence.
- **Time.** `call` never takes longer than its time limit. A node that is known to be gone delays nothing; one that
  dies during a call delays it no longer than it takes to notice (Redis: about as long again as the call has taken).
- **Enough.** With `enough`, `call` returns at the first reply for which it is true, and the handlers that still
  run elsewhere are cancelled. They are cancelled as well when the time is over or the caller is cancelled.
- **Cut off.** While a node cannot reach the others, `call` does not raise: it returns at once without replies and
  with a gap. The node goes on trying; when it is back, it is a member as if it had just joined, and `rejoined`
  (given to `join`) is called so that it can catch up. So it is on a node that stood still (a laptop that slept, a
  stopped process) for so long that another one took it for dead, when that one hears it again; `rejoined` is then
  given True, since what was asked meanwhile is lost for this node's clients and nobody was told.
- **Gone.** A member that was taken for dead is named in `gone` for a minute, unless it comes back.

Requests and replies are what JSON can say, plus bytes at any depth; keys of mappings are strings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol

Request = Mapping[str, Any]
Reply = Mapping[str, Any]
Handler = Callable[[Request], Awaitable[Reply]]

TIMEOUT_S = 5.0  # how long `call` waits when nothing else is said


@dataclass(frozen=True, slots=True)
class Answers:
    """What other nodes said. `silent` are names of members without a reply; `cut_off` is why none was reached."""

    replies: tuple[Reply, ...] = ()
    silent: tuple[str, ...] = ()
    cut_off: str = ""

    @property
    def gap(self) -> str:
        """One sentence: why the answer is only a part; empty when it is whole."""
        if self.cut_off:
            return f"only this node was asked: {self.cut_off}"
        if self.silent:
            count = len(self.silent) + len(self.replies)
            names = ", ".join(self.silent[:3]) + (", ..." if len(self.silent) > 3 else "")
            return f"{len(self.silent)} of {count} other nodes did not answer ({names})"
        return ""


class Backplane(Protocol):
    """One node's connection to the others."""

    @property
    def name(self) -> str:
        """This node's name, which no other node has; `Answers.silent` names nodes by it."""

    @property
    def others(self) -> Set[str]:
        """The names of the other members, as far as they are known; empty while it is cut off."""

    @property
    def is_alone(self) -> bool:
        """True if there is certainly no other node, so that nothing needs to be asked."""

    @property
    def gone(self) -> str:
        """One sentence that names members that were taken for dead within the last minute; or ""."""

    async def join(
        self, handler: Handler, rejoined: Callable[[bool], Awaitable[None]] | None = None
    ) -> None:
        """Become a node: `handler` answers the requests of the others from now on.

        `rejoined` is called each time the node was cut off and is a member again; with True if others went on
        without it. Raises BackplaneUnavailable.
        """

    async def leave(self) -> None:
        """Stop answering; calls of others no longer wait for this node. Harmless when repeated."""

    async def call(
        self,
        request: Request,
        *,
        timeout_s: float = TIMEOUT_S,
        enough: Callable[[Reply], bool] | None = None,
        without: Collection[str] = (),
    ) -> Answers:
        """Ask every other node but those of the names `without`; the replies are in no particular order."""
