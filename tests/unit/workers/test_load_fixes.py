"""The remedy names what fits: the annotation that the library's own converters then take."""

from __future__ import annotations

import functools
from typing import Any

import azure.functions as func
import pytest
from azure.functions import meta

from funcjson.workers.load_fixes import handler_fix, load_fix
from funcjson.workers.python_worker.signatures import BoundParameter, FunctionLoadError, check
from funcjson.workers.python_worker.values import Converters

CONVERTERS = Converters(func, meta)
RETURN = BoundParameter("$return", "http", "out", 0)


def load(binding: BoundParameter, annotation: Any) -> str:
    """The remedy for a parameter with this annotation, "" when it loads."""

    def main(value: Any) -> None: ...

    main.__annotations__ = {"value": annotation}
    return remedy(main, binding)


def remedy(main: Any, *bindings: BoundParameter) -> str:
    try:
        check("f", "/app/f", main, bindings, CONVERTERS)
    except FunctionLoadError as error:
        return load_fix(f"FunctionLoadError: {error}")
    return ""


@pytest.mark.parametrize(
    ("kind", "direction", "wrong", "fitting"),
    [
        ("httpTrigger", "in", func.TimerRequest, "func.HttpRequest"),
        ("timerTrigger", "in", func.HttpRequest, "func.TimerRequest"),
        ("eventGridTrigger", "in", int, "func.EventGridEvent"),
        ("queueTrigger", "in", int, "func.QueueMessage"),
        ("blobTrigger", "in", int, "func.InputStream"),
        ("blob", "in", int, "func.InputStream"),
        ("blob", "out", func.Out[int], "func.Out[str]"),
        ("serviceBusTrigger", "in", int, "func.ServiceBusMessage"),
        ("eventHubTrigger", "in", int, "func.EventHubEvent"),
        ("cosmosDBTrigger", "in", int, "func.DocumentList"),
        ("cosmosDB", "in", int, "func.DocumentList"),
        ("cosmosDB", "out", func.Out[int], "func.Out[func.Document]"),
        ("http", "out", func.Out[int], "func.Out[func.HttpResponse]"),
        ("signalR", "out", func.Out[int], "func.Out[str]"),
        ("signalRTrigger", "in", int, "str"),
        ("signalRConnectionInfo", "in", int, "str"),
        ("somethingElse", "out", func.Out[int], "func.Out[str]"),
    ],
)
@pytest.mark.parametrize("data_type", [0, None])
def test_the_annotation_that_is_named_loads(
    kind: str, direction: str, wrong: Any, fitting: str, data_type: int | None
) -> None:
    binding = BoundParameter("value", kind, direction, data_type)

    assert fitting in load(binding, wrong)
    assert load(binding, eval(fitting)) == ""


@pytest.mark.parametrize(
    ("direction", "annotation", "named"),
    [
        ("in", func.Out[str], "take func.Out off"),
        ("out", str, "func.Out[str]"),
        ("in", list[int], "with a class"),
        ("inout", str, '"direction": "in" or "out"'),
    ],
)
def test_an_annotation_of_the_other_direction(direction: str, annotation: Any, named: str) -> None:
    assert named in load(BoundParameter("value", "signalR", direction, 0), annotation)


def test_what_a_function_returns() -> None:
    def wrong() -> int: ...
    def out() -> func.Out[str]: ...
    def fits() -> func.HttpResponse: ...

    assert "-> func.HttpResponse" in remedy(wrong, RETURN)
    assert "-> str" in remedy(out, RETURN)
    assert remedy(fits, RETURN) == ""


def test_other_faults_have_their_own() -> None:
    def main(context: int) -> None: ...

    assert "func.Context" in remedy(main)
    assert "requirements.txt" in load_fix("ModuleNotFoundError: No module named 'x'")
    assert load_fix("ValueError: no", "otherwise") == "otherwise"
    assert handler_fix("ValueError: no", True).startswith("correct the code at this place")
    assert handler_fix("ValueError: no", False).startswith("correct the code of the handler")


def test_an_object_that_can_be_called_is_to_be_called_by_a_function() -> None:
    with pytest.raises(TypeError) as caught:
        check("f", "/app/f", functools.partial(print), [], CONVERTERS)

    assert "def main(req)" in load_fix(f"TypeError: {caught.value}")


def test_a_name_that_only_type_checkers_see_is_told() -> None:
    def main(value: Any) -> None: ...

    main.__annotations__ = {"value": "OnlyForTypeCheckers"}
    with pytest.raises(NameError) as caught:
        check("f", "/app/f", main, [BoundParameter("value", "signalR", "in", 0)], CONVERTERS)

    assert "TYPE_CHECKING" in load_fix(f"NameError: {caught.value}")


def test_faults_of_http_streams_have_their_own() -> None:
    mismatch = (
        '\'req\' binding type "httpTrigger" and dataType "None" in function.json do not match the '
    )
    mismatch += 'corresponding function parameter\'s Python type annotation "{}"'

    assert "Request from azurefunctions" in load_fix(mismatch.format("HttpRequest"))
    assert "which streams" in load_fix(mismatch.format("Request"))
    assert "func.HttpRequest" in load_fix(mismatch.format("int"))
    returned = 'Python return annotation "HttpResponse" does not match binding type "http"'
    assert "-> Response from azurefunctions" in load_fix(returned)
    disabled = "AppSettingDisabledError: HTTP Streaming is enabled but PYTHON_ENABLE_INIT_INDEXING"
    assert "local.settings.json" in load_fix(disabled)
    assert "return a response" in handler_fix("ValueError: No http response found for", False)
    missing = "AssertionError: The `python-multipart` library must be installed to use form"
    assert "requirements.txt" in handler_fix(missing, False)
