"""Every check of the SignalR service is in a vector, or README.md says which test it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
README = (HERE / "README.md").read_text(encoding="utf-8")
VECTORS = ("rest_api", "signalr_clients", "tokens", "upstream")


def expanded(text: str) -> list[str]:
    """The checks that a text names: "N01-N03" is three."""
    found = []
    for letter, first, last in re.findall(r"\b([A-Z])(\d\d)(?:-[A-Z](\d\d))?", text):
        found += [f"{letter}{number:02}" for number in range(int(first), int(last or first) + 1)]
    return found


def test_no_check_is_missing() -> None:
    paragraph = re.search(r"held to 228 checks:(.*?)\n\n", README, re.DOTALL)
    assert paragraph is not None
    checks = expanded(paragraph[1])
    titles = " ".join(
        vector["title"]
        for name in VECTORS
        for vector in json.loads((HERE / "vectors" / f"{name}.json").read_text("utf-8"))
    )
    elsewhere = " ".join(re.findall(r"^\| ([A-Z]\d\d\S*) \|", README, re.MULTILINE))
    known = set(expanded(titles)) | set(expanded(elsewhere))

    assert len(checks) == len(set(checks)) == 228
    assert [check for check in checks if check not in known] == []


def test_every_quirk_of_real_clients_has_its_test_and_the_services_side() -> None:
    section = README.partition("## The quirks")[2].partition("\n## ")[0]
    rows = [
        line.split(" | ") for line in section.splitlines() if "test_signalr_quirks.py::" in line
    ]

    assert len(rows) == 14, "the rows of the matrix"
    assert [row for row in rows if len(row) != 6 or not row[5].strip(" |")] == []
    named = {check for row in rows for check in expanded(row[5])}
    titles = " ".join(
        vector["title"]
        for name in VECTORS
        for vector in json.loads((HERE / "vectors" / f"{name}.json").read_text("utf-8"))
    )
    elsewhere = " ".join(re.findall(r"^\| ([A-Z]\d\d\S*) \|", README, re.MULTILINE))
    assert sorted(named - set(expanded(titles)) - set(expanded(elsewhere))) == []


def test_what_the_readme_points_at_is_there() -> None:
    places = re.findall(r"`(tests/\S+?\.py)::(\w+)`", README)

    assert len(places) > 20
    for file, name in places:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {name}(" in text, (file, name)


def test_the_table_names_each_file() -> None:
    table = README.partition("## The checks")[0]
    files = sorted(file.name for file in (HERE / "vectors").glob("*.json"))

    assert sorted(re.findall(r"`(\w+\.json)`", table)) == files
    for name in re.findall(r"`(test_\w+\.py)`", table):
        assert (HERE / name).is_file(), name


@pytest.mark.parametrize("file", sorted((HERE / "vectors").glob("*.json")), ids=lambda f: f.stem)
def test_each_case_names_its_source(file: Path) -> None:
    rows = json.loads(file.read_text("utf-8"))
    cases = rows if isinstance(rows, list) else rows["vectors"]

    assert [case["title"] for case in cases if not case.get("from", "").strip()] == []
