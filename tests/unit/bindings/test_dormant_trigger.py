"""dormant_trigger: a function that waits for a service elsewhere can still be fired by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from funcjson.bindings.dormant_trigger import dormant
from funcjson.errors import Severity
from funcjson.frontends.code_first import CodePlaces
from funcjson.model import Language, TriggerEvent
from funcjson.registry import open_registry
from funcjson.settings import load_settings
from funcjson.validation import Document, Rules, validate

TRIGGER = {"type": "cosmosdbtrigger", "direction": "in", "name": "changed", "databaseName": "d"}


def _validate(root: Path, *bindings: dict[str, Any]) -> Any:
    document = Document(
        "f", {"bindings": list(bindings)}, root, CodePlaces("f.py"), script_file="f.py"
    )
    return validate(document, Rules(open_registry(()), load_settings(root, {})))


def test_it_loads_with_a_warning_that_says_how_to_fire_it(tmp_path: Path) -> None:
    function, (problem,) = _validate(tmp_path, TRIGGER)

    assert function.trigger.type == "cosmosDBTrigger"
    assert function.trigger.properties["databaseName"] == "d"
    assert (problem.code, problem.severity) == ("FJ0225", Severity.WARNING)
    assert "Azure Cosmos DB" in problem.why
    assert "/admin/functions/f" in problem.fix


def test_expressions_may_use_any_name(tmp_path: Path) -> None:
    message = {"type": "signalR", "direction": "out", "name": "m", "hubName": "{room}"}

    function, problems = _validate(tmp_path, TRIGGER, message)

    assert function is not None
    assert [problem.code for problem in problems] == ["FJ0225"]


@pytest.mark.parametrize(
    ("payload", "expected"), [('["one"]', {"string": '["one"]'}), (["one"], {"json": '["one"]'})]
)
def test_the_handler_gets_the_input_of_who_fired_it(payload: Any, expected: dict[str, Any]) -> None:
    kind = dormant("queueTrigger", "Azure Storage queues")

    assert kind.value(TriggerEvent("queueTrigger", payload=payload), Language.NODE) == expected


@pytest.mark.parametrize(
    ("kind", "payload", "name", "shown"),
    [
        ("eventHubTrigger", "x", "SystemProperties", "{}"),
        ("eventHubTrigger", ["x", "y"], "SystemPropertiesArray", "[{},{}]"),
        ("serviceBusTrigger", "x", "UserProperties", "{}"),
    ],
)
def test_the_metadata_tells_one_event_from_several(
    tmp_path: Path, kind: str, payload: Any, name: str, shown: str
) -> None:
    function, _ = _validate(tmp_path, TRIGGER | {"type": kind})
    event = TriggerEvent(kind, payload=payload)
    found = dormant(kind, "elsewhere")

    metadata = found.metadata(event, function, found.binding_data(event, function, False))

    assert metadata[name] == {"json": shown}
