"""app_offline: the file is looked for each time, and each change is told once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from funcjson.app_offline import Offline, offline_page


def test_an_app_is_offline_while_the_page_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "funcjson.host")
    offline, file = Offline(tmp_path), tmp_path / "app_offline.htm"
    seen = [bool(offline)]
    file.write_bytes(b"one")
    seen += [bool(offline), bool(offline)]
    assert offline_page(tmp_path) == b"one"
    file.unlink()
    seen.append(bool(offline))

    assert seen == [False, True, True, False]
    assert offline_page(tmp_path) is None
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the app is offline",
        "the app is online again",
    ]
