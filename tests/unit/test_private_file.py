"""A private file: only its owner reads it, git does not take it, and other files of the folder may be shared."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from funcjson.private_file import write_private


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / ".funcjson" / "x.key"
    write_private(path, "text")

    assert path.read_text("utf-8") == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(p.name for p in path.parent.iterdir()) == [".gitignore", "x.key"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "x.key\n"),
        ("keys.json\n", "keys.json\nx.key\n"),
        ("mine", "mine\nx.key\n"),
        ("*\n", "*\n"),
        ("x.key\n", "x.key\n"),
    ],
)
def test_git_is_told_once(tmp_path: Path, before: str | None, after: str) -> None:
    ignore = tmp_path / ".gitignore"
    if before is not None:
        ignore.write_text(before, "utf-8")

    for _ in range(2):
        write_private(tmp_path / "x.key", "text")

    assert ignore.read_text("utf-8") == after
