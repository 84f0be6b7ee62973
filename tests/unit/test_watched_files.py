"""Which files a look sees, and what it remembers between looks."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from funcjson import watched_files
from funcjson.reload import changed_files
from funcjson.watched_files import Looker, Watched, snapshot


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


@pytest.mark.parametrize(
    ("name", "seen"),
    [("handler", True), ("bin/handler", True), ("data/deep/x.csv", True), ("other", False)],
)
def test_an_app_may_have_more_watched(tmp_path: Path, name: str, seen: bool) -> None:
    more = Watched(frozenset({"handler"}), ("data",))
    before = snapshot(tmp_path, more)
    file = write(tmp_path, name)

    assert changed_files(before, snapshot(tmp_path, more)) == ([str(file)] if seen else [])


def names(root: Path, found: watched_files.Snapshot) -> list[str]:
    return sorted(os.path.relpath(path, root) for path in found)


def test_an_environment_of_python_is_known_by_its_sign_and_not_by_its_name(tmp_path: Path) -> None:
    for name in ("venv", "tools/py312"):
        write(tmp_path, f"{name}/pyvenv.cfg")
        write(tmp_path, f"{name}/lib/python3.12/a.py")
    write(tmp_path, "env/settings.py")

    assert names(tmp_path, snapshot(tmp_path)) == ["env/settings.py"]


def test_links_are_followed_and_each_file_is_seen_once(tmp_path: Path) -> None:
    app = tmp_path / "repo/app"
    write(app, "src/a.py")
    write(tmp_path, "repo/libs/b.py")
    write(tmp_path, "repo/functions/f/function.json")
    write(tmp_path, "repo/node_modules/x/index.js")
    for link, target in {
        "f": "../functions/f",
        "src/linked": "../../libs",
        "again": "src",
        "src/round": ".",
        "up": "../..",
        "x": "../node_modules/x",
        "nowhere": "nothing",
    }.items():
        (app / link).symlink_to(target)

    assert names(app, snapshot(app)) == ["f/function.json", "src/a.py", "src/linked/b.py"]


def test_a_single_file_may_lie_anywhere_and_is_seen_once(tmp_path: Path) -> None:
    app = tmp_path / "app"
    inside = (write(app, "a.py"), write(app, "data.json"))
    outside = write(tmp_path, "libs/b.js")
    more = Watched(files=tuple(map(str, (*inside, outside))))

    assert names(app, snapshot(app, more)) == ["../libs/b.js", "a.py", "data.json"]

    (app / "linked").symlink_to("../libs")
    assert names(app, snapshot(app, more)) == ["a.py", "data.json", "linked/b.js"]


def age(folder: Path, seconds: float) -> None:
    os.utime(folder, (time.time() - seconds,) * 2)


def test_a_folder_whose_time_stands_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        write(tmp_path, f"static/{number}/page.html")
        age(tmp_path / f"static/{number}", 60)
    look = Looker()
    before = look(tmp_path)
    read: list[object] = []
    scandir = os.scandir
    monkeypatch.setattr(
        watched_files.os, "scandir", lambda path: read.append(path) or scandir(path)
    )

    code = write(tmp_path, "static/7/code.js")
    after = look(tmp_path)

    assert changed_files(before, after) == [str(code)]
    assert str(code.parent) in read
    assert len(read) < 10, "the folders that are new, that changed, and one in turn"


def write_unnoticed(root: Path, name: str) -> Path:
    """A new file in a folder that keeps its time."""
    status = (root / name).parent.stat()
    file = write(root, name)
    os.utime(file.parent, ns=(status.st_atime_ns, status.st_mtime_ns))
    return file


def test_a_file_is_seen_that_came_within_one_tick_of_a_coarse_clock(tmp_path: Path) -> None:
    look = Looker()
    write(tmp_path, "sub/a.py")
    before = look(tmp_path)
    code = write_unnoticed(tmp_path, "sub/b.py")

    assert changed_files(before, look(tmp_path)) == [str(code)]


def test_a_file_is_seen_after_some_looks_where_folders_have_no_time(tmp_path: Path) -> None:
    look = Looker()
    write(tmp_path, "sub/a.py")
    age(tmp_path / "sub", 60)
    before = look(tmp_path)
    code = write_unnoticed(tmp_path, "sub/b.py")

    while (after := look(tmp_path)) == before:
        pass
    assert changed_files(before, after) == [str(code)]


def test_a_folder_that_goes_and_comes_is_seen(tmp_path: Path) -> None:
    look = Looker()
    file = write(tmp_path, "sub/deep/a.py")
    before = look(tmp_path)
    (tmp_path / "sub").rename(tmp_path / "other")
    between = look(tmp_path)
    (tmp_path / "other").rename(tmp_path / "sub")

    assert names(tmp_path, between) == ["other/deep/a.py"]
    assert look(tmp_path) == before == {str(file): before[str(file)]}
