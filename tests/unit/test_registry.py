"""registry: our types by name, others by entry point, and what happens when those are bad."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from funcjson.errors import PluginError
from funcjson.registry import (
    BUILT_IN,
    DORMANT,
    ENTRY_POINT_GROUP,
    NOT_SUPPORTED,
    composed_schema,
    not_supported,
    open_registry,
)
from funcjson.schemas import SHIPPED_TYPES

PLUGIN = """
from funcjson.bindings.base import OutputType

async def flush(items, resolved, services, delivered):
    pass

BINDING = OutputType("slackMessage", '{"type": "object"}', lambda value, resolved: (), flush)
OTHER = OutputType("otherName", "{}", lambda value, resolved: (), flush)
NOT_ONE = object()
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "acme_slack.py").write_text(PLUGIN)
    (tmp_path / "acme_broken.py").write_text("import no_such_module_anywhere")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "acme_slack"
    for name in ("acme_slack", "acme_broken"):
        sys.modules.pop(name, None)


def _entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINT_GROUP)


def test_the_built_in_table_and_the_shipped_schemas_name_the_same_types() -> None:
    assert tuple(BUILT_IN) == SHIPPED_TYPES


def test_names_are_found_in_any_letter_case() -> None:
    registry = open_registry(installed=())

    assert registry.spelling("SIGNALRCONNECTIONINFO") == "signalRConnectionInfo"
    assert registry.spelling("queue") is None


def test_opening_imports_no_binding_and_no_plugin(plugin: str) -> None:
    open_registry([_entry("slackMessage", f"{plugin}:BINDING")])

    assert plugin not in sys.modules


def test_a_distribution_adds_a_type(plugin: str) -> None:
    registry = open_registry([_entry("slackMessage", f"{plugin}:BINDING")])

    assert registry.find("SlackMessage").type == "slackMessage"
    assert registry.find("slackmessage") is registry.find("slackMessage")
    assert registry.problems == ()


def test_a_built_in_type_cannot_be_replaced(plugin: str) -> None:
    registry = open_registry([_entry("SignalR", f"{plugin}:BINDING")])

    assert [p.code for p in registry.problems] == ["FJ0603"]
    assert registry.spelling("signalr") == "signalR"


def test_of_two_distributions_the_first_wins_with_a_warning(plugin: str) -> None:
    both = [_entry("slackMessage", f"{plugin}:BINDING"), _entry("slackmessage", "other:X")]

    registry = open_registry(both)

    assert [p.code for p in registry.problems] == ["FJ0604"]
    assert registry.find("slackMessage").type == "slackMessage"


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("acme_missing:BINDING", "FJ0601", "names a module that is not there"),
        ("acme_broken:BINDING", "FJ0601", "no_such_module_anywhere"),
        ("acme_slack:NO_SUCH", "FJ0601", "NO_SUCH"),
        ("acme_slack:NOT_ONE", "FJ0602", "is object, not TriggerType"),
        ("acme_slack:OTHER", "FJ0602", "calls itself otherName"),
    ],
)
@pytest.mark.usefixtures("plugin")
def test_a_broken_type_is_reported_when_it_is_used(value: str, code: str, words: str) -> None:
    registry = open_registry([_entry("slackMessage", value)])

    with pytest.raises(PluginError) as caught:
        registry.find("slackMessage")
    (problem,) = caught.value.problems
    assert problem.code == code
    assert words in f"{problem.what} {problem.why}"
    assert "an unknown distribution" in problem.what


def test_near_misses_are_guessed() -> None:
    registry = open_registry(installed=())

    assert registry.near("signalRConnection") == "signalRConnectionInfo"
    assert registry.near("htpTrigger") == "httpTrigger"
    assert registry.near("somethingElse") is None


def test_types_of_the_platform_are_known_by_name() -> None:
    assert not_supported("QueueTrigger") == ("queueTrigger", "Azure Storage queues")
    assert not_supported("signalX") is None
    assert not set(NOT_SUPPORTED) & set(BUILT_IN)


def test_a_trigger_of_another_service_can_be_used_but_is_not_among_the_names() -> None:
    registry = open_registry(installed=())

    assert registry.spelling("QUEUETRIGGER") == "queueTrigger"
    assert registry.find("queueTrigger").type == "queueTrigger"
    assert "queuetrigger" not in registry.names
    assert registry.spelling("orchestrationTrigger") is None
    assert set(NOT_SUPPORTED) >= DORMANT


METADATA = "Metadata-Version: 2.1\nName: acme-bindings\nVersion: 1.2\n"
ENTRY_POINTS = """
[funcjson.bindings]
slackMessage = acme_slack:BINDING
brokenMessage = acme_broken:BINDING
signalR = acme_slack:BINDING
"""


@pytest.mark.usefixtures("plugin")
def test_an_installed_distribution_is_found_and_named(tmp_path: Path) -> None:
    information = tmp_path / "acme_bindings-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(METADATA)
    (information / "entry_points.txt").write_text(ENTRY_POINTS)

    registry = open_registry()

    assert registry.find("slackMessage").type == "slackMessage"
    (problem,) = registry.problems
    assert problem.what == "acme-bindings 1.2 offers the binding type signalR, which is built in"
    with pytest.raises(PluginError) as caught:
        registry.find("brokenMessage")
    assert caught.value.problems[0].what == (
        "the binding type brokenMessage of acme-bindings 1.2 fails when it is imported"
    )


def test_the_composed_schema_has_types_of_distributions(plugin: str) -> None:
    composed = composed_schema(open_registry([_entry("slackMessage", f"{plugin}:BINDING")]))

    assert composed["definitions"]["slackMessage"] == {"type": "object"}
    assert set(BUILT_IN) <= set(composed["definitions"])


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("acmeTrigger", 'OutputType("acmeTrigger", "{}", None, None)', "ends with Trigger"),
        ("acme", 'OutputType("acme", "{", None, None)', "JSONDecodeError"),
        ("acme", 'OutputType("acme", \'{"type": 5}\', None, None)', "SchemaError"),
        ("acme", 'OutputType("acme", "bindings/none.json", None, None)', "FileNotFoundError"),
    ],
)
def test_an_unsound_type_is_refused_with_the_reason(
    name: str, source: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"from funcjson.bindings.base import OutputType\nBINDING = {source}\n"
    (tmp_path / "acme_unsound.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_unsound", raising=False)
    registry = open_registry([_entry(name, "acme_unsound:BINDING")])

    with pytest.raises(PluginError) as caught:
        registry.find(name)

    (problem,) = caught.value.problems
    assert problem.code == "FJ0602"
    assert words in problem.why
    monkeypatch.delitem(sys.modules, "acme_unsound", raising=False)
