"""Route constraints; what each accepts is in tests/conformance/vectors/http.json."""

from __future__ import annotations

import pytest

from funcjson.http_route_constraints import KNOWN, ConstraintError, make_constraint


def test_an_unknown_constraint_names_the_nearest_one() -> None:
    with pytest.raises(ConstraintError) as caught:
        make_constraint("integer(1)")

    assert str(caught.value) == "there is no route constraint 'integer'"
    assert "int" in caught.value.fix


def test_a_constraint_like_nothing_lists_all() -> None:
    with pytest.raises(ConstraintError) as caught:
        make_constraint("zzz")

    assert all(name in caught.value.fix for name in KNOWN)


@pytest.mark.parametrize(
    "text", ["min", "min()", "min(a)", "min(1,2)", "range(1)", "length(1,2,3)"]
)
def test_a_wrong_argument_shows_a_right_one(text: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        make_constraint(text)

    assert caught.value.fix.startswith("write for example ")


def test_a_constraint_without_arguments_takes_none() -> None:
    with pytest.raises(ConstraintError) as caught:
        make_constraint("int(3)")

    assert caught.value.fix == "write 'int' alone"


@pytest.mark.parametrize("text", ["regex", "regex()", "regex([)"])
def test_a_pattern_must_be_sound(text: str) -> None:
    with pytest.raises(ConstraintError):
        make_constraint(text)


def test_a_named_group_of_dotnet_is_read() -> None:
    assert make_constraint("regex(^(?<year>\\d+)$)")("2024")


def test_letter_case_of_a_name_does_not_matter() -> None:
    assert make_constraint("INT")("1")
