"""json_reader: values, places and liberties of a text, without any opinion on them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from funcjson.json_reader import SINGLE, UNQUOTED, Broken, Reader, escape_pointer


def _random_value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(7 if depth < 4 else 5)
    if kind == 5:
        return [_random_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 6:
        return {
            chance.choice(["a", "b/c", "d~e", "\u00fc", 'q"']): _random_value(chance, depth + 1)
            for _ in range(chance.randrange(4))
        }
    return [None, True, -12, 3.5e-7, 'text "\\ \u00fc \U0001f600 \n'][kind]


@pytest.mark.parametrize("seed", range(200))
def test_whatever_json_writes_is_read_back(seed: int) -> None:
    value = _random_value(random.Random(seed))
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        reader = Reader(text)

        assert reader.document() == value
        assert reader.liberties == []


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_text_cut_anywhere_is_broken_at_a_place_inside(cut: int) -> None:
    text = '{"bindings": [{"type": "http", "n": 1.5, "list": [true, null]}]}'[:cut]

    with pytest.raises(Broken) as caught:
        Reader(text).document()

    assert 0 <= caught.value.offset <= len(text)
    assert caught.value.azure.endswith(".")


def test_places_are_offsets_of_name_and_value() -> None:
    reader = Reader('{"A": [1, {"b": 2}]}')
    reader.document()

    assert reader.places["/A"] == reader.places["/a"] == (1, 6)
    assert reader.places["/A/1/b"] == (11, 16)


def test_liberties_are_kept_with_their_place_and_name() -> None:
    reader = Reader("{a: 'x'}")
    reader.document()

    assert reader.liberties == [(UNQUOTED, 1, "a"), (SINGLE, 4, "")]


def test_names_are_escaped_in_pointers() -> None:
    assert escape_pointer("a/b~c") == "a~1b~0c"
