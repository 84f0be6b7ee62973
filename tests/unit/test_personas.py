"""The personas file."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.errors import Severity
from funcjson.identity import Persona
from funcjson.personas import find_persona, load_personas, not_among, read_personas

ALICE = Persona("1", "Alice", "github", ("admin",))
DESCRIBED = '{"id": "1", "name": "Alice", "provider": "github", "roles": ["admin"]}'


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f'{{"alice": {DESCRIBED}}}', "alice"),
        (f'{{"$schema": "x", "personas": {{"alice": {DESCRIBED}}}}}', "alice"),
        (f"[{DESCRIBED}]", "Alice"),
        (f'// mine\n{{"alice": {DESCRIBED},}}', "alice"),
    ],
)
def test_the_shapes_of_the_file(text: str, name: str) -> None:
    assert read_personas(text, "personas.json") == ({name: ALICE}, ())


def test_a_name_is_enough() -> None:
    found, _ = read_personas('{"bob": {}}', "personas.json")

    assert found == {"bob": Persona("bob", "bob", "")}


def test_a_persona_without_a_provider_is_of_the_one_that_is_signed_in_with() -> None:
    found, _ = read_personas('{"bob": {}, "eve": {"provider": "aad"}}', "personas.json")

    assert found is not None
    assert find_persona(found, "bob", "github") == Persona("bob", "bob", "github")
    assert find_persona(found, "eve", "github") == Persona("eve", "eve", "aad")


def test_a_member_that_nobody_reads_is_told_and_the_persona_used() -> None:
    text = '{"dora": {"nmae": "x", "xyz": 1, "$comment": "mine", "userRoles": []}}'
    found, problems = read_personas(text, "personas.json")

    assert list(found or ()) == ["dora"]
    assert [(p.code, p.severity, str(p.where)) for p in problems] == [
        ("FJ0154", Severity.WARNING, "personas.json:1:11  /dora/nmae"),
        ("FJ0154", Severity.WARNING, "personas.json:1:24  /dora/xyz"),
    ]
    assert problems[0].fix == "write 'name'"


def test_a_name_that_was_made_up_is_told_with_those_there_are() -> None:
    personas = {"alice": ALICE, "bob": ALICE}

    assert not_among(personas, "ALICE") == ""
    assert not_among({}, "zoe") == ""
    assert "alice, bob" in not_among(personas, "alise")


def test_one_wrong_persona_leaves_the_others() -> None:
    found, problems = read_personas('{"a": 1,\n "b": {}}', "personas.json")

    assert list(found or ()) == ["b"]
    assert [(p.code, str(p.where)) for p in problems] == [("FJ0154", "personas.json:1:7  /a")]


@pytest.mark.parametrize("member", ['"roles": true', '"claims": 42', '"name": ["x"]'])
def test_a_member_of_a_wrong_type_is_told_with_its_persona(member: str) -> None:
    found, problems = read_personas(f'{{"bob": {{{member}}}, "eve": {{}}}}', "personas.json")

    assert list(found or ()) == ["eve"]
    assert [(p.code, str(p.where)) for p in problems] == [("FJ0154", "personas.json:1:9  /bob")]


def test_the_place_of_a_persona_with_a_slash_in_its_name() -> None:
    _, problems = read_personas('{\n "a/b": 1,\n "~": {"nope": 1}}', "personas.json")

    assert [str(p.where) for p in problems] == [
        "personas.json:2:9  /a~1b",
        "personas.json:3:8  /~0/nope",
    ]


def test_a_broken_file_is_told() -> None:
    found, problems = read_personas("{", "personas.json")

    assert (found, [p.code for p in problems]) == (None, ["FJ0101"])


@pytest.mark.parametrize("text", ["null", "5", "true", '"alice"'])
def test_a_file_that_holds_no_personas_at_all_counts_as_broken(text: str) -> None:
    found, problems = read_personas(text, "personas.json")

    assert found is None
    assert [(p.code, str(p.where)) for p in problems] == [("FJ0154", "personas.json:1:1")]


@pytest.mark.parametrize("text", ["[]", "{}", '{"personas": []}', '{"$schema": "x"}'])
def test_a_file_without_anybody_in_it_is_told(text: str) -> None:
    found, problems = read_personas(text, "personas.json")

    assert found == {}
    assert [(p.code, p.what) for p in problems] == [("FJ0154", "the file has no personas")]


@pytest.mark.parametrize("name", ["personas.json", ".funcjson/personas.json"])
def test_a_folder_of_that_name_is_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)

    found, problems = load_personas(tmp_path)

    assert found is None
    assert [(p.code, str(p.where)) for p in problems] == [("FJ0120", name)]


def test_the_hidden_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "personas.json").write_text('{"outer": {}}', "utf-8")
    assert list(load_personas(tmp_path)[0] or ()) == ["outer"]

    (tmp_path / ".funcjson").mkdir()
    (tmp_path / ".funcjson" / "personas.json").write_text('{"inner": {}}', "utf-8")
    assert list(load_personas(tmp_path)[0] or ()) == ["inner"]


def test_no_file_is_no_persona(tmp_path: Path) -> None:
    assert load_personas(tmp_path) == ({}, ())


def test_a_name_is_found_in_any_letter_case_or_invented() -> None:
    assert find_persona({"alice": ALICE}, "ALICE") == ALICE
    assert find_persona({}, "zoe", "github") == Persona("zoe", "zoe", "github")
