"""`funcjson explain expression`: one binding expression, token by token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcjson.errors import Location
from funcjson.expressions import check_template, parse_template
from funcjson.honesty import labels
from funcjson.http_binding_data import http_binding_data
from funcjson.masking import Mask, Shown
from funcjson.model import HttpRequest, TriggerEvent
from funcjson.settings import load_settings
from funcjson.trace_view.data import data_rows, data_rules
from funcjson.trace_view.expressions import property_row, property_rules

PLACE = Location("the command line")


@dataclass(frozen=True, slots=True)
class Given:
    """A made-up request, and settings. `route` are route parameters."""

    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    body: str = ""
    route: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


def explain_expression(
    expression: str, given: Given, clock: Callable[[], float], *, azure: bool = False
) -> dict[str, Any]:
    """`{expression, value, error, tokens, offered, warnings, rules}`; the same members each time."""
    method = "POST" if given.body else "GET"
    request = HttpRequest(
        method,
        "http://localhost:7071/api/explained",
        given.headers,
        given.query.removeprefix("?"),
        dict(given.route),
        given.body.encode(),
    )
    data = http_binding_data(request, "req", "explained", azure)
    # Only the settings that were given: an explanation is the same on every machine.
    settings = load_settings(Path("/nonexistent"), {}, given.settings)
    # What a person types is theirs to see; only what looks like a key or token is masked.
    shown = Shown(Mask())
    template = parse_template(expression, PLACE, azure=azure)
    row = property_row("expression", template, data, settings, clock, shown)
    rules = property_rules(row) + data_rules(data, TriggerEvent("httpTrigger", request), azure)
    return {
        "version": 1,
        "expression": expression,
        "value": row["value"],
        "error": row["error"],
        "tokens": [
            {**token, "source": "given here"}
            if token["kind"] == "setting" and token["value"]
            else token
            for token in row["tokens"]
        ],
        "offered": data_rows(data, shown),
        "warnings": [
            {"code": problem.code, "what": problem.what, "why": problem.why, "fix": problem.fix}
            for problem in check_template(template, None, settings.get)
            if row["error"] is None or problem.code != row["error"]["code"]
        ],
        "rules": labels(rules),
    }
