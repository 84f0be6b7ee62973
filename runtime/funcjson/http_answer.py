"""The HTTP caller's answer: the `http` output when one was set, else the function's return value."""

from __future__ import annotations

from dataclasses import replace

from funcjson.errors import AnswerError, Problem
from funcjson.http_response import ResponseError, from_output, from_return
from funcjson.model import HttpRequest, HttpResponse, TypedData
from funcjson.pipeline import Outcome
from funcjson.plan import Plan


def answer(plan: Plan, outcome: Outcome, request: HttpRequest) -> HttpResponse:
    """Render what an invocation produced. Raises AnswerError for what is not a response."""
    accept = ",".join(text for name, text in request.headers if name.lower() == "accept")
    step = plan.http_output
    value = outcome.outputs.get(step.binding.name) if step is not None else None
    try:
        if value:
            return _measured(from_output(value, accept=accept), value, request)
        # The host's rule: without an http output, the return value is the answer; without one, 204.
        returned = (
            {}
            if step is not None and step.binding.name.lower() == "$return"
            else outcome.return_value
        )
        return _measured(from_return(returned, accept=accept), returned, request)
    except ResponseError as error:
        pointer = step.binding.pointer if step is not None else ""
        raise AnswerError(
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


def _measured(response: HttpResponse, value: TypedData, request: HttpRequest) -> HttpResponse:
    """The answer to HEAD with the length that the handler gives; the body that it would frame is not sent."""
    if request.method != "HEAD" or "http" not in value:
        return response
    given = value["http"].get("headers") or {}
    length = next(
        (str(text) for name, text in given.items() if name.lower() == "content-length"), ""
    )
    if not (length.isascii() and length.isdigit()):
        return response
    return replace(response, headers=(*response.headers, ("Content-Length", length)))
