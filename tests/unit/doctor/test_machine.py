"""The machine's own answers, as far as they need no network."""

from __future__ import annotations

from pathlib import Path

from funcjson.doctor.machine import ThisMachine


def test_a_program_that_is_not_there_gives_no_code(tmp_path: Path) -> None:
    ran = ThisMachine().run((str(tmp_path / "nothing"),), tmp_path, {})

    assert ran.code is None
    assert "No such file" in ran.err


def test_whether_it_is_a_container_is_seen_from_its_files() -> None:
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))

    assert ThisMachine().is_container() is any(mark.exists() for mark in marks)
