"""honesty: each rule says where it is written or why we differ, is used, and nothing else is claimed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from funcjson.honesty import RULES, label, labels, line

PACKAGE = Path(__file__).parents[2] / "runtime" / "funcjson"
SOURCES = "\n".join(
    file.read_text(encoding="utf-8")
    for folder in ("trace_view", "explaining", "inspector")
    for file in sorted((PACKAGE / folder).rglob("*.py"))
)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_a_source_or_a_reason_and_not_both(name: str) -> None:
    rule = RULES[name]

    assert rule.text
    assert bool(rule.source) != bool(rule.reason)
    assert label(name)["label"] == ("same as Azure" if rule.source else "differs here")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_taught_somewhere(name: str) -> None:
    assert f'"{name}"' in SOURCES


def test_there_are_both_kinds() -> None:
    assert {rule.same for rule in RULES.values()} == {True, False}


def test_a_rule_is_told_once() -> None:
    found = labels(["verdict", "scope-order", "verdict"])

    assert [one["id"] for one in found] == ["verdict", "scope-order"]


def test_a_line_says_what_and_whether_it_holds_on_azure() -> None:
    text = line(label("data-shadow"))

    assert re.search(r"does not replace the real one  \[differs here: a caller could", text)
