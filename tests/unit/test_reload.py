"""Which changes of an app's files are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.reload import Snapshot, Watched, Watcher, changed_files, snapshot


def write(root: Path, name: str, text: str = "x") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize(
    "name",
    [
        "f/__init__.py",
        "f/function.json",
        "host.json",
        "local.settings.json",
        "shared/a.js",
        "lib/deep/x.mjs",
    ],
)
def test_a_new_file_of_the_app_is_seen(tmp_path: Path, name: str) -> None:
    before = snapshot(tmp_path)
    file = write(tmp_path, name)

    assert changed_files(before, snapshot(tmp_path)) == [str(file)]


@pytest.mark.parametrize(
    "name",
    [
        "node_modules/a/index.js",
        ".venv/lib/a.py",
        "env/lib/a.py",
        "f/__pycache__/a.py",
        "data.json",
        "page.html",
        ".git/x.py",
    ],
)
def test_what_is_not_the_apps_code_is_not_watched(tmp_path: Path, name: str) -> None:
    before = snapshot(tmp_path)
    write(tmp_path, name)

    assert snapshot(tmp_path) == before


def test_single_files_are_watched_where_nothing_else_is(tmp_path: Path) -> None:
    more = Watched(files=(".funcjson/personas.json",))
    before = snapshot(tmp_path, more)
    file = write(tmp_path, ".funcjson/personas.json")
    write(tmp_path, ".funcjson/session.key")

    assert changed_files(before, snapshot(tmp_path, more)) == [str(file)]


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


@pytest.mark.parametrize(
    ("name", "seen"),
    [("handler", True), ("bin/handler", True), ("data/deep/x.csv", True), ("other", False)],
)
def test_an_app_may_have_more_watched(tmp_path: Path, name: str, seen: bool) -> None:
    more = Watched(frozenset({"handler"}), ("data",))
    before = snapshot(tmp_path, more)
    file = write(tmp_path, name)

    assert changed_files(before, snapshot(tmp_path, more)) == ([str(file)] if seen else [])


async def test_what_changed_before_more_is_watched_is_not_lost(tmp_path: Path) -> None:
    code, program = write(tmp_path, "a.py"), write(tmp_path, "handler")
    watcher = Watcher(tmp_path, look_every_s=0.01)
    code.write_text("longer", "utf-8")
    watcher.also(Watched(frozenset({"handler"})))
    program.write_text("longer", "utf-8")

    assert await watcher.changes() == [str(code), str(program)]


async def test_a_file_that_came_before_more_is_watched_is_not_lost(tmp_path: Path) -> None:
    write(tmp_path, "data.json")
    watcher = Watcher(tmp_path, look_every_s=0.01)
    code = write(tmp_path, "new/a.py")
    watcher.also(Watched(frozenset({"data.json"})))

    assert await watcher.changes() == [str(code)]


async def test_a_file_that_comes_and_goes_is_no_change() -> None:
    nothing: Snapshot = {}
    scratch, code = {"scratch.py": (1, 1)}, {"a.py": (1, 1)}
    looks = iter([nothing, scratch, nothing, nothing, code, code])
    watcher = Watcher(Path("app"), 0.0, lambda _root, _more: next(looks))

    assert await watcher.changes() == ["a.py"]
