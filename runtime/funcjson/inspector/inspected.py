"""What the inspector asks of a running host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from funcjson.app_facts import AppFacts, facts_of
from funcjson.app_version import AppVersion
from funcjson.cors import CorsPolicy
from funcjson.local_service import EmbeddedService
from funcjson.login import LoginTwin
from funcjson.masking import Mask, Shown
from funcjson.trace import Recorder
from funcjson.turned_away import TurnedAwayList


class Inspected(Protocol):
    """A host, as far as the inspector looks at it."""

    recorder: Recorder

    @property
    def ready(self) -> bool: ...

    @property
    def version(self) -> AppVersion: ...

    @property
    def url(self) -> str: ...

    @property
    def embedded(self) -> EmbeddedService | None: ...

    @property
    def access_keys(self) -> tuple[str, ...]: ...

    @property
    def login(self) -> LoginTwin: ...

    @property
    def cors(self) -> CorsPolicy: ...

    @property
    def turned_away(self) -> TurnedAwayList: ...


class Refusal(Exception):
    """The inspector cannot do what it was asked; the text says why."""


@dataclass(slots=True)
class Facts:
    """What the app's files say, found once for each loaded version."""

    _version: AppVersion | None = None
    _facts: AppFacts = field(default_factory=AppFacts)

    def of(self, version: AppVersion) -> AppFacts:
        if self._version is not version:
            self._version, self._facts = version, facts_of(version)
        return self._facts


def mask_of(host: Inspected) -> Mask:
    """Takes out the keys of the settings and of the local service."""
    return Mask({*host.version.settings.secrets(), *host.access_keys})


def shown_of(host: Inspected) -> Shown:
    return Shown(mask_of(host))


def text_in(body: Mapping[str, Any], name: str, default: str = "") -> str:
    """A member that must be text. Raises Refusal."""
    value = body.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Refusal(f"'{name}' must be text")
    return value
