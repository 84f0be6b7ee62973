"""The words for each mistake in a document: what, where, why, fix, and the host's own text."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from funcjson.canonical import Places
from funcjson.errors import Location, Problem, Severity
from funcjson.model import Binding, Direction, Function
from funcjson.registry import Registry, not_supported

_HTTP_TRIGGER = '{"type": "httpTrigger", "direction": "in", "name": "req"}'


def function_name(name: str, where: Location) -> Problem:
    if name.lower() == "host":
        why, better = "the host keeps this name for itself", "hosting"
    else:
        why = "a function's name begins with a letter; letters, digits, _ and - follow, 128 at most"
        better = re.sub(r"[^A-Za-z0-9_-]+", "-", name).lstrip("-_0123456789")[:128] or "myFunction"
    return Problem(
        "FJ0130",
        f"'{name}' is not a valid function name",
        where,
        why=f"{why}; the folder's name is the function's name",
        fix=f"rename the folder, for example to {better}",
        azure=f"'{name}' is not a valid function name.",
    )


def no_bindings(body: Mapping[str, Any], places: Places) -> Problem:
    meant = next((key for key in body if _means_bindings(key)), None)
    where = places.locate_key(f"/{meant}" if meant else "/bindings")
    what = "there are no bindings"
    why = "a function needs at least a trigger"
    fix = f'add "bindings": [{_HTTP_TRIGGER}]'
    if meant and meant != "bindings":
        what = f"'bindings' is missing; there is '{meant}', which nothing reads"
        why = (
            "unlike names inside a binding, this name counts only in this spelling and letter case"
        )
        fix = f'rename "{meant}" to "bindings"'
    elif "bindings" in body:
        what = "'bindings' is empty" if body["bindings"] == [] else "'bindings' is null"
    elif _member(body, "type"):
        what = "'bindings' is missing: a binding stands where the document should be"
        fix = 'put it into a list: {"bindings": [ { ... } ]}'
    return Problem(
        "FJ0201",
        what,
        where,
        why=why,
        fix=fix,
        azure="At least one binding must be declared.",
    )


def _means_bindings(key: str) -> bool:
    return key.lower() in ("bindings", "binding") or bool(
        difflib.get_close_matches(key.lower(), ["bindings"], cutoff=0.8)
    )


def _cast(found: Any, wanted: str) -> str:
    given = {"dict": "JObject", "list": "JArray"}.get(type(found).__name__, "JValue")
    name = "Newtonsoft.Json.Linq"
    return f"Unable to cast object of type '{name}.{given}' to type '{name}.{wanted}'."


def bindings_not_a_list(found: Any, where: Location) -> Problem:
    inner = "{ ... }" if isinstance(found, dict) else "..."
    return Problem(
        "FJ0205",
        f"'bindings' must be a list, and this is {_kind(found)}",
        where,
        why="a function has several bindings: one trigger, inputs, outputs",
        fix=f'put it in brackets: "bindings": [ {inner} ]',
        azure=_cast(found, "JArray"),
    )


def binding_not_an_object(found: Any, where: Location) -> Problem:
    return Problem(
        "FJ0205",
        f"a binding must be an object, and this is {_kind(found)}",
        where,
        why="each entry of 'bindings' says its type, direction and name",
        fix=f"write it like {_HTTP_TRIGGER}",
        azure=_cast(found, "JObject"),
    )


def _kind(found: Any) -> str:
    if isinstance(found, dict | list):
        return "an object" if isinstance(found, dict) else "a list"
    return f"text: {_json(found)}" if isinstance(found, str) else _json(found)


def binding_name(name: Any, entry: Mapping[str, Any], pointer: str, places: Places) -> Problem:
    azure = (
        f"The binding name {name if name is not None else ''} is invalid. "
        "Please assign a valid name to the binding."
    )
    if name is None:
        return Problem(
            "FJ0206",
            "the binding has no name",
            places.locate(pointer),
            why="the handler finds the value by this name",
            fix=f'add "name": "{_usual_name(entry)}"',
            azure=azure,
        )
    parts = re.split(r"[^A-Za-z0-9]+", str(name))
    better = (parts[0] + "".join(p[:1].upper() + p[1:] for p in parts[1:])).lstrip("0123456789")
    if str(name).startswith("$"):
        better = "$return"
    return Problem(
        "FJ0206",
        f"'{name}' is not a valid binding name",
        places.locate(f"{pointer}/name"),
        why="a binding's name begins with a letter; letters and digits follow, 128 at most: no _ "
        "and no -. Only $return is something else",
        fix=f'rename it, for example to "{better[:128] or _usual_name(entry)}", in the handler too',
        azure=azure,
    )


_USUAL_NAMES = {
    "httptrigger": "req",
    "http": "res",
    "signalrconnectioninfo": "connectionInfo",
    "signalr": "signalRMessages",
    "signalrtrigger": "invocation",
    "timertrigger": "timer",
}


def _usual_name(entry: Mapping[str, Any]) -> str:
    return _USUAL_NAMES.get(str(_member(entry, "type")).lower(), "value")


def direction(found: Any, where: Location) -> Problem:
    text = found if isinstance(found, str) else _json(found)
    near = difflib.get_close_matches(text.lower(), _DIRECTIONS, n=1, cutoff=0.7) if found else []
    shown = "{null}" if found is None else f'"{found}"'
    return Problem(
        "FJ0211",
        f"'{text}' is not a direction",
        where,
        why="a binding is in (made before the handler runs) or out (sent after it), seen from "
        "the handler",
        fix=f'write "{_DIRECTIONS[near[0]]}"' if near else 'write "in" or "out"',
        azure=f"'{'' if found is None else text}' is not a valid binding direction. Error "
        f"converting value {shown} to type "
        "'Microsoft.Azure.WebJobs.Script.Description.BindingDirection'.",
    )


# What people write for a direction.
_DIRECTIONS = {
    "in": "in",
    "input": "in",
    "out": "out",
    "output": "out",
    "outward": "out",
    "return": "out",
    "inout": "inout",
    "both": "inout",
}


def return_not_out(pointer: str, places: Places) -> Problem:
    return Problem(
        "FJ0207",
        "$return must have the direction out",
        places.locate(f"{pointer}/direction"),
        why="$return stands for the handler's return value, which only an output can take",
        fix='write "direction": "out", or give the binding another name',
        azure="$return bindings must specify a direction of 'out'.",
    )


def no_type(name: str, pointer: str, places: Places) -> Problem:
    return Problem(
        "FJ0208",
        f"the binding '{name}' has no type" if name else "the binding has no type",
        places.locate(f"{pointer}/type"),
        why="the type says what the binding does, for example httpTrigger or signalR",
        fix='add "type": "..."',
        azure=f"Binding '{name}' is invalid. Bindings must specify a Type.",
    )


def unknown_types(
    found: Iterable[tuple[str, Location]], registry: Registry, bundle: bool
) -> list[Problem]:
    """One problem for each, with the host's one text for all of them."""
    every = list(found)
    names = ", ".join(name for name, _ in every)
    azure = (
        f"The binding type(s) '{names}' were not found in the configured extension bundle. Please "
        "ensure the type is correct and the correct version of extension bundle is configured"
        if bundle
        else f"The binding type(s) '{names}' are not registered. Please ensure the type is "
        "correct and the binding extension is installed."
    )
    return [_unknown_type(name, where, registry, azure) for name, where in every]


