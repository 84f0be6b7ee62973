"""Which changes of an app's files are noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from funcjson.reload import ECHO_S, Watcher, busy_pause_s, changed_files, idle_pause_s
from funcjson.watched_files import Snapshot, Watched, snapshot


def write(root: Path, name: str, text: str = "x") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def test_another_size_or_a_removal_is_a_change(tmp_path: Path) -> None:
    kept, gone = write(tmp_path, "a.py"), write(tmp_path, "b.py")
    before = snapshot(tmp_path)
    kept.write_text("longer", "utf-8")
    gone.unlink()

    assert changed_files(before, snapshot(tmp_path)) == [str(kept), str(gone)]


async def test_files_written_together_are_one_change(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    files = [write(tmp_path, name) for name in ("a.py", "b/function.json")]

    assert await watcher.changes() == sorted(map(str, files))


async def test_what_changed_before_more_is_watched_is_not_lost(tmp_path: Path) -> None:
    code, program = write(tmp_path, "a.py"), write(tmp_path, "handler")
    watcher = Watcher(tmp_path)
    code.write_text("longer", "utf-8")
    watcher.also(Watched(frozenset({"handler"})))
    program.write_text("longer", "utf-8")

    assert await watcher.changes() == [str(code), str(program)]


async def test_a_file_that_came_before_more_is_watched_is_not_lost(tmp_path: Path) -> None:
    write(tmp_path, "data.json")
    watcher = Watcher(tmp_path)
    code = write(tmp_path, "new/a.py")
    watcher.also(Watched(frozenset({"data.json"})))

    assert await watcher.changes() == [str(code)]


async def test_a_file_that_comes_and_goes_is_no_change() -> None:
    nothing: Snapshot = {}
    scratch, code = {"scratch.py": (1, 1)}, {"a.py": (1, 1)}
    looks = iter([nothing, scratch, nothing, nothing, code, code])
    watcher = Watcher(Path("app"), lambda _root, _more: next(looks))

    assert await watcher.changes() == ["a.py"]


async def test_what_code_writes_whenever_it_is_loaded_is_no_change(tmp_path: Path) -> None:
    now = 0.0
    watcher = Watcher(tmp_path, clock=lambda: now)
    made, code = tmp_path / "made.py", tmp_path / "a.py"
    write(tmp_path, "made.py", "same")
    told = [await watcher.changes()]
    made.unlink()
    write(tmp_path, "made.py", "same")
    write(tmp_path, "a.py")
    told.append(await watcher.changes())
    # Much later somebody saves the file once more, to have it loaded again.
    now = ECHO_S + 1
    os.utime(made, (1, 1))
    told.append(await watcher.changes())

    assert told == [[str(made)], [str(code)], [str(made)]]


async def test_another_text_is_a_change_however_soon(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path, clock=lambda: 0.0)
    told = []
    for text in ("one", "other", "one"):
        file = write(tmp_path, "a.py", text)
        told.append(await watcher.changes())

    assert told == [[str(file)]] * 3


async def test_what_is_no_longer_watched_has_not_changed(tmp_path: Path) -> None:
    write(tmp_path, "data.csv")
    watcher = Watcher(tmp_path)
    watcher.also(Watched(frozenset({"data.csv"})))
    watcher.also(Watched())
    code = write(tmp_path, "a.py")

    assert await watcher.changes() == [str(code)]


@pytest.mark.parametrize(
    ("look_s", "idle_s", "busy_s"),
    [
        (0.0001, 0.025, 0.025),
        (0.001, 0.05, 0.025),
        (0.005, 0.1, 0.05),
        (0.05, 0.5, 0.5),
    ],
)
def test_a_look_that_takes_long_is_followed_by_a_longer_pause(
    look_s: float, idle_s: float, busy_s: float
) -> None:
    assert idle_pause_s(look_s) == pytest.approx(idle_s)
    assert busy_pause_s(look_s) == pytest.approx(busy_s)
