"""A handler's signature against its bindings: the checks of the real worker, with its texts.

Rules and texts: `azure_functions_worker/functions.py` of azure-functions-python-worker, for function.json functions
and code-first ones alike.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .values import Converters

# `dataType` of function.json as the number that the real worker prints; 0 means not given.
DATA_TYPES = {"string": 1, "binary": 2, "stream": 3}

# `list[int]` and, from Python 3.10 on, `int | str`.
_NOT_GENERIC = tuple(
    getattr(types, name) for name in ("GenericAlias", "UnionType") if hasattr(types, name)
)


class FunctionLoadError(RuntimeError):
    """A handler does not fit its bindings."""

    def __init__(self, function_name: str, message: str) -> None:
        super().__init__(f"cannot load the {function_name} function: {message}")


class BoundParameter(NamedTuple):
    """A binding as the checks see it. `direction`: in, out, inout; `data_type`: 0 when not given."""

    name: str
    type: str
    direction: str
    data_type: int | None


class ParameterType(NamedTuple):
    """How a value is converted: the binding type to use, and the annotation."""

    binding_type: str
    pytype: Any
    converter: Any


class Handler(NamedTuple):
    """A user's function, ready to be called. `web_request`: the parameter that gets a request of the web extension."""

    name: str
    directory: str
    call: Callable[..., Any]
    is_async: bool
    requires_context: bool
    has_return: bool
    inputs: Mapping[str, ParameterType]
    outputs: Mapping[str, ParameterType]
    returns: ParameterType | None
    web_request: str = ""


def check(
    name: str,
    directory: str,
    call: Callable[..., Any],
    bindings: Iterable[BoundParameter],
    converters: Converters,
) -> Handler:
    """Check a function against its bindings. Raises FunctionLoadError, or what `typing` raises."""
    parameters = dict(inspect.signature(call).parameters)
    annotations = typing.get_type_hints(call)
    bound: dict[str, BoundParameter] = {}
    explicit_return: str | None = None
    implicit_return: str | None = None
    for binding in bindings:
        if binding.direction == "inout":
            raise FunctionLoadError(name, '"inout" bindings are not supported')
        if binding.name == "$return":
            if binding.direction != "out":
                raise FunctionLoadError(name, '"$return" binding must have direction set to "out"')
            explicit_return = binding.type
            continue
        bound[binding.name] = binding
        if converters.has_implicit_output(binding.type):
            implicit_return = binding.type

    requires_context = "context" in parameters and "context" not in bound
    if requires_context:
        del parameters["context"]
        annotation = annotations.get("context")
        if "context" in annotations and getattr(annotation, "__name__", "") != "Context":
            raise FunctionLoadError(
                name,
                'the "context" parameter is expected to be of type azure.functions.Context, got '
                f"{annotation!r}",
            )
    _same_names(name, set(parameters), set(bound))

    inputs: dict[str, ParameterType] = {}
    outputs: dict[str, ParameterType] = {}
    for parameter in parameters:
        side = outputs if bound[parameter].direction == "out" else inputs
        side[parameter] = _parameter(name, bound[parameter], annotations, converters)

    return Handler(
        name=name,
        directory=directory,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        requires_context=requires_context,
        has_return=explicit_return is not None or implicit_return is not None,
        inputs=inputs,
        outputs=outputs,
        returns=_return(name, annotations, explicit_return, implicit_return, converters),
    )


def for_web(handler: Handler) -> Handler:
    """The same in an app with a web extension, whose requests and responses are none of the library's."""
    named = [name for name, one in handler.inputs.items() if one.binding_type == "httpTrigger"]
    return handler._replace(web_request=named[0], returns=None) if named else handler


def _same_names(name: str, declared: set[str], bound: set[str]) -> None:
    if declared - bound:
        raise FunctionLoadError(
            name,
            "the following parameters are declared in Python but not in function.json: "
            f"{declared - bound!r}",
        )
    if bound - declared:
        raise FunctionLoadError(
            name,
            "the following parameters are declared in function.json but not in Python: "
            f"{bound - declared!r}",
        )


