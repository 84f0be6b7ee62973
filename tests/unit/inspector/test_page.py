"""The page's own files: its colours can be read in light and dark, and every id that scripts use is there."""

from __future__ import annotations

import re

import pytest

from funcjson.inspector.site import page_file

SCRIPTS = ("steps.js", "client.js", "views.js", "panes.js", "app.js")
PAIRS = [
    ("text", "page"),
    ("text", "panel"),
    ("text", "sunk"),
    ("text", "chosen"),
    ("soft", "page"),
    ("soft", "panel"),
    ("soft", "sunk"),
    ("soft", "chosen"),
    ("link", "page"),
    ("link", "panel"),
    ("link", "bad-back"),
    ("link", "warn-back"),
    ("on-link", "link"),
    ("good", "good-back"),
    ("bad", "bad-back"),
    ("warn", "warn-back"),
    ("text", "bad-back"),
    ("text", "warn-back"),
    ("soft", "bad-back"),
    ("soft", "warn-back"),
]


def colours(scheme: str) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", page_file("style.css"), re.DOTALL)
    found: dict[str, str] = {}
    for block in blocks[: 1 if scheme == "light" else 2]:
        found |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_text_has_the_contrast_that_wcag_asks_for(scheme: str, front: str, back: str) -> None:
    found = colours(scheme)
    high, low = sorted((luminance(found[front]), luminance(found[back])), reverse=True)

    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_scripts_find_what_they_look_for() -> None:
    there = set(re.findall(r'\bid="([a-z-]+)"', page_file("index.html")))
    made = {"hub-names", "targets", "paths"}
    used: set[str] = set()
    for name in ("app.js", "views.js", "panes.js"):
        used |= set(re.findall(r'(?:\$|getElementById)\("([a-z-]+)"\)', page_file(name)))

    assert used - there - made == set()


def test_nothing_moves_by_itself() -> None:
    style = page_file("style.css")

    assert "animation" not in style
    assert "transition" not in style


def test_no_script_makes_html_of_text() -> None:
    for name in SCRIPTS:
        text = page_file(name)
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in text, f"{name}: {word}"


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_can_be_read(name: str) -> None:
    long = [at for at, line in enumerate(page_file(name).splitlines(), 1) if len(line) > 160]

    assert long == []
