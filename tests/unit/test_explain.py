"""explain: a page for each code, and the nearest codes for one that does not exist."""

from __future__ import annotations

import pytest

from funcjson.explain import explain_code, pages


@pytest.mark.parametrize("written", ["FJ0202", "fj0202", " 0202 ", "202"])
def test_a_code_is_found_however_it_is_written(written: str) -> None:
    assert explain_code(written).startswith("FJ0202  a property is missing\n")


def test_a_page_has_both_examples_and_azure() -> None:
    page = explain_code("FJ0202")

    assert "  wrong: f/function.json\n" in page
    assert "  right: f/function.json\n" in page
    assert "\nOn Azure: " in page
    assert "`" not in page


def test_an_unknown_code_names_the_nearest() -> None:
    assert explain_code("FJ0298").startswith("There is no code FJ0298. Near it are:\n  FJ02")
    assert explain_code("nonsense") == "There is no code nonsense."


def test_every_page_fits_a_screen() -> None:
    long = [code for code, page in pages().items() if len(page.splitlines()) > 60]

    assert long == []
