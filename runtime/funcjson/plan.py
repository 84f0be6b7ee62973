"""A function made ready to run: binding types imported, expressions parsed, once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from funcjson.binding_data import RESERVED
from funcjson.bindings.base import InputType, OutputType, Resolved, Services, TriggerType
from funcjson.errors import AppInvalid, BindingError, Problem
from funcjson.expressions import BindingData, Template, parse_template
from funcjson.model import Binding, Function, TypedData
from funcjson.registry import Registry
from funcjson.settings import Settings


@dataclass(frozen=True, slots=True)
class PlannedBinding:
    """One input or output with its templates. `function` gives places in files."""

    binding: Binding
    kind: InputType | OutputType
    templates: Mapping[str, Template]
    function: Function

    def resolve(self, data: BindingData, services: Services) -> Resolved:
        """Evaluate the templates; raises ExpressionError that names the property's place."""
        values = self.binding.properties
        if self.templates:
            lookup = services.settings.get
            clock = services.now
            values = dict(values)
            for name, template in self.templates.items():
                values[name] = template.evaluate(data, lookup, clock)
        return Resolved(self.binding, values, self.function.locate)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the pipeline runs. `http_output` answers the HTTP caller and is not flushed; `azure` asks for compatibility."""

    function: Function
    trigger: TriggerType
    inputs: tuple[PlannedBinding, ...]
    outputs: tuple[PlannedBinding, ...]
    http_output: PlannedBinding | None = None
    azure: bool = False
    # Names of all outputs, the HTTP answer too, by their lower-case form.
    output_names: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {step.binding.name.lower(): step.binding.name for step in self.all_outputs}
        object.__setattr__(self, "output_names", names)

    @property
    def all_outputs(self) -> tuple[PlannedBinding, ...]:
        """The flushed outputs and the HTTP answer."""
        return (*self.outputs, self.http_output) if self.http_output else self.outputs

    @property
    def reads_body(self) -> bool:
        """Whether an expression may name a member of an HTTP request's body, which is then needed before the handler runs."""
        known = set(
            _ROUTE_NAME.findall(str(self.function.trigger.properties.get("route") or "").lower())
        )
        if not self.azure:
            known |= set(RESERVED)
        return any(
            token.kind != "text"
            and not token.builtin
            and "".join(token.path[:1]).lower() not in known
            for step in (*self.inputs, *self.all_outputs)
            for template in step.templates.values()
            for token in template.tokens
        )

    @property
    def connection_settings(self) -> frozenset[str]:
        """Names of the connection settings that the bindings of this function use."""
        return frozenset(
            str(binding.properties.get("connectionStringSetting") or DEFAULT_CONNECTION_SETTING)
            for binding in self.function.bindings
            if binding.type.lower().startswith("signalr")
        )


_ROUTE_NAME = re.compile(r"\{\**([^{}:=?]+)")
DEFAULT_CONNECTION_SETTING = "AzureSignalRConnectionString"


def make_plan(
    function: Function, registry: Registry, settings: Settings, *, azure: bool = False
) -> Plan:
    """Import the types and parse the expressions. Raises PluginError or AppInvalid."""
    trigger = registry.find(function.trigger.type)
    if not isinstance(trigger, TriggerType):
        raise AppInvalid(_wrong_side(function, function.trigger, True))
    inputs = [_planned(b, function, registry, settings, InputType, azure) for b in function.inputs]
    outputs = [
        _planned(b, function, registry, settings, OutputType, azure) for b in function.outputs
    ]
    answers = [step for step in outputs if step.binding.type.lower() == "http"]
    return Plan(
        function,
        trigger,
        tuple(inputs),
        tuple(step for step in outputs if step not in answers),
        answers[0] if answers else None,
        azure,
    )


def _planned(
    binding: Binding,
    function: Function,
    registry: Registry,
    settings: Settings,
    side: type[InputType] | type[OutputType],
    azure: bool,
) -> PlannedBinding:
    kind = registry.find(binding.type)
    if not isinstance(kind, side):
        problem = _wrong_side(function, binding, side is InputType)
        if side is OutputType:
            raise AppInvalid(problem)
        # The real platform loads such a function and fails each call; so do we (validation has warned).
        kind = InputType(binding.type, "", _failing(problem))
    templates: dict[str, Template] = {}
    for name in sorted(kind.expressions):
        value = binding.properties.get(name)
        if isinstance(value, str):
            where = function.locate(f"{binding.pointer}/{name}")
            templates[name] = parse_template(value, where, settings.get, azure=azure)
    return PlannedBinding(binding, kind, templates, function)


def _failing(problem: Problem) -> Callable[[Resolved, Services], Awaitable[TypedData]]:
    async def bind(_resolved: Resolved, _services: Services) -> TypedData:
        raise BindingError(problem)

    return bind


def _wrong_side(function: Function, binding: Binding, as_input: bool) -> Problem:
    where = function.locate(f"{binding.pointer}/direction")
    side = "an input" if as_input else "an output"
    return Problem(
        "FJ0215",
        f"'{binding.type}' cannot be used as {side} (binding '{binding.name}')",
        where,
        "each binding type works in one direction: inputs are made before the handler runs, outputs are sent after it",
        f'write "direction": "{"out" if as_input else "in"}" for this binding',
        function=function.name,
        azure="Can't bind SignalR to type 'System.String'."
        if binding.type.lower() == "signalr"
        else None,
    )
