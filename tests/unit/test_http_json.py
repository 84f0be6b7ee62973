"""JSON as the host reads and writes it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from funcjson import http_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (" ", None),
        ("", None),
        ("{a: 'b', /* x */}", {"a": "b"}),
        ("0x10", 16),
        ("012", 10),
    ],
)
def test_reading_is_as_lenient_as_jsonnet(text: str, value: Any) -> None:
    assert http_json.read(text) == value


@pytest.mark.parametrize("text", ["hello", "{", "[1, 2", "1 2", "{'a': 1} x", "\\", "[" * 5000])
def test_what_is_not_json_is_told(text: str) -> None:
    with pytest.raises(http_json.NotJson):
        http_json.read(text)


NUMBERS: Any = {
    "big": 1e20,
    "small": 1e-7,
    "whole": 1.0,
    "long": 2**70,
    "list": [[], {}, [1.5e300]],
}


def test_numbers_are_written_as_dotnet_writes_them() -> None:
    assert http_json.compact(NUMBERS) == (
        '{"big":1E+20,"small":1E-07,"whole":1.0,"long":1180591620717411303424,'
        '"list":[[],{},[1.5E+300]]}'
    )


def test_indented_text_of_unusual_numbers_has_the_usual_shape() -> None:
    assert json.loads(http_json.indented(NUMBERS)) == NUMBERS
    plain = {"a": [1, {"b": None}], "c": True}
    unusual = {"a": [1, {"b": None}], "c": True, "d": 1e20}

    assert http_json.indented(unusual) == http_json.indented(plain)[:-2] + ',\n  "d": 1E+20\n}'


def test_what_is_no_number_is_text() -> None:
    assert http_json.compact([math.nan, -math.inf]) == '["NaN","-Infinity"]'


def test_text_that_looks_like_a_number_stays() -> None:
    assert http_json.compact({"a": "1e+20 NaN"}) == '{"a":"1e+20 NaN"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "True"), (1.0, "1"), ("x", "x"), ([1], "[\n  1\n]"), ({}, "{}")],
)
def test_text_of_a_value(value: Any, text: str) -> None:
    assert http_json.text_of(value) == text
