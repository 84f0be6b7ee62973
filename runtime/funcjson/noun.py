"""Dataclasses that are made for each request: frozen for the type checker, without that guard's cost at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as noun
else:
    from dataclasses import dataclass

    def noun(**options: Any) -> Any:
        """As `dataclass(frozen=True, ...)`, whose objects take three times as long to make."""
        return dataclass(**options | {"frozen": False, "unsafe_hash": True})


__all__ = ["noun"]
