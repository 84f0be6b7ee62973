"""The HTTP caller's answer: the `http` output when one was set, else the function's return value."""

from __future__ import annotations

from funcjson.errors import OutputShapeError, Problem
from funcjson.http_response import ResponseError, from_output, from_return
from funcjson.model import HttpRequest, HttpResponse
from funcjson.pipeline import Outcome
from funcjson.plan import Plan


def answer(plan: Plan, outcome: Outcome, request: HttpRequest) -> HttpResponse:
    """Render what an invocation produced. Raises OutputShapeError for what is not a response."""
    accept = ",".join(text for name, text in request.headers if name.lower() == "accept")
    step = plan.http_output
    value = outcome.outputs.get(step.binding.name) if step is not None else None
    try:
        if value:
            return from_output(value, accept=accept)
        # The host's rule: without an http output, the return value is the answer; without one, 204.
        returned = (
            {}
            if step is not None and step.binding.name.lower() == "$return"
            else outcome.return_value
        )
        return from_return(returned, accept=accept)
    except ResponseError as error:
        pointer = step.binding.pointer if step is not None else ""
        raise OutputShapeError(
            Problem(
                "FJ0408",
                error.what,
                plan.function.locate(pointer),
                "the handler's value cannot be written as an HTTP response",
                error.fix,
                function=plan.function.name,
                azure=error.azure or None,
            )
        ) from error
