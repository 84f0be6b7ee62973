"""Nothing exists alone: a binding type has a file, a schema, a section of the README, vectors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from funcjson.bindings.base import TriggerType
from funcjson.registry import BUILT_IN, open_registry
from funcjson.schemas import read_schema

ROOT = Path(__file__).parents[2]
README = (ROOT / "schemas" / "README.md").read_text(encoding="utf-8")
# Files of bindings/ that are shared by several types.
SHARED = {"__init__", "base", "dormant_trigger", "signalr_hub", "signalr_items", "signalr_webhook"}


def snake(name: str) -> str:
    """signalRConnectionInfo -> signalr_connection_info"""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("signalR", "signalr")).lower()


def section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", README, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_type_has_its_file_and_says_its_name(name: str) -> None:
    kind = open_registry(installed=()).find(name)

    assert BUILT_IN[name] == f"funcjson.bindings.{snake(name)}:BINDING"
    assert kind.type == name
    assert kind.schema == f"bindings/{name}.json"
    assert isinstance(kind, TriggerType) == name.endswith("Trigger")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_type_has_properties_that_its_schema_knows(name: str) -> None:
    kind: Any = open_registry(installed=()).find(name)
    known = set(read_schema(kind.schema)["properties"])

    assert set(getattr(kind, "expressions", ())) <= known
    assert set(getattr(kind, "settings_only", ())) <= known


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_type_has_a_section_that_names_each_property(name: str) -> None:
    schema = read_schema(f"bindings/{name}.json")
    text = section(name)

    assert schema["description"] in text
    for prop, rule in schema["properties"].items():
        if prop not in ("name", "type", "direction"):
            assert f"| `{prop}` |" in text
            assert rule["description"].replace("|", "\\|") in text
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert json.loads(example[1]) in schema["examples"]


def test_the_readme_has_no_section_too_many() -> None:
    assert re.findall(r"^### (\w+)", README, re.MULTILINE) == list(BUILT_IN)


def test_the_readme_explains_each_annotation_of_the_schemas() -> None:
    texts = [json.dumps(read_schema(f"bindings/{name}.json")) for name in BUILT_IN]
    used = {
        found for text in texts for found in re.findall(r'"(x-[\w-]+|deprecationMessage)"', text)
    }

    assert [name for name in sorted(used) if f"| `{name}` |" not in README] == []


def test_there_is_no_binding_file_without_a_type() -> None:
    files = {file.stem for file in (ROOT / "runtime/funcjson/bindings").glob("*.py")} - SHARED

    assert files == {snake(name) for name in BUILT_IN}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_type_occurs_in_the_vectors_or_the_mistakes(name: str) -> None:
    data = [*(ROOT / "tests/conformance/vectors").glob("*.json")]
    data += (ROOT / "tests/mistakes").glob("*.json")
    texts = [file.read_text(encoding="utf-8").replace("\\", "") for file in data]

    assert any(f'"{name}"' in text for text in texts)


# Documents of other projects that a rule comes from.
PUBLIC = {
    "HubProtocol.md": "dotnet/aspnetcore src/SignalR/docs/specs",
    "TransportProtocols.md": "dotnet/aspnetcore src/SignalR/docs/specs",
    "CloseOnAuthenticationExpire.md": "Azure/azure-signalr specs",
    "group-management.md": "Azure/azure-signalr docs/advanced-topics",
    "concept-upstream.md": "MicrosoftDocs/azure-docs articles/azure-signalr",
    "signalr-concept-serverless-development-config.md": "MicrosoftDocs/azure-docs articles/azure-signalr",
}


def test_a_document_that_is_named_is_in_the_tree_or_public() -> None:
    files = [file for end in ("py", "mjs", "js") for file in (ROOT / "runtime").rglob(f"*.{end}")]
    files += (ROOT / "tests/conformance").rglob("*.json")
    named = {
        name
        for file in files
        for name in re.findall(r"[A-Za-z][\w-]*\.md\b", file.read_text(encoding="utf-8"))
    }
    here = {
        file.name for folder in ("runtime", "schemas") for file in (ROOT / folder).rglob("*.md")
    }

    assert sorted(named - here - {"README.md"} - set(PUBLIC)) == []


def test_design_decisions_stand_in_the_order_of_their_dates() -> None:
    design = (ROOT / "runtime" / "DESIGN.md").read_text(encoding="utf-8")
    dates = re.findall(r"^## (\d{4}-\d\d-\d\d)", design, re.MULTILINE)

    assert dates == sorted(dates), "put a new paragraph behind the others of its day"
