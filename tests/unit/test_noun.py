from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mypy import api

from funcjson.noun import noun

PROGRAM = """
from funcjson.noun import noun

@noun(frozen=True, slots=True)
class Point:
    x: int

Point(1).x = 2
"""


@noun(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


def test_it_is_a_value_as_a_frozen_dataclass_is() -> None:
    assert Point(1) == Point(1, 0) != Point(2)
    assert {Point(1), Point(1)} == {replace(Point(3), x=1)}
    with pytest.raises(AttributeError):
        Point(1).z = 1  # type: ignore[attr-defined]


def test_the_type_checker_refuses_changes(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM, encoding="utf-8")

    said, _, _ = api.run([str(file), "--cache-dir", str(tmp_path)])

    assert f'{file}:8: error: Property "x" defined in "Point" is read-only' in said
