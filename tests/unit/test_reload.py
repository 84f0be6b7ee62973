"""Which changes of an app's files are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.reload import Watcher, changed_files, snapshot


def write(root: Path, name: str, text: str = "x") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize(
    "name", ["f/__init__.py", "f/function.json", "host.json", "local.settings.json", "shared/a.js", "lib/deep/x.mjs"]
)
def test_a_new_file_of_the_app_is_seen(tmp_path: Path, name: str) -> None:
    before = snapshot(tmp_path)
    file = write(tmp_path, name)

    assert changed_files(before, snapshot(tmp_path)) == [str(file)]


@pytest.mark.parametrize(
    "name", ["node_modules/a/index.js", ".venv/lib/a.py", "f/__pycache__/a.py", "data.json", "page.html", ".git/x.py"]
)
def test_what_is_not_the_apps_code_is_not_watched(tmp_path: Path, name: str) -> None:
    before = snapshot(tmp_path)
    write(tmp_path, name)

    assert snapshot(tmp_path) == before


def test_another_size_or_a_removal_is_a_change(tmp_path: Path) -> None:
    kept, gone = write(tmp_path, "a.py"), write(tmp_path, "b.py")
    before = snapshot(tmp_path)
    kept.write_text("longer", "utf-8")
    gone.unlink()

    assert changed_files(before, snapshot(tmp_path)) == [str(kept), str(gone)]


async def test_files_written_together_are_one_change(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path, look_every_s=0.01)
    files = [write(tmp_path, name) for name in ("a.py", "b/function.json")]

    assert await watcher.changes() == sorted(map(str, files))
