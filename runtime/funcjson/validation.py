"""A document becomes a Function, or Problems: all of them at once, each at its place.

The checks and their order are the Functions host's. What the real host finds only when a function
is called is a warning here, so that a folder that loads there loads here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcjson import wrong_documents as wrong
from funcjson.bindings.base import InputType, OutputType, TriggerType
from funcjson.canonical import Places, TypeRules, as_text, canonical, schema_problems, type_rules
from funcjson.document_rules import retry_policy, top_level_problems
from funcjson.errors import ExpressionError, Location, PluginError, Problem, Severity
from funcjson.expressions import (
    check_template,
    parse_template,
    placeholder_problem,
    resolve_settings,
)
from funcjson.model import Binding, Direction, Function, Language
from funcjson.registry import Registry
from funcjson.settings import Settings

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE | re.ASCII)
_BINDING_NAME = re.compile(r"[a-z][a-z0-9]{0,127}|\$return", re.IGNORECASE | re.ASCII)
_SPECIAL = re.compile("[{}%<]")
# The host reads the words in any letter case, and the numbers of its enumeration.
_DIRECTIONS = {
    "in": Direction.IN,
    "out": Direction.OUT,
    "inout": Direction.INOUT,
    "0": Direction.IN,
    "1": Direction.OUT,
    "2": Direction.INOUT,
}


@dataclass(frozen=True, slots=True)
class Document:
    """function.json content from any front end. `script_file` is None when no handler was found."""

    name: str
    body: Mapping[str, Any]
    directory: Path
    places: Places
    language: Language = Language.PYTHON
    script_file: str | None = None
    entry_point: str | None = None
    code_first: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What documents are held against: the binding types there are, and the app's settings."""

    registry: Registry
    settings: Settings
    _types: dict[str, TypeRules] = field(default_factory=dict)
    # Expressions that were found sound, with the names their trigger offers: apps repeat them.
    _sound: set[tuple[str, frozenset[str] | None]] = field(default_factory=set)

    def of(self, type_name: str) -> TypeRules:
        """The rules of a type the registry knows; raises PluginError for one that is unusable."""
        key = type_name.lower()
        if key not in self._types:
            self._types[key] = type_rules(self.registry.find(key))
        return self._types[key]


def validate(document: Document, rules: Rules) -> tuple[Function | None, tuple[Problem, ...]]:
    """The function, or None when a problem is an error."""
    body, places = document.body, document.places
    found: list[Problem] = []
    if not is_function_name(document.name):
        found.append(wrong.function_name(document.name, places.locate("")))
    found += top_level_problems(body, document.name, places)
    retry, retry_problems = retry_policy(body.get("retry"), places)
    found += retry_problems
    bindings = _bindings(document, rules, found)
    if len([binding for binding in bindings if binding.is_trigger]) != 1:
        return None, _ordered(document.name, found)
    function = Function(
        name=document.name,
        directory=document.directory,
        bindings=tuple(bindings),
        language=document.language,
        script_file=document.script_file,
        entry_point=document.entry_point or _text(body.get("entryPoint")),
        document=body,
        disabled=is_disabled(document.name, rules.settings),
        retry=retry or rules.settings.host.retry,
        locate=places.locate,
        code_first=document.code_first,
    )
    if retry:
        found += wrong.retry_without_use(function)
    broken = [p.where.pointer for p in found if p.where and p.severity is Severity.ERROR]
    for binding in bindings:
        if not _is_broken(binding, broken):
            found += _check_values(binding, function, places, rules)
    failed = any(problem.severity is Severity.ERROR for problem in found)
    return None if failed else function, _ordered(document.name, found)


def _is_broken(binding: Binding, pointers: Iterable[str]) -> bool:
    """Whether an error speaks of one of the binding's values; its name and direction do not count."""
    own = f"{binding.pointer}/"
    head = (f"{own}name", f"{own}direction")
    return any(f"{pointer}/".startswith(own) and pointer not in head for pointer in pointers)


def is_function_name(name: str) -> bool:
    """Whether the host takes this folder name for a function."""
    return _FUNCTION_NAME.fullmatch(name) is not None and name.lower() != "host"


