"""schema_check: compiled checks and jsonschema agree, and mismatches say what errors need."""

from __future__ import annotations

import itertools
import random
from typing import Any

import jsonschema
import pytest

from funcjson.schema_check import Mismatch, _accept, compile_schema
from funcjson.schemas import SHIPPED_TYPES, read_schema

VALUES: list[Any] = [
    "", "x", "chat", "get", "anonymous", "my_name", "$return", "out", "in", 5, 1.5, True, False,
    None, [], ["get"], [5], {}, {"a": 1}, [["x"]], "httpTrigger", "signalR", "messages",
]  # fmt: skip


def _random_bindings(schema: Any, count: int) -> list[dict[str, Any]]:
    chance = random.Random(schema["title"])
    names = [*schema["properties"], "unknown"]
    sound = schema["examples"][0]
    bindings = []
    for _ in range(count):
        binding = dict(sound)
        for name in chance.sample(names, chance.randrange(0, len(names))):
            if chance.random() < 0.3:
                binding.pop(name, None)
            else:
                binding[name] = chance.choice(VALUES)
        bindings.append(binding)
    return bindings


@pytest.mark.parametrize("name", SHIPPED_TYPES)
def test_the_compiled_check_and_jsonschema_agree(name: str) -> None:
    schema = read_schema(f"bindings/{name}.json")
    accepts = _accept(schema)
    validator = jsonschema.Draft7Validator(schema)

    assert accepts is not None, "each shipped schema can be compiled"
    for value in itertools.chain(VALUES, _random_bindings(schema, 300)):
        assert accepts(value) == validator.is_valid(value), value


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"enum": [1, True]},
        {"const": 1},
        {"minimum": 3},
        {"properties": {"a": {"anyOf": [{"type": "string"}]}}},
        {"items": [{"type": "string"}]},
    ],
)
def test_schemas_that_say_more_are_left_to_jsonschema(schema: Any) -> None:
    check = compile_schema(schema)
    validator = jsonschema.Draft7Validator(schema)

    assert _accept(schema) is None
    for value in [*VALUES, {"a": 5}, 2]:
        assert (check(value) == ()) == validator.is_valid(value)


def test_mismatches_come_in_order_with_the_part_of_the_schema() -> None:
    schema = {
        "required": ["b", "a"],
        "properties": {"a": {"description": "first"}, "c": {"items": {"type": "string"}}},
    }

    found = compile_schema(schema)({"c": ["x", 5]})

    assert found == (
        Mismatch(("a",), "required", "a", None, {"description": "first"}, found[0].message),
        Mismatch(("b",), "required", "b", None, {}, found[1].message),
        Mismatch(("c", 1), "type", "string", 5, {"type": "string"}, "5 is not of type 'string'"),
    )
