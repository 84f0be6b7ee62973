"""One entry of `bindings` in its schema's spelling, and each way in which it breaks its schema.

The Functions host reads names and words in any letter case and turns numbers into text; so do we,
before the schema is asked. What it ignores without a word is a warning here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from funcjson.bindings.base import BindingType
from funcjson.errors import Location, Problem, Severity
from funcjson.schema_check import Mismatch, Schema, compile_schema
from funcjson.schemas import declared_schema

# What the host itself reads from any binding, whatever its type.
COMMON = ("name", "type", "direction", "dataType", "cardinality", "properties")


class Places(Protocol):
    """Where the parts of a document are written."""

    def locate(self, pointer: str) -> Location: ...

    def locate_key(self, pointer: str) -> Location: ...


@dataclass(frozen=True, slots=True)
class TypeRules:
    """What the schema of a binding type says, made ready once for an app.

    `names` and `words` lead from lower case to the schema's spelling. `setting_names` are the
    properties that name a setting; `watched` those of which the schema says more than draft 7 can.
    `any_property`: the schema says that there may be others.
    """

    kind: BindingType
    names: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    texts: frozenset[str]
    properties: Mapping[str, Schema]
    check: Callable[[Any], tuple[Mismatch, ...]]
    exact: frozenset[str]
    setting_names: frozenset[str]
    watched: tuple[tuple[str, Schema], ...]
    any_property: bool = False


def type_rules(kind: BindingType) -> TypeRules:
    """The rules of a type. Raises ValueError or OSError for a schema that cannot be read."""
    schema = declared_schema(kind.schema)
    properties: Mapping[str, Schema] = schema.get("properties", {})
    names = {name.lower(): name for name in (*COMMON, *properties)}
    return TypeRules(
        kind=kind,
        names=names,
        words={
            name: {word.lower(): word for word in rule["enum"]}
            for name, rule in properties.items()
            if "enum" in rule and all(isinstance(word, str) for word in rule["enum"])
        },
        texts=frozenset(n for n, rule in properties.items() if rule.get("type") == "string"),
        properties=properties,
        check=compile_schema(_without_head(schema)),
        exact=frozenset(names.values()),
        setting_names=frozenset(n for n, rule in properties.items() if rule.get("x-names-setting")),
        watched=tuple(
            (name, rule)
            for name, rule in properties.items()
            if "deprecationMessage" in rule or "x-literal-pattern" in rule
        ),
        any_property=schema.get("additionalProperties") is True,
    )


def _without_head(schema: Schema) -> Schema:
    """Name, type and direction are checked before the type is known, in the host's own words."""
    head = ("name", "type", "direction")
    properties = {n: rule for n, rule in schema.get("properties", {}).items() if n not in head}
    required = [name for name in schema.get("required", ()) if name not in head]
    return {**schema, "properties": properties, "required": required}


@dataclass(frozen=True, slots=True)
class Entry:
    """A binding's members by their schema spelling; `unknown` ones as they were written."""

    properties: dict[str, Any]
    unknown: tuple[str, ...]
    problems: tuple[Problem, ...]


def canonical(entry: Mapping[str, Any], rules: TypeRules, pointer: str, places: Places) -> Entry:
    """The entry in the schema's spelling. `type` becomes the type's own name."""
    problems: list[Problem] = []
    unknown: list[str] = []
    if rules.exact.issuperset(entry):
        found = dict(entry)
    else:
        found = {}
        for key, value in entry.items():
            name = rules.names.get(key.lower())
            if name is None:
                unknown.append(key)
                found[key] = value
            elif name not in found:
                found[name] = value
            else:
                # The host takes the exact spelling, else the first.
                if key == name:
                    found[name] = value
                problems.append(_same_name(name, places.locate_key(f"{pointer}/{key}")))
    found["type"] = rules.kind.type
    for name in rules.texts & found.keys():
        if not isinstance(found[name], str):
            found[name] = as_text(found[name])
    for name, words in rules.words.items():
        if isinstance(value := found.get(name), str):
            found[name] = words.get(value.lower(), value)
    return Entry(found, tuple(unknown), tuple(problems))


