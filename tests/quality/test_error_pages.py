"""errors.md and the code agree: each code has a page, each page a code, and examples do as told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from funcjson.check import validate_app

PACKAGE = Path(__file__).parents[2] / "runtime" / "funcjson"
TEXT = (PACKAGE / "errors.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (FJ\d{4}) ", TEXT, re.MULTILINE)
FENCE = re.compile(r"^```\w+ (wrong|right) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HANDLER = "def main(req):\n    return 'ok'\n"


def _codes_in_source() -> set[str]:
    sources = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.mjs"), *PACKAGE.rglob("*.cjs")]
    code = re.compile(r"""["'](FJ0\d{3})["']""")
    return {found for file in sources for found in code.findall(file.read_text(encoding="utf-8"))}


def _examples() -> list[tuple[str, str, dict[str, str]]]:
    """Code, wrong or right, and the files of each example that names files."""
    sections = re.split(r"^## (FJ\d{4}) .*$", TEXT, flags=re.MULTILINE)
    found: list[tuple[str, str, dict[str, str]]] = []
    for code, body in zip(sections[1::2], sections[2::2], strict=True):
        for wanted in ("wrong", "right"):
            files = {f: text for kind, f, text in FENCE.findall(body) if kind == wanted}
            if files:
                found.append((code, wanted, files))
    return found


def test_each_code_has_a_page() -> None:
    assert sorted(_codes_in_source() - set(HEADINGS)) == []


def test_each_page_is_of_a_code_and_there_is_one_in_order() -> None:
    assert sorted(set(HEADINGS) - _codes_in_source()) == []
    assert sorted(set(HEADINGS)) == HEADINGS


def test_each_page_says_what_azure_does() -> None:
    bodies = re.split(r"^## (?=FJ)", TEXT, flags=re.MULTILINE)[1:]

    assert [body[:6] for body in bodies if "\nOn Azure: " not in body] == []


@pytest.mark.parametrize(
    ("code", "kind", "files"),
    _examples(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_examples_do_as_told(code: str, kind: str, files: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "app"
    for name, text in ({"host.json": '{"version": "2.0"}'} | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for document in root.rglob("function*.json"):
        if len(list(document.parent.iterdir())) == 1:
            (document.parent / "__init__.py").write_text(HANDLER, encoding="utf-8")

    codes = [problem.code for problem in validate_app(root, {})]

    assert (code in codes) == (kind == "wrong"), codes
    if kind == "right":
        assert [found for found in codes if found in HEADINGS and found[:4] == code[:4]] == []
