"""A code-first app as documents: what `function.json` would say, and where each function is.

Rules: `azure_functions_worker/loader.py` of azure-functions-python-worker (`index_function_app`). Texts about decorators
come from `azure.functions` itself.
"""

from __future__ import annotations

import enum
import inspect
import os
import types
from collections.abc import Iterator
from typing import Any

from . import failures
from .signatures import BoundParameter

_DIRECTIONS = {0: "in", 1: "out", 2: "inout"}
_RETRY = {
    "strategy": "strategy",
    "max_retry_count": "maxRetryCount",
    "delay_interval": "delayInterval",
    "minimum_interval": "minimumInterval",
    "maximum_interval": "maximumInterval",
}
_STRATEGIES = {"fixed_delay": "fixedDelay", "exponential_backoff": "exponentialBackoff"}


def bound_parameters(function: Any) -> list[BoundParameter]:
    """The bindings of a decorated function, as the signature checks see them."""
    return [
        BoundParameter(
            binding.name, binding.type, _DIRECTIONS[binding.direction], binding.data_type
        )
        for binding in function.get_bindings()
    ]


def describe(function: Any, script_name: str, app_root: str) -> dict[str, Any]:
    """One decorated function, as the wire's "indexed" has it."""
    document: dict[str, Any] = {
        "scriptFile": script_name,
        "bindings": [_plain(binding.get_dict_repr()) for binding in function.get_bindings()],
    }
    retry = function.get_settings_dict("retry_policy")
    if retry:
        document["retry"] = _retry(retry)
    file, line = place(function.get_user_function())
    inside = failures.is_of_app(file, app_root)
    return {
        "name": function.get_function_name(),
        "document": document,
        "script_file": os.path.relpath(file, app_root).replace(os.sep, "/")
        if inside
        else script_name,
        "line": line if inside else 0,
        "entry_point": function.get_user_function().__name__,
    }


def _plain(value: Any) -> Any:
    """Enum members as function.json spells them: in, anonymous, get."""
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value


def _retry(settings: dict[str, Any]) -> dict[str, Any]:
    retry = {_RETRY[key]: value for key, value in settings.items() if key in _RETRY and value}
    if "strategy" in retry:
        retry["strategy"] = _STRATEGIES.get(retry["strategy"], retry["strategy"])
    if "maxRetryCount" in retry:
        retry["maxRetryCount"] = int(retry["maxRetryCount"])
    return retry


def place(function: Any) -> tuple[str, int]:
    """File and line of a function; ("", 0) when it has no code of its own."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else ("", 0)


def find_place(error: Exception, app: Any) -> None:
    """Say where the function is that the library complains of; of two with one name it is the second."""
    functions = [builder._function for builder in getattr(app, "_function_builders", ())]
    for function in reversed(functions):
        if f"Function {function.get_function_name()} " in f"{error}":
            failures.at_function(error, function.get_user_function())
            return


def warnings(module: Any, app: Any) -> Iterator[str]:
    """What the real worker passes over in silence: decorators not called, blueprints not registered."""
    registered = {id(builder) for builder in getattr(app, "_function_builders", ())}
    for name, value in list(vars(module).items()):
        if _is_library_decorator(value):
            yield (
                f"{name} is not a function of this app: its decorator is written without "
                "parentheses. Write @app.route() instead of @app.route."
            )
        # Without asking the value itself: proxies such as flask's `request` raise outside of a call.
        builders = inspect.getattr_static(value, "_function_builders", None)
        if (
            type(builders) is list
            and builders
            and value is not app
            and not any(id(b) in registered for b in builders)
        ):
            yield (
                f"the {len(builders)} function(s) of {name} are not part of this app: it is not "
                f"registered. Add app.register_functions({name})."
            )


def _is_library_decorator(value: Any) -> bool:
    return (
        type(value) is types.FunctionType
        and value.__qualname__.endswith("_configure_function_builder.<locals>.decorator")
        and str(value.__module__).startswith("azure.functions")
    )
