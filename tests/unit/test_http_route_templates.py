"""The grammar of route templates."""

from __future__ import annotations

import pytest

from funcjson.http_route_templates import Parameter, TemplateError, parse_template


def parameter(text: str) -> Parameter:
    return next(iter(parse_template(text).parameters))


def test_a_parameter_has_its_constraints_in_order() -> None:
    found = parameter("{id:int:min(1)?}")

    assert (found.name, found.optional) == ("id", True)
    assert [text for text, _ in found.constraints] == ["int", "min(1)"]


def test_a_default_may_hold_colons() -> None:
    assert parameter("{t:alpha=a:b=c}").default == "a:b=c"


def test_a_pattern_may_hold_braces_slashes_and_brackets() -> None:
    found = parameter("x/{n:regex(^(a/b){{2}}:$):minlength(1)}/y")

    assert [text for text, _ in found.constraints] == ["regex(^(a/b){2}:$)", "minlength(1)"]


def test_an_absent_value_is_refused_by_a_constraint_unless_optional() -> None:
    assert parameter("{id:int}").refused_by(None) == "int"
    assert parameter("{id:int?}").refused_by(None) is None


def test_no_text_is_the_root() -> None:
    assert parse_template("").segments == ()


def test_a_literal_keeps_single_braces() -> None:
    assert parse_template("a{{b}}").segments[0].literal == "a{b}"


def test_an_unknown_constraint_is_an_error_of_the_template() -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template("{id:inte}")

    assert caught.value.fix == "did you mean 'int'?"


def test_a_name_cannot_be_empty() -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template("a/{}")

    assert "Route parameter names must be non-empty" in caught.value.azure
