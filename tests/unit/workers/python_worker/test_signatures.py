"""Signatures against bindings; the texts are in the vectors, here is what becomes of a sound one."""

from __future__ import annotations

from typing import Any, List  # noqa: UP035 - both spellings are users' spellings

import azure.functions as func
import pytest
from azure.functions import meta

from funcjson.workers.python_worker.signatures import (
    BoundParameter,
    FunctionLoadError,
    check,
    for_web,
)
from funcjson.workers.python_worker.values import Converters

CONVERTERS = Converters(func, meta)
REQ = BoundParameter("req", "httpTrigger", "in", 0)
TICK = BoundParameter("t", "timerTrigger", "in", 0)
MSGS = BoundParameter("msgs", "signalR", "out", 0)
RETURN = BoundParameter("$return", "http", "out", 0)


class Request(func.HttpRequest):
    """A class of the user's own."""


def checked(call: Any, *bindings: BoundParameter) -> Any:
    return check("f", "/app/f", call, bindings, CONVERTERS)


def test_inputs_and_outputs_are_told_apart() -> None:
    def main(req: func.HttpRequest, msgs: func.Out[str], context: func.Context) -> str:
        return ""

    handler = checked(main, REQ, MSGS, RETURN)

    assert list(handler.inputs) == ["req"]
    assert list(handler.outputs) == ["msgs"]
    assert handler.outputs["msgs"].pytype is str
    assert handler.requires_context
    assert handler.returns.binding_type == "http"
    assert not handler.is_async


def test_an_async_function_is_known_as_such() -> None:
    async def main(req) -> None: ...

    assert checked(main, REQ).is_async


def test_a_binding_called_context_is_that_binding() -> None:
    def main(context: str) -> None: ...

    handler = checked(main, BoundParameter("context", "signalRTrigger", "in", 0))

    assert not handler.requires_context
    assert list(handler.inputs) == ["context"]


@pytest.mark.parametrize("bindings", [(REQ,), (REQ, BoundParameter("o", "queue", "out", 0))])
def test_typed_bindings_alone_allow_no_return_value(bindings: tuple[BoundParameter, ...]) -> None:
    def main(req, o=None) -> None: ...

    def only(req) -> None: ...

    assert not checked(main if len(bindings) == 2 else only, *bindings).has_return


def test_a_generic_output_allows_a_return_value() -> None:
    def main(req, msgs) -> None: ...

    handler = checked(main, REQ, MSGS)

    assert handler.has_return
    assert handler.returns.binding_type == "signalR"


def test_a_timer_annotated_str_is_generic() -> None:
    def main(t: str) -> None: ...

    assert checked(main, TICK).inputs["t"].binding_type == "generic"


def test_a_list_of_events_is_a_generic_type() -> None:
    def main(e: List[func.EventHubEvent]) -> None: ...  # noqa: UP006

    handler = checked(main, BoundParameter("e", "eventHubTrigger", "in", 0))

    assert list(handler.inputs) == ["e"]


def test_a_subclass_of_the_trigger_class_fits() -> None:
    def main(req: Request) -> None: ...

    assert "req" in checked(main, REQ).inputs


def test_annotations_in_quotes_are_looked_up() -> None:
    def main(req: "func.HttpRequest") -> "str":  # noqa: UP037
        return ""

    assert checked(main, REQ, RETURN).returns.pytype is str


@pytest.mark.parametrize("annotation", [list[int], dict[str, Any], int | str])
def test_annotations_that_are_no_class_are_refused(annotation: Any) -> None:
    def main(req) -> None: ...

    main.__annotations__ = {"req": annotation}
    with pytest.raises(FunctionLoadError, match="has invalid non-type annotation"):
        checked(main, REQ)


def test_a_web_extension_has_the_request_and_the_response() -> None:
    def main(req: func.HttpRequest) -> str:
        return ""

    handler = for_web(checked(main, REQ, RETURN))

    assert (handler.web_request, handler.returns) == ("req", None)
    assert handler.has_return


def test_a_web_extension_has_nothing_of_other_triggers() -> None:
    def main(t: func.TimerRequest) -> None: ...

    handler = checked(main, TICK)

    assert for_web(handler) == handler
