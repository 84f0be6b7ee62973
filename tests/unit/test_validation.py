"""validation: what a document becomes, and that all of its problems come at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import Severity
from funcjson.json_source import parse_json
from funcjson.model import Direction, Function, Language, RetryPolicy
from funcjson.registry import ENTRY_POINT_GROUP, open_registry
from funcjson.settings import load_settings
from funcjson.validation import Document, Rules, is_disabled, is_function_name, validate

REQ = {"type": "httpTrigger", "direction": "in", "name": "req"}
RES = {"type": "http", "direction": "out", "name": "res"}
INFO = {"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"}
TRIGGER = {
    "type": "signalRTrigger",
    "direction": "in",
    "name": "call",
    "hubName": "chat",
    "category": "messages",
    "event": "send",
}

Validated = tuple[Function | None, tuple[Any, ...]]
Check = Callable[..., Validated]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(*bindings: Any, settings: dict[str, str] | None = None, **top: Any) -> Validated:
        source = parse_json(
            json.dumps({"bindings": list(bindings), **top}, indent=1), "f/function.json"
        )
        loaded = load_settings(tmp_path, settings or {})
        document = Document("f", source.value, tmp_path / "f", source, Language.NODE, "f/index.js")
        return validate(document, Rules(open_registry(()), loaded))

    return run


def _codes(result: Validated) -> list[str]:
    return [problem.code for problem in result[1]]


def test_a_sound_document_becomes_a_function(check: Check) -> None:
    function, problems = check(REQ, {**INFO, "HUBNAME": "chat"}, RES, entryPoint="run")

    assert problems == () or function is not None
    assert function is not None
    assert function.trigger.type == "httpTrigger"
    assert [b.name for b in function.inputs] == ["info"]
    assert [b.name for b in function.outputs] == ["res"]
    assert (function.language, function.script_file) == (Language.NODE, "f/index.js")
    assert function.entry_point == "run"
    assert function.bindings[1].pointer == "/bindings/1"
    assert str(function.locate("/bindings/0/name")).startswith("f/function.json:6:12")


@pytest.mark.parametrize(
    ("given", "direction"),
    [("IN", "in"), ("Out", "out"), ("InOut", "inout"), (0, "in"), (1, "out"), ("2", "inout")],
)
def test_directions_in_all_spellings_of_the_host(check: Check, given: Any, direction: str) -> None:
    _, problems = check(REQ, {"type": "queue", "name": "q", "direction": given})

    assert "FJ0211" not in [problem.code for problem in problems]


def test_a_missing_direction_is_in_with_a_warning(check: Check) -> None:
    function, problems = check({"type": "httpTrigger", "name": "req"}, RES)

    assert function is not None
    assert function.trigger.direction is Direction.IN
    assert [(p.code, p.severity) for p in problems] == [("FJ0216", Severity.WARNING)]


def test_all_problems_come_at_once_the_worst_first(check: Check) -> None:
    result = check(
        {**REQ, "authLevel": "open", "color": "red"},
        {"type": "http", "name": "my_res", "direction": "out"},
        {**INFO, "name": "REQ", "userId": "{"},
        disabled=True,
    )

    assert result[0] is None
    assert _codes(result) == ["FJ0204", "FJ0206", "FJ0214", "FJ0203", "FJ0303", "FJ0219"]
    assert [p.severity for p in result[1]] == [Severity.ERROR] * 3 + [Severity.WARNING] * 3
    assert {p.function for p in result[1]} == {"f"}


def test_a_broken_entry_does_not_make_second_errors(check: Check) -> None:
    assert _codes(check(REQ, 5)) == ["FJ0205"]
    assert _codes(check({"name": "x"}, RES)) == ["FJ0208"]
    assert _codes(check(5)) == ["FJ0205"]


def test_settings_in_a_trigger_are_resolved_at_load(check: Check) -> None:
    trigger = {**TRIGGER, "hubName": "%Hub%", "category": "%Category%"}

    function, problems = check(trigger, settings={"Hub": "blue", "Category": "messages"})
    assert problems == ()
    assert function is not None
    assert function.trigger.properties["hubName"] == "blue"

    result = check(trigger, settings={"Hub": "blue", "Category": "mail"})
    assert "Category mail is not supported" in [p.azure for p in result[1]]


def test_a_missing_setting_in_a_trigger_is_an_error(check: Check) -> None:
    function, problems = check({**TRIGGER, "hubName": "%Nope%"})

    assert function is None
    assert problems[0].azure == "'%Nope%' does not resolve to a value."
    assert str(problems[0].where).startswith("f/function.json:7:")


def test_expressions_are_doubted_once_the_trigger_is_known(check: Check) -> None:
    timer = {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 * * * *"}
    output = {"type": "signalR", "direction": "out", "name": "m", "hubName": "{query.hub}"}

    assert "FJ0323" in _codes(check(timer, output))
    assert "FJ0323" not in _codes(check(REQ, output))


def test_types_of_the_platform_name_their_service(check: Check) -> None:
    _, problems = check(REQ, {"type": "cosmosdb", "direction": "out", "name": "doc"})

    assert problems[0].what == "the binding type cosmosDB is not supported here"


def test_the_hosts_text_for_unknown_types_depends_on_the_bundle(tmp_path: Path) -> None:
    bundle = {"version": "2.0", "extensionBundle": {"id": "x", "version": "[4.*, 5.0.0)"}}
    (tmp_path / "host.json").write_text(json.dumps(bundle))
    source = parse_json(
        json.dumps({"bindings": [REQ, {**RES, "type": "x1"}, {**RES, "type": "x2", "name": "b"}]}),
        "f",
    )
    rules = Rules(open_registry(()), load_settings(tmp_path, {}))

    _, problems = validate(Document("f", source.value, tmp_path, source), rules)

    assert [p.what for p in problems] == [
        "there is no binding type 'x1'",
        "there is no binding type 'x2'",
    ]
    assert {p.azure for p in problems} == {
        "The binding type(s) 'x1, x2' were not found in the configured extension bundle. Please "
        "ensure the type is correct and the correct version of extension bundle is configured"
    }


def test_retry_comes_from_the_document_or_from_host_json(check: Check, tmp_path: Path) -> None:
    timer = {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 * * * *"}
    own = {"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:01"}
    (tmp_path / "host.json").write_text(
        json.dumps({"version": "2.0", "retry": {**own, "maxRetryCount": 9}})
    )

    function, _ = check(timer, retry=own)
    other, _ = check(timer)

    assert function is not None
    assert function.retry == RetryPolicy("fixedDelay", 2, 1.0)
    assert other is not None
    assert other.retry is not None
    assert other.retry.max_retry_count == 9


@pytest.mark.parametrize(
    ("settings", "disabled"),
    [
        ({"AzureWebJobs.f.Disabled": "true"}, True),
        ({"AzureWebJobs_f_Disabled": "1"}, True),
        ({"azurewebjobs.F.disabled": "TRUE"}, True),
        ({"AzureWebJobs.f.Disabled": "false"}, False),
        ({"AzureWebJobs.g.Disabled": "true"}, False),
    ],
)
def test_app_settings_disable(tmp_path: Path, settings: dict[str, str], disabled: bool) -> None:
    assert is_disabled("f", load_settings(tmp_path, settings)) is disabled


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("f", True),
        ("Send-to_All2", True),
        ("f" * 128, True),
        ("f" * 129, False),
        ("1st", False),
        ("my.func", False),
        ("über", False),
        ("Host", False),
        ("hosts", True),
    ],
)
def test_function_names(name: str, valid: bool) -> None:
    assert is_function_name(name) is valid


PLUGIN = """
from funcjson.bindings.base import OutputType

def check(binding, function, settings):
    raise RuntimeError("broken check")

async def flush(items, resolved, services, delivered):
    pass

BINDING = OutputType("acme", "{}", lambda value, resolved: (), flush, check=check)
"""


def test_a_plugin_that_fails_harms_only_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_checks.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    entries = [
        EntryPoint("acme", "acme_checks:BINDING", ENTRY_POINT_GROUP),
        EntryPoint("gone", "acme_gone:BINDING", ENTRY_POINT_GROUP),
    ]
    rules = Rules(open_registry(entries), load_settings(tmp_path, {}))

    def run(type_name: str) -> Validated:
        source = parse_json(json.dumps({"bindings": [REQ, {**RES, "type": type_name}]}), "f")
        return validate(Document("f", source.value, tmp_path, source), rules)

    assert _codes(run("acme")) == ["FJ0605"]
    assert _codes(run("gone")) == ["FJ0601"]
    assert run("gone")[1][0].where.pointer == "/bindings/1/type"
    assert run("http")[0] is not None
