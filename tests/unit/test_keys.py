"""Keys: who opens what, and how the file is kept."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from funcjson.errors import AppLoadError
from funcjson.keys import FILE, KeyRing, load_keys


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


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_text(text, "utf-8")

    with pytest.raises(AppLoadError) as caught:
        load_keys(tmp_path, [])

    assert [p.code for p in caught.value.problems] == ["FJ0153"]
    assert path.read_text("utf-8") == text
