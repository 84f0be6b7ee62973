"""`funcjson show`: the function.json that each function compiles to, and the plan made of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcjson.app_version import AppVersion, Loader
from funcjson.errors import AppLoadError, Problem, Severity
from funcjson.expressions import Template
from funcjson.plan import Plan, PlannedBinding


@dataclass(frozen=True, slots=True)
class Shown:
    """Functions as text, "" when there are none, and the errors of those that cannot be shown."""

    text: str
    errors: tuple[Problem, ...]


def show_app(root: Path, function: str | None = None) -> Shown:
    """All functions of an app, or one. Raises AppLoadError when there is no such function."""
    return asyncio.run(_show(root, function))


async def _show(root: Path, function: str | None) -> Shown:
    version = await Loader(root, dict(os.environ)).load()
    try:
        plans = sorted(version.plans.values(), key=lambda plan: plan.function.name.lower())
        if function is not None:
            chosen = [plan for plan in plans if plan.function.name.lower() == function.lower()]
            if not chosen:
                raise AppLoadError(_no_such(function, version))
            plans = chosen
        errors = tuple(
            problem
            for problem in version.problems
            if problem.severity is Severity.ERROR and function is None
        )
        return Shown("\n\n".join(_text(plan) for plan in plans), errors)
    finally:
        await version.stop()


def normalised(plan: Plan) -> dict[str, Any]:
    """The document as the host understands it: known names in their usual spelling, defaults of the head written out."""
    function = plan.function
    document: dict[str, Any] = {
        "bindings": [
            {
                **binding.properties,
                "type": binding.type,
                "direction": str(binding.direction),
                "name": binding.name,
            }
            for binding in function.bindings
        ]
    }
    if retry := function.document.get("retry"):
        document["retry"] = retry
    if function.script_file:
        document["scriptFile"] = function.script_file
    if function.entry_point:
        document["entryPoint"] = function.entry_point
    return document


def _text(plan: Plan) -> str:
    function = plan.function
    lines = [
        f"# {function.name}  ({function.language}, {function.script_file or 'no file'})",
        json.dumps(normalised(plan), indent=2, ensure_ascii=False),
        "",
        f"1 trigger   {function.trigger.name}: {plan.trigger.type}",
    ]
    for step in plan.inputs:
        lines.append(f"2 input     {step.binding.name}: {step.kind.type}{_templates(step)}")
    lines.append(f"3 handler   {function.script_file or ''} {function.entry_point or ''}".rstrip())
    for step in plan.outputs:
        lines.append(f"4 output    {step.binding.name}: {step.kind.type}{_templates(step)}")
    if plan.http_output is not None:
        lines.append(f"5 answer    {plan.http_output.binding.name}: http")
    elif plan.trigger.type == "httpTrigger":
        lines.append("5 answer    the handler's return value, or 204 without one")
    return "\n".join(lines)


def _templates(step: PlannedBinding) -> str:
    return "".join(
        f"\n              {name} = {template.text!r}{_note(template)}"
        for name, template in step.templates.items()
        if not template.constant or template.fault
    )


def _note(template: Template) -> str:
    if template.fault is not None:
        return f"  (fails: {template.fault.what})"
    if template.parsed != template.text:
        return f"  -> {template.parsed!r}"
    return ""


def _no_such(function: str, version: AppVersion) -> Sequence[Problem]:
    own = [p for p in version.problems if p.function and p.function.lower() == function.lower()]
    known = ", ".join(sorted(plan.function.name for plan in version.plans.values())) or "none"
    return (
        own
        or version.index_problems
        or [
            Problem(
                "FJ0135",
                f"the app has no function '{function}'",
                why=f"its functions are: {known}",
                fix="name one of those, or leave the name out to see all",
            )
        ]
    )