def _unknown_type(name: str, where: Location, registry: Registry, azure: str) -> Problem:
    known = ", ".join(registry.names.values())
    if platform := not_supported(name):
        return Problem(
            "FJ0210",
            f"the binding type {platform[0]} is not supported here",
            where,
            why=f"it belongs to {platform[1]}; supported are: {known}",
            fix="run this function on Azure, or install a distribution that brings the type; "
            "the app's other functions work",
        )
    near = registry.near(name)
    return Problem(
        "FJ0209",
        f"there is no binding type '{name}'",
        where,
        why=f"known are: {known}",
        fix=f'did you mean "{near}"?'
        if near
        else "correct the type, or install the distribution that brings it",
        azure=azure,
    )


def duplicate_name(binding: Binding, first: Binding, places: Places) -> Problem:
    other = places.locate(f"{first.pointer}/name")
    return Problem(
        "FJ0214",
        f"two bindings have the name '{binding.name}'",
        places.locate(f"{binding.pointer}/name"),
        why=f"the first is in line {other.line}; letter case makes no difference to the host",
        fix="give one of them another name, in the handler too",
        azure=f"Multiple bindings with name '{binding.name}' discovered. Binding names must be "
        "unique.",
    )


def several_triggers(triggers: list[Binding], places: Places) -> Problem:
    lines = " and ".join(
        f"{t.type} in line {places.locate(f'{t.pointer}/type').line}" for t in triggers
    )
    return Problem(
        "FJ0212",
        "the function has more than one trigger",
        places.locate(f"{triggers[1].pointer}/type"),
        why=f"there are {lines}; a function is started by exactly one",
        fix="make a second function with the other trigger; both can share the code",
        azure="Multiple trigger bindings defined. A function can only have a single trigger "
        "binding.",
    )