def is_disabled(name: str, settings: Settings) -> bool:
    """Whether an app setting disables the function."""
    for setting in (f"AzureWebJobs.{name}.Disabled", f"AzureWebJobs_{name}_Disabled"):
        if (value := settings.get(setting)) is not None:
            return value.strip().lower() in ("1", "true")
    return False


def _ordered(name: str, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The worst first, then as they stand in the file."""
    named = (p if p.function else dataclasses.replace(p, function=name) for p in problems)
    return tuple(sorted(named, key=_rank))


_SEVERITIES = tuple(Severity)


def _rank(problem: Problem) -> tuple[int, int, int]:
    where = problem.where or Location("")
    return _SEVERITIES.index(problem.severity), where.line, where.column


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _bindings(document: Document, rules: Rules, found: list[Problem]) -> list[Binding]:
    """The bindings, in their types' spelling where the type is known."""
    entries, places = document.body.get("bindings"), document.places
    if entries is None or entries == []:
        found.append(wrong.no_bindings(document.body, places))
        return []
    if not isinstance(entries, list):
        found.append(wrong.bindings_not_a_list(entries, places.locate("/bindings")))
        return []
    bindings: list[Binding] = []
    unknown: list[tuple[str, Location]] = []
    for index, entry in enumerate(entries):
        pointer = f"/bindings/{index}"
        if not isinstance(entry, dict):
            found.append(wrong.binding_not_an_object(entry, places.locate(pointer)))
            continue
        binding = _head(entry, pointer, places, found)
        if binding.type and rules.registry.spelling(binding.type) is None:
            unknown.append((binding.type, places.locate(f"{pointer}/type")))
        elif binding.type:
            binding = _typed(binding, places, rules, found)
        bindings.append(binding)
    bundle = rules.settings.host.extension_bundle
    found += wrong.unknown_types(unknown, rules.registry, bundle)
    found += _names_and_triggers(bindings, len(entries), places)
    return bindings


def _head(entry: Mapping[str, Any], pointer: str, places: Places, found: list[Problem]) -> Binding:
    """Name, direction and type, which the host reads before it knows the type."""
    name = as_text(_member(entry, "name"))
    if not isinstance(name, str) or not _BINDING_NAME.fullmatch(name):
        found.append(wrong.binding_name(name, entry, pointer, places))
        name = name if isinstance(name, str) else ""
    given = _member(entry, "direction", "in")
    direction = _DIRECTIONS.get(str(given).lower()) if isinstance(given, str | int) else None
    if direction is None:
        found.append(wrong.direction(given, places.locate(f"{pointer}/direction")))
        # Read on as what was probably meant, so that no second error comes of it.
        direction = Direction.OUT if str(given).lower().startswith("o") else Direction.IN
    elif name.lower() == "$return" and direction is not Direction.OUT:
        found.append(wrong.return_not_out(pointer, places))
    type_name = as_text(_member(entry, "type"))
    if not isinstance(type_name, str) or not type_name:
        found.append(wrong.no_type(name, pointer, places))
        type_name = ""
    return Binding(name, type_name, direction, entry, pointer)


def _member(entry: Mapping[str, Any], name: str, absent: Any = None) -> Any:
    if name in entry:
        return entry[name]
    return next((value for key, value in entry.items() if key.lower() == name), absent)


def _typed(head: Binding, places: Places, rules: Rules, found: list[Problem]) -> Binding:
    """The binding in its type's spelling, held against its schema; the head alone if unusable."""
    pointer = head.pointer
    try:
        of_type = rules.of(head.type)
    except PluginError as error:
        where = places.locate(f"{pointer}/type")
        found += [dataclasses.replace(problem, where=where) for problem in error.problems]
        return head
    entry = canonical(head.properties, of_type, pointer, places)
    properties = entry.properties
    properties["name"] = head.name
    properties["direction"] = str(head.direction)
    found += entry.problems
    found += _settings_now(properties, of_type, rules, pointer, places)
    found += schema_problems(entry, of_type, pointer, places)
    binding = Binding(head.name, of_type.kind.type, head.direction, properties, pointer)
    stated = _member(head.properties, "direction") is not None
    found += _direction_problems(binding, of_type, stated, places)
    return binding


def _settings_now(
    properties: dict[str, Any], of_type: TypeRules, rules: Rules, pointer: str, places: Places
) -> Iterator[Problem]:
    """Put settings into the trigger properties that the host resolves when it loads."""
    kind = of_type.kind
    for name in kind.settings_only if isinstance(kind, TriggerType) else ():
        value = properties.get(name)
        if isinstance(value, str) and "%" in value:
            where = places.locate(f"{pointer}/{name}")
            try:
                properties[name] = resolve_settings(value, rules.settings.get, where)
            except ExpressionError as error:
                yield from error.problems


def _direction_problems(
    binding: Binding, of_type: TypeRules, stated: bool, places: Places
) -> Iterator[Problem]:
    output = isinstance(of_type.kind, OutputType)
    if isinstance(of_type.kind, TriggerType) and binding.direction is Direction.OUT:
        return  # Then it is no trigger, which is reported for the whole function.
    if binding.name.lower() == "$return" and binding.direction is not Direction.OUT:
        return  # Reported already, in the host's words.
    if (binding.direction is Direction.OUT) != output:
        yield wrong.wrong_direction(binding, output, stated, places)
    elif not stated:
        yield wrong.missing_direction(binding, places)


def _names_and_triggers(
    bindings: list[Binding], declared: int, places: Places
) -> Iterator[Problem]:
    first: dict[str, Binding] = {}
    for binding in bindings:
        earlier = first.setdefault(binding.name.lower(), binding)
        if earlier is not binding and binding.name:
            yield wrong.duplicate_name(binding, earlier, places)
    triggers = [binding for binding in bindings if binding.is_trigger]
    if len(triggers) > 1:
        yield wrong.several_triggers(triggers, places)
    # An entry that is no object or has no type may have been meant as the trigger.
    elif not triggers and len(bindings) == declared and all(b.type for b in bindings):
        yield wrong.no_trigger(bindings, places)


def _check_values(
    binding: Binding, function: Function, places: Places, rules: Rules
) -> Iterator[Problem]:
    """What only the values tell: the type's own check, placeholders, expressions, setting names."""
    if rules.registry.spelling(binding.type) is None:
        return
    of_type = rules.of(binding.type)
    yield from _own_check(binding, of_type, function, rules)
    for name, value in binding.properties.items():
        if not isinstance(value, str):
            continue
        if "<" in value:
            where = places.locate(f"{binding.pointer}/{name}")
            if problem := placeholder_problem(value, name, where, function.name):
                yield problem
        if name in of_type.setting_names:
            where = places.locate(f"{binding.pointer}/{name}")
            if problem := wrong.not_a_setting_name(name, value, where):
                yield problem
    if isinstance(of_type.kind, InputType | OutputType):
        yield from _check_expressions(binding, of_type.kind, function, rules)


def _own_check(
    binding: Binding, of_type: TypeRules, function: Function, rules: Rules
) -> list[Problem]:
    try:
        return list(of_type.kind.check(binding, function, rules.settings))
    # A check of another distribution that fails must stop only the functions that use its type.
    except Exception as error:  # noqa: BLE001 - a third party's check must not stop the others
        return [wrong.check_failed(binding, function, error)]


def _check_expressions(
    binding: Binding, kind: InputType | OutputType, function: Function, rules: Rules
) -> Iterator[Problem]:
    for name in sorted(kind.expressions):
        value = binding.properties.get(name)
        if not isinstance(value, str) or not _SPECIAL.search(value):
            continue
        offers = _offers(function, rules)
        if (value, offers) in rules._sound:
            continue
        if not check_template(parse_template(value, None, rules.settings.get), offers):
            rules._sound.add((value, offers))
            continue
        # Places cost a scan of the file: looked up only for what is wrong.
        where = function.locate(f"{binding.pointer}/{name}")
        template = parse_template(value, where, rules.settings.get)
        yield from check_template(template, offers, function=function.name)


def _offers(function: Function, rules: Rules) -> frozenset[str] | None:
    """The names that expressions may use; None for any, or when the trigger is of no known type."""
    trigger = function.trigger
    if rules.registry.spelling(trigger.type) is None:
        return None
    kind = rules.of(trigger.type).kind
    return kind.offers(trigger) if isinstance(kind, TriggerType) else None
