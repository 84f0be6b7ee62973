"""Step 4 of a trace: each property with an expression, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from funcjson.binding_data import BindingData, Clock
from funcjson.bindings.base import Resolved
from funcjson.errors import ExpressionError
from funcjson.expressions import Explained, Lookup, Template, explain_template
from funcjson.masking import MASKED, Shown, is_secret_name
from funcjson.pipeline import Pending
from funcjson.plan import Plan, PlannedBinding
from funcjson.settings import Settings

# Expressions whose value is another one each time they are looked at.
_VOLATILE = ("rand-guid", "sys.randguid", "datetime", "sys.utcnow")


def binding_rows(  # noqa: PLR0913 - what there is to show of them
    plan: Plan,
    data: BindingData,
    inputs: Sequence[Resolved] | None,
    pending: Sequence[Pending] | None,
    settings: Settings | None,
    now: float,
    shown: Shown,
) -> list[dict[str, Any]]:
    """A row for each input and output that has expressions. `now` is when the invocation began."""
    real: dict[int, Resolved] = {}
    for step, one in zip(plan.inputs, inputs or (), strict=False):
        real[id(step)] = one
    for ready in pending or ():
        real[id(ready.step)] = ready.resolved
    rows = []
    for step in (*plan.inputs, *plan.outputs):
        properties = [
            property_row(
                name,
                template,
                data,
                settings,
                lambda: now,
                shown,
                _real(real.get(id(step)), name),
            )
            for name, template in step.templates.items()
        ]
        if properties:
            rows.append(_binding_row(step, properties, step in plan.outputs))
    return rows


def _binding_row(
    step: PlannedBinding, properties: list[dict[str, Any]], is_output: bool
) -> dict[str, Any]:
    binding = step.binding
    return {
        "binding": binding.name,
        "type": binding.type,
        "direction": str(binding.direction),
        "declared": str(step.function.locate(binding.pointer)),
        "when": "only when the handler gives it a value" if is_output else "before the handler",
        "properties": properties,
    }


def _real(resolved: Resolved | None, name: str) -> str | None:
    value = resolved.values.get(name) if resolved is not None else None
    return value if isinstance(value, str) else None


def property_row(  # noqa: PLR0913 - what an expression is made of
    name: str,
    template: Template,
    data: BindingData,
    settings: Settings | None,
    clock: Clock,
    shown: Shown,
    real: str | None = None,
) -> dict[str, Any]:
    """A property: its text, its value or what Azure and we say of it, and its tokens.

    `real` is the value that the invocation used; without it the expression is looked at now.
    """
    lookup: Lookup | None = settings.get if settings is not None else None
    origin = settings.origin if settings is not None else None
    tokens = [
        token_row(token, shown) for token in explain_template(template, data, lookup, clock, origin)
    ]
    row: dict[str, Any] = {
        "name": name,
        "written": template.text,
        "constant": template.constant,
        "value": None,
        "error": None,
        "tokens": tokens,
    }
    try:
        value = template.evaluate(data, lookup, clock) if real is None else real
    except ExpressionError as error:
        problem = error.problems[0]
        row["error"] = {
            "code": problem.code,
            "what": problem.what,
            "why": problem.why,
            "fix": problem.fix,
            "azure": problem.azure,
        }
        return row
    # A token that is masked must not come back in the whole.
    hidden = any(token["value"] == MASKED for token in tokens)
    row["value"] = _joined(tokens) if hidden else shown.text(value)
    return row


def token_row(token: Explained, shown: Shown) -> dict[str, Any]:
    """One token: what it says, where its value comes from, the value or why there is none."""
    value = token.value
    if value is not None:
        value = shown.text(value, _secret_name(token))
    return {
        "text": token.text,
        "kind": token.kind,
        "source": token.source,
        "value": value,
        "reason": token.reason,
        "volatile": token.kind == "expression"
        and token.text.strip("{}").lower().startswith(_VOLATILE),
    }


def _secret_name(token: Explained) -> str:
    """The name that decides whether a token's value is secret; "" when none does."""
    if token.kind == "text":
        return ""
    name = token.text.strip("{}%").partition(":")[0]
    return name if is_secret_name(name) else ""


def _joined(tokens: Iterable[Mapping[str, Any]]) -> str:
    return "".join(
        str(token["value"] or "") for token in tokens if token["kind"] in ("text", "expression")
    )


def expression_rules(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What these expressions teach."""
    rules: list[str] = []
    for row in rows:
        for one in row["properties"]:
            rules += property_rules(one)
            if row["when"].startswith("only") and not one["constant"]:
                rules.append("lazy-outputs")
    return rules


def property_rules(row: Mapping[str, Any]) -> list[str]:
    """What one property teaches."""
    return [rule for rule, applies in _RULES if applies(row)]


def _has(row: Mapping[str, Any], start: str) -> bool:
    return any(token["text"].lower().startswith(start) for token in row["tokens"])


_RULES: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("settings-first", lambda row: "%" in row["written"]),
    ("angle-brackets", lambda row: row["written"].strip().startswith("<") and _has(row, "{")),
    ("names-ignore-case", lambda row: _has(row, "{headers.")),
    ("query-exact", lambda row: _has(row, "{query.")),
    ("missing-fails", lambda row: row["error"] is not None),
    (
        "empty-shows",
        lambda row: any(t["kind"] == "expression" and t["value"] == "" for t in row["tokens"]),
    ),
)
