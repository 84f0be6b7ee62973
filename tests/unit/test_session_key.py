"""The key of the login cookies: the same after a restart, and no file before somebody signs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.session_key import FILE, SessionKey


def test_a_restart_has_the_same_key(tmp_path: Path) -> None:
    first = SessionKey(tmp_path)
    first.used()
    first.used()

    assert SessionKey(tmp_path).value == first.value
    assert len(first.value) >= 32


def test_an_app_in_which_nobody_signs_in_stays_as_it_is(tmp_path: Path) -> None:
    assert SessionKey(tmp_path).value != SessionKey(tmp_path).value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"abcd", b"not hexadecimal", b"\xff"])
def test_a_file_without_a_key_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(content)
    key = SessionKey(tmp_path)
    key.used()

    assert SessionKey(tmp_path).value == key.value


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".funcjson").touch()
    key = SessionKey(tmp_path)
    key.used()

    assert "a restart will sign everybody out" in caplog.text
    assert key.value.hex() not in caplog.text
