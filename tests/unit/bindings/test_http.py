"""http: one response, checked before anything is sent."""

from __future__ import annotations

import pytest

from funcjson.bindings.base import Resolved
from funcjson.bindings.http import BINDING
from funcjson.errors import Location, OutputShapeError
from funcjson.model import Binding, Direction

RES = Binding("res", "http", Direction.OUT, {}, "/bindings/1")
RESOLVED = Resolved(RES, {}, lambda pointer: Location("f/function.json", 4, 5, pointer))


def test_a_value_is_one_response() -> None:
    (found,) = BINDING.collect({"string": "x"}, RESOLVED)

    assert (found.status, found.body) == (200, b"x")


def test_a_value_that_is_no_response_names_the_binding() -> None:
    with pytest.raises(OutputShapeError) as caught:
        BINDING.collect({"http": {"status": 20, "headers": {}, "body": {}}}, RESOLVED)

    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (
        "FJ0408",
        Location("f/function.json", 4, 5, "/bindings/1"),
    )
