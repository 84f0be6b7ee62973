"""A check-up as a whole: all checks run, the report names what is wrong, `--json` is stable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.doctor.doctor_world import FakeMachine, write_app

from funcjson import cli
from funcjson.doctor import CHECKS, Check, examine, report
from funcjson.errors import Problem, Severity

NOTE = Problem("FJ0544", "a note", severity=Severity.NOTE)
ERROR = Problem("FJ0511", "an error", fix="repair it")


def test_every_check_is_made_and_named_once(tmp_path: Path) -> None:
    checks = examine(write_app(tmp_path, {}), {}, FakeMachine())

    assert [check.name for check in checks] == list(CHECKS)


def test_a_folder_that_is_none_is_the_only_thing_said(tmp_path: Path) -> None:
    (check,) = examine(tmp_path / "nowhere", {}, FakeMachine())

    assert check.status == "error"
    assert check.problems[0].code == "FJ0131"


@pytest.mark.parametrize(
    ("problems", "status"),
    [((), "ok"), ((NOTE,), "note"), ((NOTE, ERROR), "error")],
)
def test_the_status_is_the_worst(problems: tuple[Problem, ...], status: str) -> None:
    assert Check("x", "fine", problems).status == status


def test_the_report_has_a_line_a_check_and_the_worst_last() -> None:
    text = report((Check("first", "all is well"), Check("second", "", (ERROR, NOTE))))
    lines = text.splitlines()

    assert lines[:2] == ["ok       first   all is well", "error    second  an error (and 1 more)"]
    assert text.index("note[FJ0544]") < text.index("error[FJ0511]")
    assert lines[-1] == "1 error, 0 warnings, 1 note"


def test_the_command_prints_json_and_ends_with_1_for_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["doctor", str(tmp_path / "nowhere"), "--json"])
    (found,) = json.loads(capsys.readouterr().out)

    assert code == 1
    assert set(found) == {"check", "status", "said", "problems"}
    assert found["problems"][0]["code"] == "FJ0131"
