"""Typed data to values and back; what vectors do not say."""

from __future__ import annotations

from typing import Any

import azure.functions as func
import pytest
from azure.functions import meta

from funcjson.workers.python_worker.values import Converters

CONVERTERS = Converters(func, meta)


@pytest.mark.parametrize(
    ("data", "value"),
    [({}, None), ({"string": "a"}, "a"), ({"json": "{}"}, "{}"), ({"bytes": b"a"}, b"a")],
)
def test_a_generic_input_is_given_as_it_is(data: dict[str, Any], value: Any) -> None:
    assert CONVERTERS.decode(CONVERTERS.get("signalRTrigger"), data, {}) == value


def test_a_number_is_no_generic_input() -> None:
    with pytest.raises(ValueError, match=r'unexpected type of data received for the "generic"'):
        CONVERTERS.decode(CONVERTERS.get("signalRTrigger"), {"double": 1.5}, {})


def test_data_that_a_converter_does_not_take_is_named() -> None:
    with pytest.raises(TypeError, match="unsupported combination of TypedData field 'string'"):
        CONVERTERS.decode(CONVERTERS.get("timerTrigger"), {"string": "x"}, {})


def test_trigger_metadata_reaches_the_converter() -> None:
    value = CONVERTERS.decode(
        CONVERTERS.get("queueTrigger"),
        {"string": "m"},
        {"Id": {"string": "7"}, "DequeueCount": {"json": "2"}},
    )

    assert (value.id, value.dequeue_count) == ("7", 2)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, {}),
        ("a", {"string": "a"}),
        (bytearray(b"a"), {"bytes": b"a"}),
        ({"a": [1]}, {"json": '{"a": [1]}'}),
        ([], {"json": "[]"}),
        (2**40, {"int": 2**40}),
        (0.5, {"double": 0.5}),
    ],
)
def test_a_generic_output(value: Any, data: dict[str, Any]) -> None:
    assert CONVERTERS.encode("signalR", value, None) == data


@pytest.mark.parametrize("value", [{1}, (1,), object(), iter(())])
def test_other_values_are_refused_with_the_real_text(value: Any) -> None:
    expected = (
        'unable to encode outgoing TypedData: unsupported type "<class '
        "'azure_functions_worker.bindings.generic.GenericBinding'>\" for Python type "
        f'"{type(value).__name__}"'
    )
    with pytest.raises(TypeError) as caught:
        CONVERTERS.encode("signalR", value, None)

    assert str(caught.value) == expected


def cookie(header: str) -> dict[str, Any]:
    response = func.HttpResponse("")
    response.headers.add("Set-Cookie", header)
    answer = CONVERTERS.encode("http", response, None)["http"]
    assert "set-cookie" not in {name.lower() for name in answer["headers"]}
    return dict(answer["cookies"][0])


def test_a_cookie_has_all_its_attributes() -> None:
    header = (
        "a=1; Domain=x.test; Path=/p; Max-Age=60; Secure; HttpOnly; SameSite=Strict; "
        "Expires=Wed, 21 Oct 2015 07:28:00 GMT"
    )

    assert cookie(header) == {
        "name": "a",
        "value": "1",
        "domain": "x.test",
        "path": "/p",
        "expires": "2015-10-21T07:28:00+00:00",
        "secure": True,
        "httpOnly": True,
        "sameSite": "Strict",
        "maxAge": 60.0,
    }


@pytest.mark.parametrize(
    "text", ["Wed, 21-Oct-2015 07:28:00 GMT", "2015-10-21T07:28:00Z", "2015-10-21T07:28:00"]
)
def test_other_spellings_of_a_date(text: str) -> None:
    assert cookie(f"a=1; Expires={text}")["expires"] == "2015-10-21T07:28:00+00:00"


@pytest.mark.parametrize("attribute", ["Expires=soon", "Max-Age=soon"])
def test_an_attribute_that_makes_no_sense_is_named(attribute: str) -> None:
    with pytest.raises((TypeError, ValueError), match="soon"):
        cookie(f"a=1; {attribute}")


def test_a_plain_cookie_leaves_the_rest_out() -> None:
    plain = cookie("a=1")

    assert (plain["domain"], plain["path"], plain["expires"], plain["sameSite"]) == (
        "", "", None, None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("binding_type", "implicit"),
    [("signalR", True), ("signalRConnectionInfo", True), ("http", False), ("durableClient", False)],
)
def test_which_bindings_let_a_handler_return_a_value(binding_type: str, implicit: bool) -> None:
    assert CONVERTERS.has_implicit_output(binding_type) is implicit


def test_other_outputs_of_the_library() -> None:
    assert CONVERTERS.encode("queue", "m", None) == {"string": "m"}
    assert CONVERTERS.encode("eventHub", ["a", "b"], None) == {"json": '["a","b"]'}


def test_other_annotations_may_fit_and_all_else_stays() -> None:
    taking = CONVERTERS.taking({"httpTrigger": lambda given: given is int})
    converter, usual = taking.get("httpTrigger"), CONVERTERS.get("httpTrigger")

    assert converter.check_input_type_annotation(int)
    assert not converter.check_input_type_annotation(func.HttpRequest)
    assert converter.has_trigger_support() == usual.has_trigger_support()
    assert usual.check_input_type_annotation(func.HttpRequest)
    assert taking.get("queueTrigger") is CONVERTERS.get("queueTrigger")
