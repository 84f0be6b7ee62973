"""The texts of wrong expressions: ours name things, the platform's are exact."""

from __future__ import annotations

import pytest

from funcjson import expression_faults as faults
from funcjson.errors import Location, Severity


@pytest.mark.parametrize(
    ("fault", "kind", "azure"),
    [
        (
            faults.lone_brace("{a", "{", 1),
            "Format",
            "Invalid template '{a'. Missing closing bracket at position 1.",
        ),
        (
            faults.bad_expression("{a b}", "a b"),
            "Format",
            "Invalid template '{a b}'. Invalid template expression 'a b",
        ),
        (
            faults.empty_part("{a.}"),
            "InvalidOperation",
            "Illegal expression: System.String[]",
        ),
        (
            faults.unclosed_percent("100%", 3),
            "InvalidOperation",
            "The '%' at position 3 does not have a closing '%'",
        ),
    ],
)
def test_the_platform_text_is_exact(fault: faults.Fault, kind: str, azure: str) -> None:
    assert (fault.kind, fault.azure) == (kind, azure)


def test_a_fault_becomes_an_error_at_its_place() -> None:
    where = Location("function.json", 3, 5)
    error = faults.no_setting("X").error(where)

    assert error.kind == "InvalidOperation"
    assert error.problems[0].where == where
    assert faults.no_setting("X").problem(where, Severity.NOTE).severity is Severity.NOTE


def test_names_are_listed_in_order() -> None:
    assert faults.listed(["b", "A", "c"]) == "A, b, c"
    assert faults.listed([]) == "nothing"
    assert faults.listed(["a", "b", "c"], limit=2) == "a, b and 1 more"


def test_there_is_not_always_better_advice() -> None:
    assert faults.better_spelling(("headers", "x"), ()) == ""
    assert faults.better_spelling(("body",), ()) == ""