def as_text(value: Any) -> Any:
    """A number or boolean as the text that the host makes of it; anything else as it is."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return str(value) if isinstance(value, int | float) else value


def schema_problems(
    entry: Entry, rules: TypeRules, pointer: str, places: Places
) -> Iterable[Problem]:
    """What the schema finds wrong, what nobody reads, and what has no effect."""
    # A null stands for "not given", but that it takes the place of the default.
    given = {name: value for name, value in entry.properties.items() if value is not None}
    unknown = list(entry.unknown)
    for mismatch in rules.check(given):
        if mismatch.keyword == "required":
            meant = _meant(str(mismatch.expected), unknown)
            if meant:
                unknown.remove(meant)
            yield _missing(mismatch, meant, pointer, places)
        else:
            yield _wrong(mismatch, entry.properties, pointer, places)
    for name in () if rules.any_property else unknown:
        if not name.startswith(("$", "_", "/", "#")):
            yield _unknown(name, rules, pointer, places)
    for name, rule in rules.watched:
        if name not in given:
            continue
        if "deprecationMessage" in rule:
            yield _without_effect(name, rule, pointer, places)
        value, pattern = given[name], rule.get("x-literal-pattern")
        if (
            pattern
            and isinstance(value, str)
            and value
            and not re.search("[{%<]", value)
            and not re.search(pattern, value)
        ):
            yield _refused_later(name, value, rule, pointer, places)


# Names that people write, folded, and the property that they mean.
_OFTEN_MEANT = {
    "hub": "hubName",
    "connection": "connectionStringSetting",
    "connectionstring": "connectionStringSetting",
    "connectionsetting": "connectionStringSetting",
    "connectionstringname": "connectionStringSetting",
    "user": "userId",
    "uid": "userId",
    "token": "idToken",
    "claims": "claimTypeList",
    "claimtypes": "claimTypeList",
    "parameters": "parameterNames",
    "arguments": "parameterNames",
    "cron": "schedule",
    "scheduleexpression": "schedule",
    "cronexpression": "schedule",
    "auth": "authLevel",
    "authorizationlevel": "authLevel",
    "method": "methods",
    "verbs": "methods",
    "path": "route",
    "url": "route",
    "argname": "name",
}

# Properties of other places that people put on a binding, with what to do instead.
_ELSEWHERE = {
    ("signalR", "userid"): 'put "userId" into each message that the handler sends',
    ("signalR", "groupname"): 'put "groupName" into each message that the handler sends',
    ("signalR", "connectionid"): 'put "connectionId" into each message that the handler sends',
    ("signalR", "target"): 'put "target" into each message that the handler sends',
    ("signalR", "arguments"): 'put "arguments" into each message that the handler sends',
    ("http", "authlevel"): 'put "authLevel" on the httpTrigger',
    ("http", "methods"): 'put "methods" on the httpTrigger',
    ("http", "route"): 'put "route" on the httpTrigger',
    ("http", "statuscode"): "let the handler's response say the status",
}


def _fold(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


def near_property(name: str, known: Iterable[str]) -> str | None:
    """The property that was perhaps meant by a name that nobody reads."""
    folded = {_fold(k): k for k in known}
    meant = _OFTEN_MEANT.get(_fold(name))
    if meant and _fold(meant) in folded:
        return folded[_fold(meant)]
    near = difflib.get_close_matches(_fold(name), folded, n=1, cutoff=0.75)
    return folded[near[0]] if near else None


def _meant(missing: str, unknown: Iterable[str]) -> str | None:
    return next((name for name in unknown if near_property(name, [missing])), None)


def _missing(mismatch: Mismatch, meant: str | None, pointer: str, places: Places) -> Problem:
    name, schema = str(mismatch.expected), mismatch.schema
    example = next(iter(schema.get("examples", schema.get("enum", ()))), "...")
    parent = "/".join([pointer, *(str(step) for step in mismatch.path[:-1])])
    if meant:
        where = places.locate_key(f"{parent}/{meant}")
        what = f"'{name}' is missing; there is '{meant}', which nothing reads"
        fix = f'rename "{meant}" to "{name}"'
    else:
        where = places.locate(parent)
        what = f"'{name}' is missing"
        fix = f'add "{name}": {_json(example)}'
    return Problem(
        "FJ0202",
        what,
        where,
        why=_reason(mismatch),
        fix=fix,
        severity=_severity(mismatch),
        azure=_azure(mismatch, {}),
    )


_KINDS = {
    "string": "text",
    "array": "a list",
    "object": "an object",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "null",
}
_FOUND = {str: "text", list: "a list", dict: "an object", bool: "a boolean", type(None): "null"}


def _wrong(
    mismatch: Mismatch, properties: Mapping[str, Any], pointer: str, places: Places
) -> Problem:
    name = ".".join(str(step) for step in mismatch.path) or "the binding"
    what, fix = _described(name, mismatch)
    return Problem(
        "FJ0204",
        what,
        places.locate("/".join([pointer, *(str(step) for step in mismatch.path)])),
        why=_reason(mismatch),
        fix=fix,
        severity=_severity(mismatch),
        azure=_azure(mismatch, properties),
    )


def _described(name: str, mismatch: Mismatch) -> tuple[str, str]:
    """What and fix, by the rule that was broken."""
    found, expected = mismatch.found, mismatch.expected
    shown = _json(found)[:60]
    if mismatch.keyword == "type":
        wanted = [expected] if isinstance(expected, str) else expected
        kinds = " or ".join(_KINDS.get(kind, kind) for kind in wanted)
        fix = f"write [{shown}]" if "array" in wanted and isinstance(found, str) else ""
        return (
            f"'{name}' must be {kinds}, and this is {_FOUND.get(type(found), 'a number')}",
            fix or f"write {kinds}",
        )
    if mismatch.keyword in ("enum", "const"):
        words = [str(w) for w in ([expected] if mismatch.keyword == "const" else expected)]
        near = difflib.get_close_matches(str(found).lower(), [w.lower() for w in words], n=1)
        meant = next((w for w in words if near and w.lower() == near[0]), None)
        one_of = words[0] if len(words) == 1 else f"one of {', '.join(words)}"
        return (
            f"'{name}' must be {one_of}, and this is {shown}",
            f'did you mean "{meant}"?' if meant else f"write {one_of}",
        )
    if mismatch.keyword == "minLength" and not found:
        example = next(iter(mismatch.schema.get("examples", ())), None)
        return (
            f"'{name}' is empty",
            f"write for example {_json(example)}" if example else "fill it in",
        )
    if mismatch.keyword == "pattern":
        example = next(iter(mismatch.schema.get("examples", ())), None)
        return (
            f"'{name}' is {shown}, which is not how it is written",
            f"write it like {_json(example)}" if example else f"it must match {expected}",
        )
    return f"'{name}': {mismatch.message}", ""


def _severity(mismatch: Mismatch) -> Severity:
    # The real host loads such a function, and fails the calls that use the binding.
    at_call = mismatch.keyword in mismatch.schema.get("x-at-call", ())
    return Severity.WARNING if at_call else Severity.ERROR


def _reason(mismatch: Mismatch) -> str:
    sentence = _sentence(mismatch.schema)
    if _severity(mismatch) is Severity.WARNING:
        return f"{sentence}; the function loads, and each call that uses the binding fails"
    return sentence


def _azure(mismatch: Mismatch, properties: Mapping[str, Any]) -> str | None:
    own: str | None = mismatch.schema.get("x-azure", {}).get(mismatch.keyword)
    if own:
        return own.replace("{value}", str(mismatch.found))
    if mismatch.keyword == "type" and properties:
        return (
            f"Unable to configure binding '{properties.get('name', '')}' of type "
            f"'{properties['type']}'. This may indicate invalid function.json properties"
        )
    return None


def _sentence(schema: Schema) -> str:
    """The first sentence of a description, as a reason."""
    text = str(schema.get("description", "")).partition(". ")[0].rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _json(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).replace("'", '"')


def _unknown(name: str, rules: TypeRules, pointer: str, places: Places) -> Problem:
    kind = rules.kind.type
    near = near_property(name, rules.names.values())
    own = [n for n in rules.properties if n not in ("name", "type", "direction")]
    elsewhere = _ELSEWHERE.get((kind, _fold(name)))
    fix = elsewhere or (f'did you mean "{near}"?' if near else "remove it")
    return Problem(
        "FJ0203",
        f"'{name}' is not a property of {kind}",
        places.locate_key(f"{pointer}/{name}"),
        why=f"the host ignores it without a word; {kind} knows: {', '.join(own) or 'nothing more'}",
        fix=fix,
        severity=Severity.WARNING,
    )


def _same_name(name: str, where: Location) -> Problem:
    return Problem(
        "FJ0217",
        f"'{name}' is given twice, in different letter case",
        where,
        why="letter case does not matter here: the exact spelling counts, or else the first",
        fix="remove one of the two",
        severity=Severity.WARNING,
    )


def _without_effect(name: str, rule: Schema, pointer: str, places: Places) -> Problem:
    return Problem(
        "FJ0222",
        f"'{name}' does nothing",
        places.locate_key(f"{pointer}/{name}"),
        why=str(rule["deprecationMessage"]),
        fix="remove it",
        severity=Severity.WARNING,
    )


def _refused_later(name: str, value: str, rule: Schema, pointer: str, places: Places) -> Problem:
    example = next(iter(rule.get("examples", ())), "")
    return Problem(
        "FJ0204",
        f"'{name}' is {_json(value)}, which the service will refuse",
        places.locate(f"{pointer}/{name}"),
        why=f"it must match {rule['x-literal-pattern']}",
        fix=f"use letters and digits, as in {_json(example)}",
        severity=Severity.WARNING,
    )
