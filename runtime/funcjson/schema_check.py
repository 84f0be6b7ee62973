"""Holds a value against a JSON Schema: plain schemas by compiled checks, all others by jsonschema.

jsonschema takes 80 ms to import and a quarter of a millisecond for a function.json; nearly all
documents are sound, and to know that takes neither. It is asked when something is wrong, and for
schemas that say more than the compiled checks understand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
Accept = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One rule that a value breaks: the JSON Schema `keyword` with its value `expected`.

    `path` leads from the checked value to `found`; for `required` its last step is the missing
    name. `schema` is the part of the schema that speaks of this place.
    """

    path: tuple[str | int, ...]
    keyword: str
    expected: Any
    found: Any
    schema: Schema
    message: str


def compile_schema(schema: Schema) -> Callable[[Any], tuple[Mismatch, ...]]:
    """A check that gives all mismatches of a value, in the order of the document."""
    accepts = _accept(schema)
    validators: list[Any] = []

    def check(value: Any) -> tuple[Mismatch, ...]:
        if accepts is not None and accepts(value):
            return ()
        if not validators:
            # Imported here since most runs never need it.
            from jsonschema import Draft7Validator  # noqa: PLC0415 - imported only to explain

            validators.append(Draft7Validator(schema))
        found = [mismatch for error in validators[0].iter_errors(value) for mismatch in _of(error)]
        return tuple(sorted(found, key=lambda m: [str(step) for step in m.path]))

    return check


def _of(error: Any) -> list[Mismatch]:
    path = tuple(error.absolute_path)
    if error.validator != "required":
        return [
            Mismatch(
                path,
                error.validator,
                error.validator_value,
                error.instance,
                error.schema,
                error.message,
            )
        ]
    # jsonschema makes one error for each missing name and puts the name into the sentence only.
    names = [n for n in error.validator_value if error.message.startswith(repr(n))]
    properties = error.schema.get("properties", {})
    return [
        Mismatch((*path, n), "required", n, None, properties.get(n, {}), error.message)
        for n in names
    ]


_ANNOTATIONS = frozenset(
    {"$schema", "$id", "title", "description", "examples", "default", "deprecationMessage"}
)


def _accept(schema: Schema) -> Accept | None:
    """A quick check that is never true for a wrong value; None when it cannot be made."""
    rules: list[Accept] = []
    for keyword, expected in schema.items():
        if keyword in _ANNOTATIONS or keyword.startswith("x-"):
            continue
        make = _MAKERS.get(keyword)
        rule = make(expected) if make else None
        if rule is None:
            return None
        rules.append(rule)
    if not rules:
        return lambda _value: True
    if len(rules) == 1:
        return rules[0]
    in_order = tuple(rules)

    def accepts(value: Any) -> bool:
        # A loop, not all(...): this is the inner loop of loading an app.
        for rule in in_order:  # noqa: SIM110 - plain loop: the quick path
            if not rule(value):
                return False
        return True

    return accepts


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
}


def _type(name: Any) -> Accept | None:
    types = _TYPES.get(name) if isinstance(name, str) else None
    return None if types is None else lambda value: isinstance(value, types)


def _enum(words: Any) -> Accept | None:
    if not all(isinstance(word, str) for word in words):
        return None
    allowed = frozenset(words)
    return lambda value: isinstance(value, str) and value in allowed


def _const(word: Any) -> Accept | None:
    return (lambda value: bool(value == word)) if isinstance(word, str) else None


def _pattern(pattern: str) -> Accept:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _min_length(least: int) -> Accept:
    return lambda value: not isinstance(value, str) or len(value) >= least


def _required(names: list[str]) -> Accept:
    needed = frozenset(names)
    return lambda value: not isinstance(value, dict) or needed <= value.keys()


def _items(schema: Any) -> Accept | None:
    accepts = _accept(schema) if isinstance(schema, dict) else None
    if accepts is None:
        return None
    return lambda value: not isinstance(value, list) or all(map(accepts, value))


def _properties(schemas: Mapping[str, Schema]) -> Accept | None:
    rules: dict[str, Accept] = {}
    for name, schema in schemas.items():
        rule = _accept(schema)
        if rule is None:
            return None
        rules[name] = rule
    get = rules.get

    def accepts(value: Any) -> bool:
        if isinstance(value, dict):
            for name, item in value.items():
                rule = get(name)
                if rule is not None and not rule(item):
                    return False
        return True

    return accepts


_MAKERS: Mapping[str, Callable[[Any], Accept | None]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minLength": _min_length,
    "required": _required,
    "items": _items,
    "properties": _properties,
}
