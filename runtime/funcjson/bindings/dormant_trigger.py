"""Triggers of services that are not here: such a function loads, and runs when it is fired by hand.

`POST /admin/functions/NAME` gives it the caller's input, as the real host does for a function of any trigger.
"""

from __future__ import annotations

from collections.abc import Iterator

from funcjson.bindings import manual_trigger
from funcjson.bindings.base import TriggerType
from funcjson.errors import Problem, Severity
from funcjson.model import Binding, Function
from funcjson.settings import Settings

# The properties are the other service's affair.
_SCHEMA = '{"type": "object", "additionalProperties": true}'


def dormant(type_name: str, owner: str) -> TriggerType:
    """The trigger type of that name; `owner` is the service whose events it waits for."""

    def check(binding: Binding, function: Function, _settings: Settings) -> Iterator[Problem]:
        yield Problem(
            "FJ0225",
            f"nothing fires the {type_name} of '{function.name}' here",
            function.locate(f"{binding.pointer}/type"),
            why=f"it waits for {owner}, which this host does not listen to",
            fix=f"""fire it by hand: curl -d '{{"input": "..."}}' URL/admin/functions/{function.name}""",
            severity=Severity.WARNING,
            function=function.name,
        )

    return TriggerType(
        type=type_name,
        schema=_SCHEMA,
        binding_data=manual_trigger.binding_data,
        value=manual_trigger.value,
        metadata=manual_trigger.metadata,
        offers=manual_trigger.offers,
        check=check,
    )
