"""http: the response to the request of an HTTP trigger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from funcjson.bindings.base import OutputType, Resolved, Services
from funcjson.errors import OutputShapeError, Problem
from funcjson.http_response import ResponseError, from_output
from funcjson.model import TypedData
from funcjson.signalr.rest_client import Delivery


def collect(value: TypedData, resolved: Resolved) -> tuple[Any, ...]:
    """The one response that a value stands for."""
    try:
        return (from_output(value),)
    except ResponseError as error:
        raise OutputShapeError(shape_problem(error, resolved)) from error


async def flush(
    _items: tuple[Any, ...],
    _resolved: Resolved,
    _services: Services,
    _delivered: Callable[[Delivery], None],
) -> None:
    """Nothing: the host writes the response when all other outputs are delivered."""


def shape_problem(error: ResponseError, resolved: Resolved) -> Problem:
    """Why a value cannot be written as a response."""
    return Problem(
        "FJ0408",
        error.what,
        resolved.where(),
        "the handler's value cannot be written as an HTTP response",
        error.fix,
        azure=error.azure or None,
    )


BINDING = OutputType(type="http", schema="bindings/http.json", collect=collect, flush=flush)
