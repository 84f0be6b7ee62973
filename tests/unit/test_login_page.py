"""The login page shows what it is given and runs nothing of it."""

from __future__ import annotations

from funcjson.identity import Persona
from funcjson.login_page import login_page, page


def test_names_are_shown_and_never_run() -> None:
    evil = '"><script>alert(1)</script>'

    text = login_page("x", {evil: Persona("1", evil, roles=(evil,))}, evil)

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_provider_has_its_own_name() -> None:
    assert "Microsoft Entra ID" in login_page("aad", {}, "")
    assert "Local" in login_page("local", {}, "")


def test_without_personas_the_file_is_named() -> None:
    assert "personas.json" in login_page("aad", {}, "")


def test_a_page_has_its_title() -> None:
    assert "<title>a &amp; b</title>" in page("a & b", "<p>x</p>")