def no_trigger(bindings: list[Binding], places: Places) -> Problem:
    turned = next((b for b in bindings if b.type.lower().endswith("trigger")), None)
    where = places.locate("/bindings")
    fix = f"add a trigger to 'bindings': {_HTTP_TRIGGER}"
    why = f"there are only: {', '.join(b.type or b.name for b in bindings)}"
    if turned:
        where = places.locate(f"{turned.pointer}/direction")
        why = f"{turned.type} has the direction {turned.direction}, so it starts nothing"
        fix = 'write "direction": "in"'
    return Problem(
        "FJ0213",
        "the function has no trigger",
        where,
        why=why,
        fix=fix,
        azure="No trigger binding specified. A function must have a trigger input binding.",
    )


def wrong_direction(binding: Binding, output: bool, stated: bool, places: Places) -> Problem:
    """A type on its wrong side. The host refuses only `http` and inputs at once."""
    side = "out" if output else "in"
    how = f"has the direction {binding.direction}" if stated else "has no direction, which means in"
    at_call = output and binding.type.lower() != "http"
    azure = None
    if binding.type.lower() == "http":
        azure = "Http binding can only be used for output."
    elif binding.type.lower() == "signalr":
        azure = "Can't bind SignalR to type 'System.String'."
    return Problem(
        "FJ0215",
        f"{binding.type} is an {'output' if output else 'input'}, but '{binding.name}' {how}",
        places.locate(f"{binding.pointer}/direction"),
        why="outputs are sent after the handler, inputs are made before it"
        + ("; as it is, every call of the function fails" if at_call else ""),
        fix=f'write "direction": "{side}"',
        severity=Severity.WARNING if at_call else Severity.ERROR,
        azure=azure,
    )


def missing_direction(binding: Binding, places: Places) -> Problem:
    return Problem(
        "FJ0216",
        f"the binding '{binding.name}' has no direction",
        places.locate(binding.pointer),
        why="the host takes it as in; editors and other tools want it written",
        fix=f'add "direction": "{Direction.IN}"',
        severity=Severity.WARNING,
    )


def not_a_setting_name(prop: str, value: str, where: Location) -> Problem | None:
    """A connection string or an expression where the name of a setting belongs."""
    default = "AzureSignalRConnectionString"
    if re.search(r"(endpoint|accesskey)\s*=", value, re.IGNORECASE):
        return Problem(
            "FJ0223",
            f"'{prop}' holds a connection string; it must hold the NAME of a setting",
            where,
            why="the host looks for a setting of that name and finds none; and a key in this file "
            "ends up in version control",
            fix=f'put the connection string into "{default}" under Values in local.settings.json, '
            f'and remove "{prop}"',
            severity=Severity.WARNING,
        )
    if inner := re.fullmatch(r"[{%](.*)[}%]", value.strip()):
        return Problem(
            "FJ0223",
            f"'{prop}' is {_json(value)}, and it is taken as it stands",
            where,
            why="this property is already the name of a setting: nothing in it is replaced",
            fix=f'write "{prop}": {_json(inner[1])}',
            severity=Severity.WARNING,
        )
    return None


def check_failed(binding: Binding, function: Function, error: Exception) -> Problem:
    return Problem(
        "FJ0605",
        f"the binding '{binding.name}' could not be checked",
        function.locate(binding.pointer),
        why=f"the check of the type {binding.type} failed: {type(error).__name__}: {error}",
        fix="report it to the authors of the binding type",
    )


_CAN_RETRY = ("timertrigger", "eventhubtrigger", "cosmosdbtrigger", "kafkatrigger")


def retry_without_use(function: Function) -> list[Problem]:
    """A retry policy on a trigger for which the platform means to end it."""
    trigger = function.trigger
    if trigger.type.lower() in _CAN_RETRY:
        return []
    return [
        Problem(
            "FJ0221",
            f"a retry policy will stop working with {trigger.type}",
            function.locate("/retry"),
            why="the caller waits while the handler is tried again; the platform supports it for "
            "timers and streams only",
            fix="remove it, and try again inside the handler or in the caller",
            severity=Severity.WARNING,
            azure=f"Soon retries will not be supported for function '{function.name}'. For more "
            "information, please visit http://aka.ms/func-retry-policies.",
        )
    ]


def _member(entry: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in entry.items() if key.lower() == name), None)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]
