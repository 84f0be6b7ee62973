"""Keys: who opens what, and how the file is kept."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from funcjson.errors import AppLoadError
from funcjson.keys import FILE, KeyFile, KeyRing, load_keys


def ring() -> KeyRing:
    return KeyRing("M", {"default": "H"}, {"signalr_extension": "S"}, {"f": {"default": "F"}})


@pytest.mark.parametrize(
    ("level", "opening"),
    [
        ("anonymous", {"M", "H", "S", "F", "x", "", None}),
        ("function", {"M", "H", "F"}),
        ("Function", {"M", "H", "F"}),
        ("system", {"M", "S"}),
        ("admin", {"M"}),
        ("ADMIN", {"M"}),
    ],
)
def test_who_opens_a_function(level: str, opening: set[str | None]) -> None:
    tried = ["M", "H", "S", "F", "x", "", None]

    assert {key for key in tried if ring().allows(level, "F", key)} == opening


def test_another_functions_key_does_not_open() -> None:
    assert not ring().allows("function", "g", "F")


def test_who_opens_the_rest() -> None:
    tried = ["M", "H", "S", "F", None]

    assert [key for key in tried if ring().opens_admin(key)] == ["M"]
    assert [key for key in tried if ring().opens_webhook("signalR", key)] == ["M", "S"]
    assert [key for key in tried if ring().opens_webhook("other", key)] == ["M"]


def test_keys_are_never_shown() -> None:
    text = repr(KeyRing("secret-m", {"default": "secret-h"}, {}, {"f": {"default": "secret-f"}}))

    assert "secret" not in text


def test_keys_are_made_and_kept(tmp_path: Path) -> None:
    first = load_keys(tmp_path, ["F"])
    second = load_keys(tmp_path, ["F", "g"])

    assert second.master == first.master
    assert second.functions["f"] == first.functions["f"]
    assert second.functions["g"]["default"] not in ("", first.functions["f"]["default"])
    assert len(first.master) >= 40


def write(root: Path, text: str) -> None:
    """As an editor does: a new file under the old name."""
    partial = root / FILE.with_name("new")
    partial.write_text(text, "utf-8")
    partial.replace(root / FILE)


def test_a_change_of_the_file_counts_at_the_next_request(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path, ["f"])
    old = keys.current().functions["f"]["default"]
    document = json.loads((tmp_path / FILE).read_text("utf-8"))
    document["functions"]["f"]["default"] = "mine"
    write(tmp_path, json.dumps(document))

    assert keys.current().allows("function", "f", "mine")
    assert not keys.current().allows("function", "f", old)


def test_a_file_that_is_deleted_revokes_its_keys(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path, ["f"])
    old = keys.current().master
    (tmp_path / FILE).unlink()

    assert keys.current().master not in ("", old)


def test_of_a_file_that_breaks_the_last_good_keys_stay_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = KeyFile(tmp_path, ["f"])
    good = keys.current().as_json()
    write(tmp_path, "{")

    assert keys.current().as_json() == keys.serve(["f"]).current().as_json() == good
    assert caplog.text.count("error[FJ0153]") == 1
    assert "The last good keys go on being enforced." in caplog.text

    write(tmp_path, json.dumps({"masterKey": "mine"}))
    assert keys.current().master == "mine"


def test_a_function_that_is_added_gets_a_key(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path, ["f"])
    before = keys.current().functions["f"]

    assert keys.serve(["f", "g"]).current().functions["f"] == before
    assert keys.current().functions["g"]["default"]


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    load_keys(tmp_path, [])
    path = tmp_path / FILE

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (path.parent / ".gitignore").read_text("utf-8") == "keys.json\n"


def test_a_file_made_by_hand_is_used_and_closed(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_text(json.dumps({"masterKey": "mine", "functions": {"F": {"a": "b"}}}), "utf-8")
    path.chmod(0o644)

    found = load_keys(tmp_path, ["f"])

    assert found.master == "mine"
    assert found.functions["f"]["a"] == "b"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("member", "value", "pointer", "why"),
    [
        ("functions", ["a"], "/functions", "an array"),
        ("functions", {"f": "secret"}, "/functions/f", "text"),
        ("functions", {"f": {"a/b": ["secret"]}}, "/functions/f/a~1b", "an array"),
        ("functionKeys", "secret", "/functionKeys", "text"),
        ("systemKeys", {"default": {"value": "secret"}}, "/systemKeys/default", "an object"),
        ("masterKey", ["secret"], "/masterKey", "an array"),
    ],
)
def test_what_is_no_keys_is_told_with_its_place(
    tmp_path: Path, member: str, value: object, pointer: str, why: str
) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    text = json.dumps({"masterKey": "M", member: value}, indent=2)
    path.write_text(text, "utf-8")

    with pytest.raises(AppLoadError) as caught:
        load_keys(tmp_path, ["f"])

    (problem,) = caught.value.problems
    assert problem.where is not None
    assert (problem.code, problem.where.pointer) == ("FJ0153", pointer)
    name = pointer.rpartition("/")[2].replace("~1", "/")
    assert f'"{name}"' in text.splitlines()[problem.where.line - 1]
    assert why in problem.why
    assert "secret" not in str(caught.value)
    assert path.read_text("utf-8") == text


def test_text_that_is_no_json_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text('{\n  "masterKey" "M"\n}', "utf-8")

    with pytest.raises(AppLoadError) as caught:
        load_keys(tmp_path, [])

    assert str(caught.value.problems[0].where).startswith(f"{FILE.as_posix()}:2:15")


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "null", "5"])
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_text(text, "utf-8")

    with pytest.raises(AppLoadError) as caught:
        load_keys(tmp_path, [])

    assert [p.code for p in caught.value.problems] == ["FJ0153"]
    assert path.read_text("utf-8") == text
