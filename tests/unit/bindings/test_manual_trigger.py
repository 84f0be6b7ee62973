"""manualTrigger: the caller's input as text, its members for expressions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.bindings.signalr_fakes import function_with

from funcjson.bindings.manual_trigger import BINDING
from funcjson.expressions import parse_template
from funcjson.model import Binding, Direction, Language, TriggerEvent

TRIGGER = Binding("input", "manualTrigger", Direction.IN, {}, "/bindings/0")


@pytest.mark.parametrize(
    ("payload", "text"), [(None, ""), ("hi", "hi"), ({"a": 1}, '{"a":1}'), ("", "")]
)
def test_the_input_is_text(payload: Any, text: str) -> None:
    event = TriggerEvent("manualTrigger", payload=payload)

    assert BINDING.value(event, Language.PYTHON) == {"string": text}


def test_members_of_a_json_input_can_be_used() -> None:
    event = TriggerEvent("manualTrigger", payload='{"user":"ann"}')
    function = function_with(TRIGGER)
    data = BINDING.binding_data(event, function, False)

    assert parse_template("{user}-{sys.methodname}").evaluate(data) == "ann-f"
    assert BINDING.metadata(event, function, data) == {"user": {"string": "ann"}}
    assert BINDING.offers(TRIGGER) is None


def test_the_input_may_have_a_member_sys() -> None:
    event = TriggerEvent("manualTrigger", payload='{"sys":"x"}')
    data = BINDING.binding_data(event, function_with(TRIGGER), False)

    assert parse_template("{sys}").evaluate(data) == "x"
