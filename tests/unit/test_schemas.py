"""schemas: each shipped schema is sound, explains all it knows, and accepts its own examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import referencing

from funcjson.schemas import (
    SHIPPED_TYPES,
    any_case,
    composed_schema,
    declared_schema,
    read_schema,
    schemas_folder,
)

BINDINGS = [f"bindings/{name}.json" for name in SHIPPED_TYPES]
WRITTEN_BY_PEOPLE = ["function.json", "host.json", "local.settings.json", *BINDINGS]
ALL = [*WRITTEN_BY_PEOPLE, "trace.json"]  # the last one is of what we print


def _validator(name: str) -> jsonschema.Draft7Validator:
    registry: Any = referencing.Registry().with_resources(
        (path, referencing.Resource.from_contents(read_schema(path))) for path in BINDINGS
    )
    return jsonschema.Draft7Validator(read_schema(name), registry=registry)


def _properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in schema.get("properties", {}).items():
        yield f"{path}/{name}", value
        yield from _properties(value, f"{path}/{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from _properties(schema[part], f"{path}/{part}")
    for name, value in schema.get("definitions", {}).items():
        yield from _properties(value, f"{path}/{name}")


def test_the_folder_holds_these_schemas_and_no_other() -> None:
    folder = schemas_folder()
    found = [item.name for item in folder.iterdir() if item.name.endswith(".json")]
    found += [f"bindings/{item.name}" for item in (folder / "bindings").iterdir()]

    assert sorted(found) == sorted(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_schema_is_a_sound_draft_7_schema(name: str) -> None:
    schema = read_schema(name)

    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", ALL)
def test_each_property_is_described(name: str) -> None:
    bare = [path for path, value in _properties(read_schema(name)) if not value.get("description")]

    assert bare == []


@pytest.mark.parametrize("name", WRITTEN_BY_PEOPLE)
def test_each_schema_accepts_its_examples(name: str) -> None:
    schema = read_schema(name)

    assert schema["examples"]
    for example in schema["examples"]:
        assert list(_validator(name).iter_errors(example)) == []


@pytest.mark.parametrize("name", BINDINGS)
def test_each_property_example_fits_its_property(name: str) -> None:
    for path, value in _properties(read_schema(name)):
        for example in value.get("examples", []):
            validator = jsonschema.Draft7Validator(value)
            assert validator.is_valid(example), f"{path}: {example}"


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ({"type": "signalR", "direction": "out", "name": "m"}, "'hubName' is a required property"),
        ({"type": "SIGNALR", "direction": "out", "name": "m"}, "'hubName' is a required property"),
        ({"type": "http", "direction": "in", "name": "res"}, "'out' was expected"),
        ({"type": "queue", "direction": "out", "name": "my_queue"}, "'my_queue' does not match"),
        (
            {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": 5},
            "5 is not of type",
        ),
    ],
)
def test_an_editor_finds_mistakes_in_function_json(binding: Any, message: str) -> None:
    texts = [e.message for e in _validator("function.json").iter_errors({"bindings": [binding]})]

    assert any(message in text for text in texts), texts


def test_an_editor_leaves_unknown_binding_types_alone() -> None:
    document = {"bindings": [{"type": "queue", "direction": "out", "name": "q", "queueName": "x"}]}

    assert _validator("function.json").is_valid(document)


def test_the_composed_schema_needs_no_other_file() -> None:
    schemas = {name: read_schema(f"bindings/{name}.json") for name in SHIPPED_TYPES}
    composed = composed_schema(schemas | {"slackMessage": {"required": ["channel"]}})
    validator = jsonschema.Draft7Validator(json.loads(json.dumps(composed)))
    entry = {"type": "slackMessage", "direction": "out", "name": "s"}

    messages = [error.message for error in validator.iter_errors({"bindings": [entry]})]
    assert messages == ["'channel' is a required property"]
    for example in composed["examples"]:
        assert validator.is_valid(example)


def test_function_json_has_a_branch_for_each_shipped_type() -> None:
    branches = read_schema("function.json")["definitions"]["binding"]["allOf"]

    assert [branch["then"]["$ref"] for branch in branches] == BINDINGS
    assert [branch["if"]["properties"]["type"]["pattern"] for branch in branches] == [
        any_case(name) for name in SHIPPED_TYPES
    ]


def test_a_declared_schema_is_text_or_a_shipped_path() -> None:
    assert declared_schema('{"type": "object"}') == {"type": "object"}
    assert declared_schema("bindings/http.json")["title"] == "HTTP response"