def _parameter(
    name: str, binding: BoundParameter, annotations: Mapping[str, Any], converters: Converters
) -> ParameterType:
    annotated = binding.name in annotations
    annotation = annotations.get(binding.name)
    is_out, pytype = _unwrap_out(name, binding.name, annotation)
    if annotated and not isinstance(pytype, type) and not _is_generic(pytype):
        raise FunctionLoadError(
            name, f"binding {binding.name} has invalid non-type annotation {annotation!r}"
        )
    if binding.direction == "out" and annotated and not is_out:
        raise FunctionLoadError(
            name,
            f'binding {binding.name} is declared to have the "out" direction, but its annotation '
            "in Python is not a subclass of azure.functions.Out",
        )
    if binding.direction != "out" and is_out:
        raise FunctionLoadError(
            name,
            f'binding {binding.name} is declared to have the "in" direction in function.json, but '
            "its annotation is azure.functions.Out in Python",
        )
    binding_type = binding.type
    if annotated and pytype in (str, bytes) and not converters.has_implicit_output(binding.type):
        binding_type = "generic"
    converter = converters.get(binding_type)
    if annotated:
        fits = (
            converter.check_output_type_annotation(pytype)
            if is_out
            else converter.check_input_type_annotation(pytype)
        )
        if not fits:
            raise FunctionLoadError(name, _mismatch(binding, pytype))
    return ParameterType(binding_type, pytype, converter)


def _mismatch(binding: BoundParameter, pytype: Any) -> str:
    # A code-first binding without data type has None, which is not "not given" to the real worker.
    if binding.data_type == 0:
        return (
            f'type of {binding.name} binding in function.json "{binding.type}" does not match its '
            f'Python annotation "{pytype.__name__}"'
        )
    return (
        f'{binding.name!r} binding type "{binding.type}" and dataType "{binding.data_type}" in '
        "function.json do not match the corresponding function parameter's Python type annotation "
        f'"{pytype.__name__}"'
    )


def _unwrap_out(name: str, parameter: str, annotation: Any) -> tuple[bool, Any]:
    """Whether an annotation is `Out[...]`, and the type that it is about."""
    origin = typing.get_origin(annotation) or annotation
    if not (isinstance(origin, type) and origin.__name__ == "Out"):
        return False, annotation
    arguments = typing.get_args(annotation)
    if len(arguments) != 1:
        raise FunctionLoadError(
            name, f"binding {parameter} has invalid Out annotation {annotation!r}"
        )
    return True, arguments[0]


def _is_generic(annotation: Any) -> bool:
    """Whether the real worker takes it for a generic type: `List[int]`, but no unions or tuples."""
    if isinstance(annotation, _NOT_GENERIC):
        return False
    origin = typing.get_origin(annotation)
    return isinstance(origin, type) and origin not in (tuple, collections.abc.Callable)


def _return(
    name: str,
    annotations: Mapping[str, Any],
    explicit: str | None,
    implicit: str | None,
    converters: Converters,
) -> ParameterType | None:
    binding_type = explicit if explicit is not None else implicit
    if binding_type is None:
        return None
    pytype: Any = None
    if explicit is not None and "return" in annotations:
        pytype = annotations["return"]
        if getattr(typing.get_origin(pytype), "__name__", "") == "Out":
            raise FunctionLoadError(name, "return annotation should not be azure.functions.Out")
        if not isinstance(pytype, type):
            raise FunctionLoadError(name, f"has invalid non-type return annotation {pytype!r}")
        if not converters.get(binding_type).check_output_type_annotation(pytype):
            raise FunctionLoadError(
                name,
                f'Python return annotation "{pytype.__name__}" does not match binding type '
                f'"{binding_type}"',
            )
    if implicit is not None and "return" in annotations:
        pytype = annotations["return"]
    return ParameterType(binding_type, pytype, converters.get(binding_type))
