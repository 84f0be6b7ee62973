"""Which upstream URL an event goes to: the emulator's settings file and its patterns."""

from __future__ import annotations

import codecs
import difflib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from funcjson.signalr.errors import SignalRError

SETTINGS_NAME = "settings.json"
FUNCTIONS_URL = "http://localhost:7071/runtime/webhooks/signalr"

log = logging.getLogger("funcjson.signalr.upstream")

_PARAMETER = re.compile(r"\{(hub|category|event)\}")
_OVERRIDE = re.compile(
    r"UpstreamSettings(?:__|:)Templates(?:__|:)(\d+)(?:__|:)(\w+)", re.IGNORECASE
)
_ANY_PARAMETER = re.compile(r"\{[^{}@]*\}")
_MEMBERS = ("UrlTemplate", "HubPattern", "CategoryPattern", "EventPattern", "Auth")
_COMMENTS_AND_COMMAS = re.compile(
    r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[\]}])', re.DOTALL
)


class UpstreamSettingsError(SignalRError):
    """A settings file that cannot be used; the text says where and what to change."""


@dataclass(frozen=True, slots=True)
class UpstreamRule:
    """One template.

    A pattern is "*", or names separated by commas, or one name; None matches nothing.

    Hubs match in any letter case; categories and events exactly. There are no partial wildcards.
    """

    url_template: str
    hub: str | None = "*"
    category: str | None = "*"
    event: str | None = "*"

    def misses(self, hub: str, category: str, event: str) -> tuple[str, ...]:
        """Which patterns do not match, as clauses for a person; empty if the rule matches."""
        found = []
        if not _matches(self.hub and self.hub.lower(), hub.lower()):
            found.append(f"hub '{hub}' is not in '{_shown(self.hub)}'")
        if not _matches(self.category, category):
            found.append(_miss("category", category, self.category))
        if not _matches(self.event, event):
            found.append(_miss("event", event, self.event))
        return tuple(found)

    def url(self, hub: str, category: str, event: str) -> str:
        """The URL for an event: each parameter escaped and put in once, never expanded again."""
        values = {"hub": hub, "category": category, "event": event}
        return _PARAMETER.sub(
            lambda found: quote(values[found[1]], safe="", errors="replace"), self.url_template
        )


def _matches(pattern: str | None, name: str) -> bool:
    if pattern is None:
        return False
    return pattern == "*" or name in [part.strip() for part in pattern.split(",")]


def _miss(part: str, name: str, pattern: str | None) -> str:
    only_case = _matches(pattern and pattern.lower(), name.lower())
    note = " (letter case counts)" if only_case else ""
    return f"{part} '{name}' is not in '{_shown(pattern)}'{note}"


def _shown(pattern: str | None) -> str:
    return "null" if pattern is None else pattern


def choose(
    rules: Iterable[UpstreamRule], hub: str, category: str, event: str
) -> UpstreamRule | None:
    """The first rule that matches; order is priority."""
    return next((rule for rule in rules if not rule.misses(hub, category, event)), None)


def near_misses(rules: Sequence[UpstreamRule], hub: str, category: str, event: str) -> str:
    """What kept the nearest rules from matching; one clause, empty if there are no rules."""
    found = [
        (len(misses), f"template {number}: {' and '.join(misses)}")
        for number, rule in enumerate(rules)
        if (misses := rule.misses(hub, category, event))
    ]
    best = min((count for count, _ in found), default=0)
    return "; ".join(text for count, text in found if count == best)


def read_settings(
    text: str, environment: Mapping[str, str] | None = None
) -> tuple[UpstreamRule, ...]:
    """The rules of a settings file.

    Names ignore letter case; comments and trailing commas are fine.

    `environment` may override or add members, as `UpstreamSettings__Templates__0__UrlTemplate`.
    Raises UpstreamSettingsError.
    """
    items = _templates(_parse(text)) if text.strip() else {}
    if text.strip() and items is None:
        log.warning("the settings have no UpstreamSettings.Templates: events of clients go nowhere")
    items = items or {}
    for name, value in (environment or {}).items():
        found = _OVERRIDE.fullmatch(name)
        if found:
            items.setdefault(int(found[1]), {})[found[2].lower()] = value
    return tuple(_rule(number, items[number]) for number in sorted(items))


def _parse(text: str) -> Any:
    plain = _COMMENTS_AND_COMMAS.sub(_blanked, text.removeprefix("\ufeff"))
    try:
        return json.loads(plain)
    except json.JSONDecodeError as error:
        raise UpstreamSettingsError(
            f"line {error.lineno}, column {error.colno}: this is not JSON ({error.msg});"
            " `funcjson signalr upstream init -o OTHER_FOLDER` writes a file to compare with"
        ) from error


def _blanked(found: re.Match[str]) -> str:
    """A text as it is; of a comment or a comma too many only its room, so that places stay right."""
    return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])


def _templates(settings: Any) -> dict[int, dict[str, Any]] | None:
    """The templates by number; None if there is no such member."""
    templates = _member(_member(settings, "UpstreamSettings"), "Templates")
    if templates is None:
        return None
    if isinstance(templates, dict) and all(key.isdecimal() for key in templates):
        numbered = {int(key): item for key, item in templates.items()}  # .NET reads that, too
    elif isinstance(templates, list):
        numbered = dict(enumerate(templates))
    else:
        raise UpstreamSettingsError("UpstreamSettings.Templates must be an array of objects")
    items: dict[int, dict[str, Any]] = {}
    for number, item in numbered.items():
        if not isinstance(item, dict):
            raise UpstreamSettingsError(f"UpstreamSettings.Templates[{number}] must be an object")
        for name in item:
            _check_member(number, str(name))
        items[number] = {str(name).lower(): value for name, value in item.items()}
    return items


