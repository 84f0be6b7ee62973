"""The nodes that fell silent: told for a while, since nobody else knows what their clients have missed."""

from __future__ import annotations

TOLD_S = 60.0
_NAMED = 3


class Gone:
    """Names of nodes that were taken for dead, each with the time when it was last heard."""

    def __init__(self) -> None:
        self._buried: dict[str, float] = {}

    def bury(self, name: str, heard: float) -> None:
        """Nothing was heard of it for too long."""
        self._buried[name] = heard

    def returns(self, name: str) -> bool:
        """It is heard again; True if it had been buried, and so has missed something."""
        return self._buried.pop(name, None) is not None

    def told(self, now: float) -> str:
        """One sentence that names those that were heard within the last minute; or ""."""
        recent = {name: at for name, at in self._buried.items() if now - at <= TOLD_S}
        if not recent:
            return ""
        names = ", ".join([*recent][:_NAMED])
        more = f" and {len(recent) - _NAMED} more" if len(recent) > _NAMED else ""
        silent = f"gone, not heard for {now - max(recent.values()):.0f} s"
        return (
            f"node {names} is {silent}" if len(recent) == 1 else f"nodes {names}{more} are {silent}"
        )
