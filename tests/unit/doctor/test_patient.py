"""The app that is examined: what is read of it, and that each problem comes once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.doctor.doctor_world import HTTP, NEGOTIATE, FakeMachine, patient, write_app

from funcjson.doctor.patient import meet
from funcjson.errors import AppLoadError, Severity
from funcjson.model import Language


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError):
        meet(tmp_path / "nowhere", {}, FakeMachine())


def test_problems_come_once_and_the_worst_first(tmp_path: Path) -> None:
    write_app(
        tmp_path,
        {
            "host.json": {"version": "2.0", "nothing": 1},
            "f/function.json": [],
            "f/index.js": "",
            "g/function.json": "{",
        },
    )
    found = meet(tmp_path, {}, FakeMachine()).problems

    assert len({(p.code, p.what, p.where) for p in found}) == len(found)
    assert [p.severity for p in found] == sorted(
        (p.severity for p in found), key=list(Severity).index
    )
    assert {"FJ0113", "FJ0201"} <= {p.code for p in found}


def test_an_app_without_functions_is_met_all_the_same(tmp_path: Path) -> None:
    met = meet(write_app(tmp_path, {}), {}, FakeMachine())

    assert met.functions == ()
    assert [p.code for p in met.problems] == ["FJ0132"]


def test_languages_and_connections_follow_from_the_functions(tmp_path: Path) -> None:
    named = [*NEGOTIATE[:2], {**NEGOTIATE[2], "connectionStringSetting": "Other"}]
    app = patient(
        tmp_path,
        {
            "f/function.json": NEGOTIATE,
            "f/index.js": "",
            "g/function.json": named,
            "g/__init__.py": "def main(): pass",
            "h/function.json": HTTP,
            "h/index.js": "",
        },
    )

    assert app.languages == {Language.NODE, Language.PYTHON}
    assert app.connections() == ("AzureSignalRConnectionString", "Other")
    assert [function.name for function, _ in app.bindings("http")] == ["f", "g", "h"]


def test_documents_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    app = patient(tmp_path, {"bad.json": "{", "package.json": "[1]"})

    assert app.document("bad.json") is None
    assert app.document("gone.json") is None
    assert app.document("host.json") is not None
    assert app.package() == {}