def _check_member(number: int, name: str) -> None:
    """Warn of a member that counts for nothing."""
    known = {each.lower(): each for each in _MEMBERS}
    if name.lower() in known:
        return
    near = difflib.get_close_matches(name.lower(), known, 1, 0.6)
    hint = f"did you mean {known[near[0]]}?" if near else f"known are {', '.join(_MEMBERS)}"
    log.warning("UpstreamSettings.Templates[%d].%s counts for nothing; %s", number, name, hint)


def _member(value: Any, name: str) -> Any:
    """A member in any letter case; None if it is absent or `value` is no object."""
    if not isinstance(value, dict):
        return None
    return next((found for key, found in value.items() if key.lower() == name.lower()), None)


def _rule(number: int, item: Mapping[str, Any]) -> UpstreamRule:
    where = f"UpstreamSettings.Templates[{number}]"
    template = item.get("urltemplate")
    if not isinstance(template, str) or not template:
        raise UpstreamSettingsError(f"{where} needs a UrlTemplate, such as {FUNCTIONS_URL}")
    plain = _PARAMETER.sub("x", template)
    try:
        parts = urlsplit(plain)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise UpstreamSettingsError(f"{where}.UrlTemplate must be an absolute http or https URL")
    if "{@" in template:
        log.warning("%s.UrlTemplate refers to Key Vault, which is only resolved on Azure", where)
    for found in _ANY_PARAMETER.findall(plain):
        log.warning(
            "%s.UrlTemplate has %s, which is sent as it is; {hub}, {category} and {event} are filled in",
            where,
            found,
        )
    kind = _member(item.get("auth"), "Type")
    if isinstance(kind, str) and kind.lower() not in ("", "none"):
        log.warning("%s.Auth '%s' needs Azure; requests go without Authorization", where, kind)
    patterns = [item.get(f"{name}pattern", "*") for name in ("hub", "category", "event")]
    if not all(pattern is None or isinstance(pattern, str) for pattern in patterns):
        raise UpstreamSettingsError(f'{where}: patterns must be text, such as "*" or "a, b"')
    for name, pattern in zip(("Hub", "Category", "Event"), patterns, strict=True):
        if pattern not in (None, "*") and "*" in pattern:
            log.warning(
                "%s.%sPattern '%s' is taken as it is: only a '*' alone stands for everything",
                where,
                name,
                pattern,
            )
    return UpstreamRule(template, *patterns)


def read_text(path: Path) -> str:
    """The text of a settings file: UTF-8, or UTF-16 with its mark, as PowerShell writes it.

    Raises OSError and UpstreamSettingsError.
    """
    data = path.read_bytes()
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if is_wide else "utf-8")
    except UnicodeDecodeError as error:
        raise UpstreamSettingsError(
            f"the text is not UTF-8 (byte {error.start + 1}); save the file in UTF-8"
        ) from error


class SettingsFile:
    """A settings file that is read again when it changes; the last good rules stay while it is
    broken.

    `path` may be the folder that holds `settings.json`. A file that does not exist has no rules.
    `changed` hears one sentence each time it was read again with success. `is_good` is False while
    it is broken.
    """

    def __init__(
        self,
        path: Path,
        environment: Mapping[str, str] | None = None,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._path = path / SETTINGS_NAME if path.is_dir() else path
        self._environment = environment or {}
        self._stamp: tuple[int, int] | None = (-1, -1)
        self._rules: tuple[UpstreamRule, ...] = ()
        self._changed = changed
        self._was_good = False
        self.is_good = True

    def rules(self) -> tuple[UpstreamRule, ...]:
        """The rules as the file has them now. One look at the file's time; never raises."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._read(stamp is not None)
        return self._rules

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _read(self, exists: bool) -> None:
        try:
            text = read_text(self._path) if exists else ""
            self._rules = read_settings(text, self._environment)
        except (OSError, UpstreamSettingsError) as error:
            then = "the rules before it stay" if self._was_good else "there is no upstream"
            log.error("%s: %s; %s until it is mended", self._path, error, then)
            self.is_good = False
            return
        if self._was_good or not self.is_good:
            self._changed(loaded(self._path, len(self._rules), exists=exists))
        self._was_good = self.is_good = True


def loaded(path: Path, rules: int, *, exists: bool = True) -> str:
    """The sentence that tells of a file that was read."""
    if not exists:
        return f"'{path}' is not there any more: events of clients go nowhere."
    return f"Loaded settings from '{path}' ({rules} upstream rule{'' if rules == 1 else 's'})."


Rules = Callable[[], Sequence[UpstreamRule]]


def fixed(*rules: UpstreamRule) -> Rules:
    """Rules that do not change."""
    return lambda: rules


def initial_settings() -> str:
    """The text of a new settings file: everything goes to the local Functions host."""
    template = {
        "UrlTemplate": FUNCTIONS_URL,
        "EventPattern": "*",
        "HubPattern": "*",
        "CategoryPattern": "*",
    }
    return json.dumps({"UpstreamSettings": {"Templates": [template]}}, indent=2) + "\n"
